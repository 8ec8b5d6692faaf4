-- The graph. A row is one version of one assertion; it is open while closed_epoch is NULL. Only
-- its scope writes it; a node exists while any assertion of it is open. Edges have no foreign key:
-- the other end may be unknown yet.
CREATE TABLE sv0.collections (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  -- The newest outcome, of whichever epoch.
  outcome text NOT NULL,
  outcome_epoch bigint NOT NULL,
  outcome_at timestamptz NOT NULL,
  missing text[] NOT NULL DEFAULT '{}',
  message text,
  -- The epoch and attempt whose records this collection was last applied from.
  applied_epoch bigint,
  applied_run text,
  applied_attempt integer,
  -- When absence was last proved.
  completed_at timestamptz,
  PRIMARY KEY (tenant, scope, collection)
);

-- The requests of an applied attempt: what a receipt's call number points to.
CREATE TABLE sv0.calls (
  tenant text NOT NULL,
  run text NOT NULL,
  collection text NOT NULL,
  attempt integer NOT NULL,
  calls json NOT NULL,
  PRIMARY KEY (tenant, run, collection)
);

CREATE TABLE sv0.documents (
  tenant text NOT NULL,
  -- sha256: and the SHA-256 of the body.
  digest text NOT NULL,
  body json NOT NULL,
  PRIMARY KEY (tenant, digest)
);

CREATE TABLE sv0.nodes (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  object text NOT NULL,
  id text NOT NULL,
  kind text NOT NULL,
  type text NOT NULL,
  name text NOT NULL,
  defines text[] NOT NULL,
  state json NOT NULL,
  -- SHA-256 over everything above that is no key.
  hash bytea NOT NULL,
  -- The raw record that opened this version.
  receipt_sha256 text NOT NULL,
  receipt_partition integer NOT NULL,
  receipt_offset bigint NOT NULL,
  receipt_run text NOT NULL,
  receipt_call integer NOT NULL,
  opened_epoch bigint NOT NULL,
  opened_at timestamptz NOT NULL,
  opened_version bigint NOT NULL,
  closed_epoch bigint,
  closed_at timestamptz,
  closed_version bigint,
  -- Set while the row is absent from complete listings that lost suspiciously much: the epoch time
  -- at which that was first seen.
  suspect_since timestamptz
);
CREATE UNIQUE INDEX nodes_open ON sv0.nodes (tenant, scope, collection, object, id)
  WHERE closed_epoch IS NULL;
CREATE INDEX nodes_id ON sv0.nodes (tenant, id);

CREATE TABLE sv0.edges (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  object text NOT NULL,
  kind text NOT NULL,
  from_id text NOT NULL,
  to_id text NOT NULL,
  discriminator text NOT NULL,
  basis text NOT NULL,
  state json NOT NULL,
  hash bytea NOT NULL,
  receipt_sha256 text NOT NULL,
  receipt_partition integer NOT NULL,
  receipt_offset bigint NOT NULL,
  receipt_run text NOT NULL,
  receipt_call integer NOT NULL,
  opened_epoch bigint NOT NULL,
  opened_at timestamptz NOT NULL,
  opened_version bigint NOT NULL,
  closed_epoch bigint,
  closed_at timestamptz,
  closed_version bigint,
  -- Set while the row is absent from complete listings that lost suspiciously much: the epoch time
  -- at which that was first seen.
  suspect_since timestamptz
);
CREATE UNIQUE INDEX edges_open
  ON sv0.edges (tenant, scope, collection, object, kind, from_id, to_id, discriminator)
  WHERE closed_epoch IS NULL;
CREATE INDEX edges_from ON sv0.edges (tenant, from_id);
CREATE INDEX edges_to ON sv0.edges (tenant, to_id);

-- Facts about use: merged by maximum, without history.
CREATE TABLE sv0.observed (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  object text NOT NULL,
  id text NOT NULL,
  fact text NOT NULL,
  value text NOT NULL,
  receipt_sha256 text NOT NULL,
  PRIMARY KEY (tenant, scope, collection, object, id, fact)
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['collections', 'calls', 'documents', 'nodes', 'edges', 'observed']
  LOOP
    EXECUTE format('ALTER TABLE sv0.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY one_tenant ON sv0.%I TO sv0_worker '
      'USING (tenant = current_setting(''sv0.tenant'', true))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.%I TO sv0_worker', name);
  END LOOP;
END $$;
