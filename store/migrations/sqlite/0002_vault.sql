-- +goose Up
-- What the authorization server keeps: entries by kind and name, their bodies
-- sealed, with the tags by which they are found. The end of an entry, in Unix
-- milliseconds, is a column so that it can be swept away.
CREATE TABLE vault (
  tenant INTEGER NOT NULL, kind TEXT NOT NULL, entry TEXT NOT NULL,
  rev INTEGER NOT NULL, ends INTEGER NOT NULL, body BLOB NOT NULL,
  PRIMARY KEY (tenant, kind, entry)
) WITHOUT ROWID;
CREATE INDEX vault_ends ON vault (tenant, ends, kind, entry);
CREATE TABLE vault_tag (
  tenant INTEGER NOT NULL, kind TEXT NOT NULL, tag TEXT NOT NULL, entry TEXT NOT NULL,
  PRIMARY KEY (tenant, kind, tag, entry)
) WITHOUT ROWID;
CREATE INDEX vault_tag_entry ON vault_tag (tenant, kind, entry);
