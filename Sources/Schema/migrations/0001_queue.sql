-- Who is scanned, and the queue of runs. Roles: sv0_worker sees one tenant at a time (the setting
-- sv0.tenant), sv0_queue sees every tenant's queue, sv0_loader is a worker that reaches staging.
-- A login role of the workers is granted all three and sets one of them in each transaction.
DO $$
DECLARE role text;
BEGIN
  FOREACH role IN ARRAY ARRAY['sv0_worker', 'sv0_queue', 'sv0_loader'] LOOP
    -- Roles belong to the server, not to the database: another migration may create them right now.
    BEGIN
      EXECUTE format('CREATE ROLE %I NOLOGIN', role);
    EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
    END;
  END LOOP;
  -- The loader applies what it staged: it is a worker of one tenant too.
  IF NOT pg_has_role('sv0_loader', 'sv0_worker', 'MEMBER') THEN
    BEGIN
      GRANT sv0_worker TO sv0_loader;
    EXCEPTION WHEN unique_violation THEN NULL;
    END;
  END IF;
END $$;

GRANT USAGE ON SCHEMA sv0 TO sv0_worker, sv0_queue, sv0_loader;

CREATE TABLE sv0.tenants (
  tenant text PRIMARY KEY,
  -- Grows with every apply and every failed run.
  graph_version bigint NOT NULL DEFAULT 0,
  -- The newest graph version whose findings are recorded.
  evaluated_version bigint NOT NULL DEFAULT 0,
  -- The first and the last change that no evaluation has covered.
  first_changed_at timestamptz,
  last_changed_at timestamptz,
  -- When a clock threshold makes the tenant due without a change.
  next_due_at timestamptz
);

CREATE TABLE sv0.connections (
  tenant text NOT NULL REFERENCES sv0.tenants,
  connection text NOT NULL,
  platform text NOT NULL,
  -- The connection file as JSON: settings and references to credentials, never a secret.
  document json NOT NULL,
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, connection)
);

CREATE TABLE sv0.sinks (
  tenant text NOT NULL REFERENCES sv0.tenants,
  name text NOT NULL,
  document json NOT NULL,
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, name)
);

-- One accepted or rejected request; a repeated (source, request_id) is the same scan.
CREATE TABLE sv0.scans (
  tenant text NOT NULL,
  scan text NOT NULL,
  source text NOT NULL,
  request_id text NOT NULL,
  status text NOT NULL CHECK (status IN ('accepted', 'rejected')),
  reason text,
  request json NOT NULL,
  requested_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, scan),
  UNIQUE (tenant, source, request_id)
);

CREATE TABLE sv0.scopes (
  tenant text NOT NULL,
  -- The scope key: tenant/connection/platform/account.
  scope text NOT NULL,
  last_epoch bigint NOT NULL,
  PRIMARY KEY (tenant, scope)
);

CREATE TABLE sv0.runs (
  tenant text NOT NULL,
  run text NOT NULL,
  scan text NOT NULL,
  scope text NOT NULL,
  epoch bigint NOT NULL,
  -- 0 urgent, 1 normal, 2 background.
  priority smallint NOT NULL,
  state text NOT NULL CHECK (state IN ('queued', 'dispatched', 'leased', 'extracted', 'applied',
    'evaluated', 'failed', 'skipped', 'cancelled')),
  -- The newest attempt that was dispatched; 0 before the first.
  attempt integer NOT NULL DEFAULT 0,
  -- Attempts before this one that gave a sign of life and were lost.
  failures integer NOT NULL DEFAULT 0,
  -- Whether this attempt gave a sign of life.
  heard boolean NOT NULL DEFAULT false,
  -- Until when a sign of life, or the apply of what was extracted, is waited for.
  lease_until timestamptz,
  records bigint NOT NULL DEFAULT 0,
  calls bigint NOT NULL DEFAULT 0,
  -- Why it failed, was skipped or cancelled.
  reason text,
  -- The graph version that this run's apply or failure made.
  graph_version bigint,
  requested_at timestamptz NOT NULL,
  -- The epoch's allocation time: validity intervals of the graph's history use it.
  allocated_at timestamptz NOT NULL,
  changed_at timestamptz NOT NULL,
  -- Grows with every change; published once published_version has caught up.
  version bigint NOT NULL DEFAULT 1,
  published_version bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant, run),
  UNIQUE (tenant, scope, epoch)
);
-- Overlap policy `skip`: one run of a scope is queued or under way at a time.
CREATE UNIQUE INDEX runs_pending ON sv0.runs (tenant, scope)
  WHERE state IN ('queued', 'dispatched', 'leased');
CREATE INDEX runs_queue ON sv0.runs (priority, allocated_at) WHERE state = 'queued';
CREATE INDEX runs_leases ON sv0.runs (lease_until) WHERE lease_until IS NOT NULL;
CREATE INDEX runs_unpublished ON sv0.runs (changed_at) WHERE published_version < version;
CREATE INDEX runs_of_scan ON sv0.runs (tenant, scan);
CREATE INDEX runs_to_evaluate ON sv0.runs (tenant, graph_version) WHERE state = 'applied';

-- How each collection of a run ended, as reported while it runs; the apply has the last word.
CREATE TABLE sv0.run_collections (
  tenant text NOT NULL,
  run text NOT NULL,
  collection text NOT NULL,
  attempt integer NOT NULL,
  outcome text NOT NULL,
  records bigint NOT NULL,
  missing text[] NOT NULL DEFAULT '{}',
  message text,
  PRIMARY KEY (tenant, run, collection)
);

-- Messages that must reach Kafka because a transaction said so; a relay deletes acknowledged rows.
CREATE TABLE sv0.outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant text NOT NULL,
  topic text NOT NULL,
  key text NOT NULL,
  headers json NOT NULL,
  -- NULL is a tombstone.
  value text,
  created_at timestamptz NOT NULL
);
CREATE INDEX outbox_topic ON sv0.outbox (topic, id);

-- Which process empties an outbox: one at a time, or versions of a key could overtake each other.
CREATE TABLE sv0.relay_leases (
  relay text PRIMARY KEY,
  holder text NOT NULL,
  lease_until timestamptz NOT NULL
);
GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.relay_leases TO sv0_queue;

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['tenants', 'connections', 'sinks', 'scans', 'scopes', 'runs',
    'run_collections', 'outbox'] LOOP
    EXECUTE format('ALTER TABLE sv0.%I ENABLE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY one_tenant ON sv0.%I TO sv0_worker '
      'USING (tenant = current_setting(''sv0.tenant'', true))', name);
    EXECUTE format('CREATE POLICY whole_queue ON sv0.%I TO sv0_queue USING (true)', name);
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.%I TO sv0_worker, sv0_queue', name);
  END LOOP;
END $$;
