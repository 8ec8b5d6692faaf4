-- Listings of changes and of use, and where the records of a collection can be read again.

ALTER TABLE sv0.collections
  -- Where the next listing may continue: the graph has everything up to there.
  ADD COLUMN token text,
  -- What the extractor said of the attempt that was last applied (applied_run, applied_attempt).
  ADD COLUMN applied_kind text,
  ADD COLUMN applied_outcome text,
  ADD COLUMN applied_records bigint,
  -- Where its records are in the raw topic of the platform, both offsets included. NULL: it had
  -- none, or it was applied before this was recorded.
  ADD COLUMN raw_partition integer,
  ADD COLUMN raw_from bigint,
  ADD COLUMN raw_to bigint,
  -- The allocation time of completed_epoch, the newest complete listing of everything;
  -- completed_at moves with complete listings of changes, too.
  ADD COLUMN listed_at timestamptz;
UPDATE sv0.collections SET listed_at = completed_at WHERE completed_epoch IS NOT NULL;

-- The dispatcher sends the tokens along, and sees nothing else of the graph.
CREATE POLICY whole_queue ON sv0.collections FOR SELECT TO sv0_queue USING (true);
GRANT SELECT (tenant, scope, collection, token) ON sv0.collections TO sv0_queue;

-- Who last did what to what: the latest time wins, without history. Aged out, never removed
-- because it is absent.
CREATE TABLE sv0.activity (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  subject text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  at timestamptz NOT NULL,
  -- The raw record that said so.
  receipt_sha256 text NOT NULL,
  receipt_partition integer NOT NULL,
  receipt_offset bigint NOT NULL,
  receipt_run text NOT NULL,
  receipt_call integer NOT NULL,
  PRIMARY KEY (tenant, scope, collection, subject, action, target)
);
CREATE INDEX activity_age ON sv0.activity (tenant, at);
ALTER TABLE sv0.activity ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON sv0.activity TO sv0_worker
  USING (tenant = current_setting('sv0.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.activity TO sv0_worker;

-- Suspects are few, and asked for by every apply.
CREATE INDEX nodes_suspect ON sv0.nodes (tenant, scope, collection, object)
  WHERE closed_epoch IS NULL AND suspect_since IS NOT NULL;
CREATE INDEX edges_suspect ON sv0.edges (tenant, scope, collection, object)
  WHERE closed_epoch IS NULL AND suspect_since IS NOT NULL;

ALTER TABLE sv0.staged_objects
  -- The record says that its object is gone.
  ADD COLUMN removed boolean NOT NULL DEFAULT false,
  -- The raw record; NULL in what was staged before this was recorded.
  ADD COLUMN receipt_partition integer,
  ADD COLUMN receipt_offset bigint;

CREATE UNLOGGED TABLE sv0.staged_activity (
  run text NOT NULL,
  attempt integer NOT NULL,
  collection text NOT NULL,
  sequence bigint NOT NULL,
  subject text NOT NULL,
  action text NOT NULL,
  target text NOT NULL,
  at timestamptz NOT NULL,
  receipt_sha256 text NOT NULL,
  receipt_partition integer NOT NULL,
  receipt_offset bigint NOT NULL,
  receipt_call integer NOT NULL
);
CREATE INDEX ON sv0.staged_activity (run, attempt, collection);
GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.staged_activity TO sv0_loader;

-- By object, too: each object of the graph is looked up there.
DROP INDEX sv0.staged_objects_run_attempt_collection_idx;
CREATE INDEX staged_objects_object ON sv0.staged_objects (run, attempt, collection, object);

CREATE OR REPLACE FUNCTION sv0.analyze_staging() RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = sv0 AS $$
BEGIN
  ANALYZE staged_objects, staged_nodes, staged_edges, staged_documents, staged_activity;
END $$;

CREATE OR REPLACE FUNCTION sv0.forget_positions(forgotten text) RETURNS void LANGUAGE plpgsql
SET search_path = sv0 AS $$
DECLARE name text;
BEGIN
  -- Locks out their owners, and the generation keeps them out.
  UPDATE positions SET generation = generation + 1, low = NULL, mark_offset = NULL, mark_id = NULL
    WHERE topic = forgotten;
  FOREACH name IN ARRAY ARRAY['staged_objects', 'staged_nodes', 'staged_edges',
    'staged_documents', 'staged_activity', 'staged_ends'] LOOP
    EXECUTE format('DELETE FROM %I s USING open_attempts o
      WHERE o.topic = $1 AND s.run = o.run AND s.attempt = o.attempt', name) USING forgotten;
  END LOOP;
  DELETE FROM open_attempts WHERE topic = forgotten;
  DELETE FROM staged_positions WHERE topic = forgotten;
END $$;

-- Names of the executions that began, the one that counts last: a dispatch that is delivered twice
-- is executed twice.
ALTER TABLE sv0.open_attempts ADD COLUMN executions text[] NOT NULL DEFAULT '{}';
