-- +goose Up
-- The same tables as the other dialect; store/migrations_test.go compares them.

-- A security class, interned. Append only; ids are never reused.
CREATE TABLE class (
  tenant INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX class_name ON class (tenant, name);

-- A set of patients, interned: the subjects of a version. Set 0 is empty.
CREATE TABLE subject_set (
  tenant INTEGER NOT NULL, id INTEGER NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
) WITHOUT ROWID;
CREATE UNIQUE INDEX subject_set_name ON subject_set (tenant, name);
CREATE TABLE subject_member (
  tenant INTEGER NOT NULL, patient TEXT NOT NULL, id INTEGER NOT NULL,
  PRIMARY KEY (tenant, patient, id)
) WITHOUT ROWID;
CREATE INDEX subject_member_id ON subject_member (tenant, id);

-- A resource: its identity and its current version. rid counts up with time, so
-- that what is made together lies together; it is never shown. ord, a hash of
-- type and id, orders what nothing else does.
CREATE TABLE resource (
  tenant INTEGER NOT NULL, rid INTEGER NOT NULL, ord INTEGER NOT NULL, type INTEGER NOT NULL, id TEXT NOT NULL,
  seq INTEGER NOT NULL, updated INTEGER NOT NULL, deleted INTEGER NOT NULL,
  class INTEGER NOT NULL, subject INTEGER NOT NULL, author TEXT NOT NULL,
  PRIMARY KEY (tenant, rid)
) WITHOUT ROWID;
CREATE UNIQUE INDEX resource_id ON resource (tenant, type, id);
CREATE INDEX resource_scan ON resource (tenant, type, deleted, ord, rid, class, subject);
CREATE INDEX resource_updated ON resource (tenant, type, deleted, updated, ord, rid, class, subject);

-- Every version ever, append only. A tombstone keeps class and keys and has no
-- body of its own. key_id 0 is a body in the clear; encoding 0 is as received.
CREATE TABLE version (
  tenant INTEGER NOT NULL, rid INTEGER NOT NULL, ord INTEGER NOT NULL, seq INTEGER NOT NULL,
  type INTEGER NOT NULL, version TEXT NOT NULL, updated INTEGER NOT NULL,
  deleted INTEGER NOT NULL, method TEXT NOT NULL,
  class INTEGER NOT NULL, subject INTEGER NOT NULL, mention INTEGER NOT NULL, author TEXT NOT NULL,
  encounter TEXT NOT NULL, clinical INTEGER NOT NULL,
  prev BLOB NOT NULL, hash BLOB NOT NULL,
  key_id INTEGER NOT NULL, encoding INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (tenant, rid, seq)
);
CREATE INDEX version_time ON version (tenant, type, updated, ord, rid, seq, class, subject);

-- Index rows. param is the search parameter's number times 16 plus the part.
-- grp joins the component rows of one composite value. element is the class of
-- an element with an inline label of its own, else 0.
CREATE TABLE idx_text (
  tenant INTEGER NOT NULL, rid INTEGER NOT NULL, ord INTEGER NOT NULL, param INTEGER NOT NULL, n INTEGER NOT NULL, grp INTEGER NOT NULL,
  v TEXT NOT NULL, x TEXT NOT NULL,
  class INTEGER NOT NULL, subject INTEGER NOT NULL, element INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, rid, param, n)
) WITHOUT ROWID;
CREATE INDEX idx_text_v ON idx_text (tenant, param, v, ord, rid, x, class, subject, grp);
CREATE TABLE idx_date (
  tenant INTEGER NOT NULL, rid INTEGER NOT NULL, param INTEGER NOT NULL, n INTEGER NOT NULL, grp INTEGER NOT NULL,
  lo INTEGER NOT NULL, hi INTEGER NOT NULL,
  class INTEGER NOT NULL, subject INTEGER NOT NULL, element INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, rid, param, n)
) WITHOUT ROWID;
CREATE INDEX idx_date_lo ON idx_date (tenant, param, lo, hi, rid, class, subject);
CREATE TABLE idx_number (
  tenant INTEGER NOT NULL, rid INTEGER NOT NULL, param INTEGER NOT NULL, n INTEGER NOT NULL, grp INTEGER NOT NULL,
  lo REAL NOT NULL, hi REAL NOT NULL, v TEXT NOT NULL, x TEXT NOT NULL,
  class INTEGER NOT NULL, subject INTEGER NOT NULL, element INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, rid, param, n)
) WITHOUT ROWID;
CREATE INDEX idx_number_lo ON idx_number (tenant, param, lo, hi, rid, v, x, class, subject);

-- Ties that asserted versions establish: authority, read by decisions only.
CREATE TABLE tie (
  tenant INTEGER NOT NULL, holder TEXT NOT NULL, relation TEXT NOT NULL, patient TEXT NOT NULL,
  rid INTEGER NOT NULL, n INTEGER NOT NULL, since INTEGER NOT NULL, until INTEGER NOT NULL,
  PRIMARY KEY (tenant, holder, relation, patient, rid, n)
) WITHOUT ROWID;
CREATE INDEX tie_rid ON tie (tenant, rid);

-- Outcomes committed with their change, until the journal has them.
CREATE TABLE outbox (
  tenant INTEGER NOT NULL, visit TEXT NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY (tenant, visit)
) WITHOUT ROWID;

-- The first result of a change that named itself (X-Request-Id), by its owner.
CREATE TABLE request (
  tenant INTEGER NOT NULL, owner TEXT NOT NULL, request TEXT NOT NULL,
  at INTEGER NOT NULL, digest BLOB NOT NULL, result BLOB NOT NULL,
  PRIMARY KEY (tenant, owner, request)
) WITHOUT ROWID;

-- Possible duplicates that a condition could not see, for the officer.
CREATE TABLE reconcile (
  tenant INTEGER NOT NULL, rid INTEGER NOT NULL, other INTEGER NOT NULL, at INTEGER NOT NULL,
  PRIMARY KEY (tenant, rid, other)
) WITHOUT ROWID;

-- Small facts of the store itself: the key of page links, the schema's origin.
CREATE TABLE setting (
  tenant INTEGER NOT NULL, name TEXT NOT NULL, value BLOB NOT NULL,
  PRIMARY KEY (tenant, name)
) WITHOUT ROWID;
