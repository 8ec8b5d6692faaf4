-- Where an attempt's fragments wait for its end. Unlogged: a crash of the server empties staging
-- and staged_positions together, and the loader reads again from positions.low. Outside row-level
-- security, because COPY does not work under it; only sv0_loader reaches these tables.
CREATE UNLOGGED TABLE sv0.staged_objects (
  run text NOT NULL,
  attempt integer NOT NULL,
  collection text NOT NULL,
  sequence bigint NOT NULL,
  object text NOT NULL,
  tainted boolean NOT NULL
);
CREATE INDEX ON sv0.staged_objects (run, attempt, collection);

CREATE UNLOGGED TABLE sv0.staged_nodes (
  run text NOT NULL,
  attempt integer NOT NULL,
  collection text NOT NULL,
  sequence bigint NOT NULL,
  object text NOT NULL,
  id text NOT NULL,
  kind text NOT NULL,
  type text NOT NULL,
  name text NOT NULL,
  defines text[] NOT NULL,
  state json NOT NULL,
  observed json NOT NULL,
  hash bytea NOT NULL,
  receipt_sha256 text NOT NULL,
  receipt_partition integer NOT NULL,
  receipt_offset bigint NOT NULL,
  receipt_call integer NOT NULL
);
CREATE INDEX ON sv0.staged_nodes (run, attempt, collection);

CREATE UNLOGGED TABLE sv0.staged_edges (
  run text NOT NULL,
  attempt integer NOT NULL,
  collection text NOT NULL,
  sequence bigint NOT NULL,
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
  receipt_call integer NOT NULL
);
CREATE INDEX ON sv0.staged_edges (run, attempt, collection);

CREATE UNLOGGED TABLE sv0.staged_documents (
  run text NOT NULL,
  attempt integer NOT NULL,
  collection text NOT NULL,
  sequence bigint NOT NULL,
  digest text NOT NULL,
  body json NOT NULL
);
CREATE INDEX ON sv0.staged_documents (run, attempt, collection);

-- collection.ended messages; scan.ended is not staged, it triggers the apply.
CREATE UNLOGGED TABLE sv0.staged_ends (
  run text NOT NULL,
  attempt integer NOT NULL,
  collection text NOT NULL,
  body json NOT NULL
);
CREATE INDEX ON sv0.staged_ends (run, attempt);

CREATE UNLOGGED TABLE sv0.staged_positions (
  topic text NOT NULL,
  partition integer NOT NULL,
  -- The first offset that is not staged.
  next_offset bigint NOT NULL,
  PRIMARY KEY (topic, partition)
);

CREATE TABLE sv0.positions (
  topic text NOT NULL,
  partition integer NOT NULL,
  -- The first offset of the oldest open attempt: where to read again when staging is gone. NULL:
  -- nothing was staged yet, so from the beginning.
  low bigint,
  -- Fences the previous owner: every write of a position names the generation it was claimed with.
  generation bigint NOT NULL,
  PRIMARY KEY (topic, partition)
);

-- Attempts of which something is staged and which are neither applied nor given up.
CREATE TABLE sv0.open_attempts (
  topic text NOT NULL,
  partition integer NOT NULL,
  run text NOT NULL,
  attempt integer NOT NULL,
  tenant text NOT NULL,
  scope text NOT NULL,
  first_offset bigint NOT NULL,
  PRIMARY KEY (run, attempt)
);
CREATE INDEX ON sv0.open_attempts (topic, partition, first_offset);

GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.staged_objects, sv0.staged_nodes, sv0.staged_edges,
  sv0.staged_documents, sv0.staged_ends, sv0.staged_positions, sv0.positions, sv0.open_attempts
  TO sv0_loader;

-- The planner must not take a staging table for empty. ANALYZE needs the owner, so the loader
-- borrows exactly that.
CREATE FUNCTION sv0.analyze_staging() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = sv0 AS $$
BEGIN
  ANALYZE staged_objects, staged_nodes, staged_edges, staged_documents;
END $$;
REVOKE ALL ON FUNCTION sv0.analyze_staging() FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sv0.analyze_staging() TO sv0_loader;
