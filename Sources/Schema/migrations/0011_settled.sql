-- Whether the newest content waits to be published: of a rule's first judgement of a scope, and of
-- a new version of a rule. A finding of version 0 never was.
ALTER TABLE sv0.findings ADD COLUMN held boolean NOT NULL DEFAULT false;

-- The rules that have judged all subjects of a type in a scope: what they find there is news.
CREATE TABLE sv0.judged_rules (
  tenant text NOT NULL,
  scope text NOT NULL,
  rule text NOT NULL,
  type text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant, scope, rule, type, version)
);

-- What an identity reached when it was first judged, or when a person accepted it, and what it
-- reaches since.
CREATE TABLE sv0.baselines (
  tenant text NOT NULL,
  subject text NOT NULL,
  -- Levels by target.
  reached json NOT NULL,
  drifted json NOT NULL,
  -- Of what decides its authority.
  digest text NOT NULL,
  classifier bigint NOT NULL,
  changed_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, subject)
);

-- What people ask of the evaluator. An order is a version of the tenant's graph, and is carried out
-- by the evaluation that covers it; a suppression counts until its end, or until the next one.
CREATE TABLE sv0.finding_orders (
  tenant text NOT NULL,
  graph_version bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('release', 'accept', 'suppress')),
  -- release, accept: only this scope, only this rule, only this subject
  scope text,
  rule text,
  subject text,
  -- suppress
  uid text,
  owner text,
  reason text,
  ends_at timestamptz,
  ordered_by text NOT NULL,
  ordered_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, graph_version)
);

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['judged_rules', 'baselines', 'finding_orders'] LOOP
    EXECUTE format('ALTER TABLE sv0.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY one_tenant ON sv0.%I TO sv0_worker '
      'USING (tenant = current_setting(''sv0.tenant'', true))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.%I TO sv0_worker', name);
  END LOOP;
END $$;
