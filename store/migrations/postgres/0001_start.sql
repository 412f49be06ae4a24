-- +goose Up
-- The same tables as the other dialect; store/migrations_test.go compares them.

-- A security class, interned. Append only; ids are never reused.
CREATE TABLE class (
  tenant BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX class_name ON class (tenant, name);

-- A set of patients, interned: the subjects of a version. Set 0 is empty.
CREATE TABLE subject_set (
  tenant BIGINT NOT NULL, id BIGINT NOT NULL, name TEXT NOT NULL,
  PRIMARY KEY (tenant, id)
);
CREATE UNIQUE INDEX subject_set_name ON subject_set (tenant, name);
CREATE TABLE subject_member (
  tenant BIGINT NOT NULL, patient TEXT COLLATE "C" NOT NULL, id BIGINT NOT NULL,
  PRIMARY KEY (tenant, patient, id)
);
CREATE INDEX subject_member_id ON subject_member (tenant, id);

-- A resource: its identity and its current version. rid counts up with time, so
-- that what is made together lies together; it is never shown. ord, a hash of
-- type and id, orders what nothing else does.
CREATE TABLE resource (
  tenant BIGINT NOT NULL, rid BIGINT NOT NULL, ord BIGINT NOT NULL, type BIGINT NOT NULL, id TEXT COLLATE "C" NOT NULL,
  seq BIGINT NOT NULL, updated BIGINT NOT NULL, deleted BIGINT NOT NULL,
  class BIGINT NOT NULL, subject BIGINT NOT NULL, author TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, rid)
);
CREATE UNIQUE INDEX resource_id ON resource (tenant, type, id);
CREATE INDEX resource_scan ON resource (tenant, type, deleted, ord, rid, class, subject);
CREATE INDEX resource_updated ON resource (tenant, type, deleted, updated, ord, rid, class, subject);

-- Every version ever, append only. A tombstone keeps class and keys and has no
-- body of its own. key_id 0 is a body in the clear; encoding 0 is as received.
CREATE TABLE version (
  tenant BIGINT NOT NULL, rid BIGINT NOT NULL, ord BIGINT NOT NULL, seq BIGINT NOT NULL,
  type BIGINT NOT NULL, version TEXT COLLATE "C" NOT NULL, updated BIGINT NOT NULL,
  deleted BIGINT NOT NULL, method TEXT NOT NULL,
  class BIGINT NOT NULL, subject BIGINT NOT NULL, mention BIGINT NOT NULL, author TEXT COLLATE "C" NOT NULL,
  encounter TEXT COLLATE "C" NOT NULL, clinical BIGINT NOT NULL,
  prev BYTEA NOT NULL, hash BYTEA NOT NULL,
  key_id BIGINT NOT NULL, encoding BIGINT NOT NULL, body BYTEA NOT NULL,
  PRIMARY KEY (tenant, rid, seq)
);
CREATE INDEX version_time ON version (tenant, type, updated, ord, rid, seq, class, subject);

-- Index rows. param is the search parameter's number times 16 plus the part.
-- grp joins the component rows of one composite value. element is the class of
-- an element with an inline label of its own, else 0.
CREATE TABLE idx_text (
  tenant BIGINT NOT NULL, rid BIGINT NOT NULL, ord BIGINT NOT NULL, param BIGINT NOT NULL, n BIGINT NOT NULL, grp BIGINT NOT NULL,
  v TEXT COLLATE "C" NOT NULL, x TEXT COLLATE "C" NOT NULL,
  class BIGINT NOT NULL, subject BIGINT NOT NULL, element BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, rid, param, n)
);
CREATE INDEX idx_text_v ON idx_text (tenant, param, v, ord, rid, x, class, subject, grp);
CREATE TABLE idx_date (
  tenant BIGINT NOT NULL, rid BIGINT NOT NULL, param BIGINT NOT NULL, n BIGINT NOT NULL, grp BIGINT NOT NULL,
  lo BIGINT NOT NULL, hi BIGINT NOT NULL,
  class BIGINT NOT NULL, subject BIGINT NOT NULL, element BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, rid, param, n)
);
CREATE INDEX idx_date_lo ON idx_date (tenant, param, lo, hi, rid, class, subject);
CREATE TABLE idx_number (
  tenant BIGINT NOT NULL, rid BIGINT NOT NULL, param BIGINT NOT NULL, n BIGINT NOT NULL, grp BIGINT NOT NULL,
  lo DOUBLE PRECISION NOT NULL, hi DOUBLE PRECISION NOT NULL, v TEXT COLLATE "C" NOT NULL, x TEXT COLLATE "C" NOT NULL,
  class BIGINT NOT NULL, subject BIGINT NOT NULL, element BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, rid, param, n)
);
CREATE INDEX idx_number_lo ON idx_number (tenant, param, lo, hi, rid, v, x, class, subject);

-- Ties that asserted versions establish: authority, read by decisions only.
CREATE TABLE tie (
  tenant BIGINT NOT NULL, holder TEXT COLLATE "C" NOT NULL, relation TEXT COLLATE "C" NOT NULL, patient TEXT COLLATE "C" NOT NULL,
  rid BIGINT NOT NULL, n BIGINT NOT NULL, since BIGINT NOT NULL, until BIGINT NOT NULL,
  PRIMARY KEY (tenant, holder, relation, patient, rid, n)
);
CREATE INDEX tie_rid ON tie (tenant, rid);

-- Outcomes committed with their change, until the journal has them.
CREATE TABLE outbox (
  tenant BIGINT NOT NULL, visit TEXT COLLATE "C" NOT NULL, payload BYTEA NOT NULL,
  PRIMARY KEY (tenant, visit)
);

-- The first result of a change that named itself (X-Request-Id), by its owner.
CREATE TABLE request (
  tenant BIGINT NOT NULL, owner TEXT COLLATE "C" NOT NULL, request TEXT COLLATE "C" NOT NULL,
  at BIGINT NOT NULL, digest BYTEA NOT NULL, result BYTEA NOT NULL,
  PRIMARY KEY (tenant, owner, request)
);

-- Possible duplicates that a condition could not see, for the officer.
CREATE TABLE reconcile (
  tenant BIGINT NOT NULL, rid BIGINT NOT NULL, other BIGINT NOT NULL, at BIGINT NOT NULL,
  PRIMARY KEY (tenant, rid, other)
);

-- Small facts of the store itself: the key of page links, the schema's origin.
CREATE TABLE setting (
  tenant BIGINT NOT NULL, name TEXT COLLATE "C" NOT NULL, value BYTEA NOT NULL,
  PRIMARY KEY (tenant, name)
);
