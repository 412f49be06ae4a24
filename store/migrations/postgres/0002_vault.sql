-- +goose Up
-- What the authorization server keeps: entries by kind and name, their bodies
-- sealed, with the tags by which they are found. The end of an entry, in Unix
-- milliseconds, is a column so that it can be swept away.
CREATE TABLE vault (
  tenant BIGINT NOT NULL, kind TEXT COLLATE "C" NOT NULL, entry TEXT COLLATE "C" NOT NULL,
  rev BIGINT NOT NULL, ends BIGINT NOT NULL, body BYTEA NOT NULL,
  PRIMARY KEY (tenant, kind, entry)
);
CREATE INDEX vault_ends ON vault (tenant, ends, kind, entry);
CREATE TABLE vault_tag (
  tenant BIGINT NOT NULL, kind TEXT COLLATE "C" NOT NULL, tag TEXT COLLATE "C" NOT NULL, entry TEXT COLLATE "C" NOT NULL,
  PRIMARY KEY (tenant, kind, tag, entry)
);
CREATE INDEX vault_tag_entry ON vault_tag (tenant, kind, entry);
