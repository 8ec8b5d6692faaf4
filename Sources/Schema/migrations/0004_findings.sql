CREATE TABLE sv0.findings (
  tenant text NOT NULL,
  uid text NOT NULL,
  rule text NOT NULL,
  subject text NOT NULL,
  scope text NOT NULL,
  severity text NOT NULL,
  -- new, updated, resolved, reopened, suppressed
  state text NOT NULL,
  version bigint NOT NULL,
  -- Digest of the content: an evaluation that finds the same writes nothing.
  digest text NOT NULL,
  -- The OCSF event as published.
  event json NOT NULL,
  first_seen_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, uid)
);

CREATE TABLE sv0.finding_versions (
  tenant text NOT NULL,
  uid text NOT NULL,
  version bigint NOT NULL,
  state text NOT NULL,
  event json NOT NULL,
  graph_version bigint NOT NULL,
  at timestamptz NOT NULL,
  PRIMARY KEY (tenant, uid, version)
);

-- What an evaluation was made from: epochs and outcomes of the collections, clock, rule digest.
CREATE TABLE sv0.evaluations (
  tenant text NOT NULL,
  graph_version bigint NOT NULL,
  at timestamptz NOT NULL,
  inputs json NOT NULL,
  PRIMARY KEY (tenant, graph_version, at)
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['findings', 'finding_versions', 'evaluations'] LOOP
    EXECUTE format('ALTER TABLE sv0.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY one_tenant ON sv0.%I TO sv0_worker '
      'USING (tenant = current_setting(''sv0.tenant'', true))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.%I TO sv0_worker', name);
  END LOOP;
END $$;
