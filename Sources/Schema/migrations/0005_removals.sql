-- Removals that a person decides, and what the loader needs to doubt itself: who it was that a
-- position was left at, how much is staged, and since when nothing was heard.

-- The epoch of the newest complete listing: suspects are absent from that one.
ALTER TABLE sv0.collections ADD COLUMN completed_epoch bigint;
UPDATE sv0.collections SET completed_epoch = outcome_epoch WHERE outcome = 'complete';

-- What a person said about the suspects of one epoch.
CREATE TABLE sv0.removal_decisions (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  epoch bigint NOT NULL,
  decision text NOT NULL CHECK (decision IN ('confirmed', 'rejected')),
  -- Assertions that were closed, or that are no longer suspects.
  assertions bigint NOT NULL,
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, scope, collection, epoch, decided_at)
);

-- Tombstones: no attempt of an older epoch is applied to the scope, or to one of its collections.
CREATE TABLE sv0.retirements (
  tenant text NOT NULL,
  scope text NOT NULL,
  -- Empty: the whole scope. A name without region stands for that of every region too.
  collection text NOT NULL,
  epoch bigint NOT NULL,
  assertions bigint NOT NULL,
  retired_by text NOT NULL,
  retired_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, scope, collection, epoch)
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['removal_decisions', 'retirements'] LOOP
    EXECUTE format('ALTER TABLE sv0.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY one_tenant ON sv0.%I TO sv0_worker '
      'USING (tenant = current_setting(''sv0.tenant'', true))', name);
    -- A record is added and never changed.
    EXECUTE format('GRANT SELECT, INSERT ON sv0.%I TO sv0_worker', name);
  END LOOP;
END $$;

-- A message of the partition that was read, and the SHA-256 of it: checked when reading resumes.
ALTER TABLE sv0.staged_positions ADD COLUMN mark_offset bigint, ADD COLUMN mark_id bytea;
-- The same for `low`: the first message of the oldest open attempt, or the last one before.
ALTER TABLE sv0.positions ADD COLUMN mark_offset bigint, ADD COLUMN mark_id bytea;

ALTER TABLE sv0.open_attempts
  ADD COLUMN first_id bytea,
  -- Of the values of the messages that are staged.
  ADD COLUMN bytes bigint NOT NULL DEFAULT 0,
  ADD COLUMN staged_at timestamptz;

-- For the owner, when a topic was deleted and made again on purpose: its loaders begin anew. They
-- lose their claims, and open attempts are forgotten with what is staged of them.
CREATE FUNCTION sv0.forget_positions(forgotten text) RETURNS void LANGUAGE plpgsql
SET search_path = sv0 AS $$
DECLARE name text;
BEGIN
  -- Locks out their owners, and the generation keeps them out.
  UPDATE positions SET generation = generation + 1, low = NULL, mark_offset = NULL, mark_id = NULL
    WHERE topic = forgotten;
  FOREACH name IN ARRAY ARRAY['staged_objects', 'staged_nodes', 'staged_edges',
    'staged_documents', 'staged_ends'] LOOP
    EXECUTE format('DELETE FROM %I s USING open_attempts o
      WHERE o.topic = $1 AND s.run = o.run AND s.attempt = o.attempt', name) USING forgotten;
  END LOOP;
  DELETE FROM open_attempts WHERE topic = forgotten;
  DELETE FROM staged_positions WHERE topic = forgotten;
END $$;
REVOKE ALL ON FUNCTION sv0.forget_positions(text) FROM PUBLIC;
