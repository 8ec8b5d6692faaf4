-- Whether the newest content waits to be published: of a rule's first judgement of a scope, and of
-- a new version of a rule. A finding of version 0 never was.
ALTER TABLE sv0.findings ADD COLUMN held boolean NOT NULL DEFAULT false;

-- By which version of a rule a scope was judged completely, so that what it finds is news.
CREATE TABLE sv0.judged_rules (
  tenant text NOT NULL,
  scope text NOT NULL,
  rule text NOT NULL,
  version bigint NOT NULL,
  PRIMARY KEY (tenant, scope, rule)
);

-- What was evaluated before counts as judged.
INSERT INTO sv0.judged_rules (tenant, scope, rule, version)
SELECT DISTINCT c.tenant, c.scope, rule ->> 'id', (rule ->> 'version')::bigint
FROM sv0.collections c
JOIN LATERAL (
  SELECT inputs FROM sv0.evaluations e WHERE e.tenant = c.tenant
  ORDER BY graph_version DESC, at DESC LIMIT 1
) AS newest ON true
CROSS JOIN LATERAL json_array_elements(newest.inputs -> 'rules') AS rule;

-- What people ask of the evaluator. An order is a version of the tenant's graph, and is carried out
-- by the evaluation that covers it; a suppression counts until its end, or until the next one.
CREATE TABLE sv0.finding_orders (
  tenant text NOT NULL,
  graph_version bigint NOT NULL,
  kind text NOT NULL CHECK (kind IN ('release', 'suppress')),
  -- release: only this scope, only this rule
  scope text,
  rule text,
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
  FOREACH name IN ARRAY ARRAY['judged_rules', 'finding_orders'] LOOP
    EXECUTE format('ALTER TABLE sv0.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY one_tenant ON sv0.%I TO sv0_worker '
      'USING (tenant = current_setting(''sv0.tenant'', true))', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.%I TO sv0_worker', name);
  END LOOP;
END $$;
