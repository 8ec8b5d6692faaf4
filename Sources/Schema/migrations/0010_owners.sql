-- Who answers for things, as the tenant's owner file says; applied whole.
CREATE TABLE sv0.owners (
  tenant text NOT NULL REFERENCES sv0.tenants,
  -- The place in the file.
  position bigint NOT NULL,
  -- What tags call it; the first is the name it is listed by.
  names text[] NOT NULL CHECK (cardinality(names) > 0),
  status text NOT NULL CHECK (status IN ('active', 'disabled', 'deleted', 'departed')),
  -- The last UTC day on which it answers for anything: 2026-12-31.
  until text,
  applied_at timestamptz NOT NULL,
  PRIMARY KEY (tenant, position)
);
ALTER TABLE sv0.owners ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON sv0.owners TO sv0_worker
  USING (tenant = current_setting('sv0.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.owners TO sv0_worker;
