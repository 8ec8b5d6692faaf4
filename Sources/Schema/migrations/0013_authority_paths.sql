-- Who comes to what somebody would mind: of each non-human identity and automation the best path to
-- each data domain at each level, each privileged set and each other platform, as evaluations found
-- them. A row is one version; it is open while closed_version is NULL.
CREATE TABLE sv0.authority_paths (
  tenant text NOT NULL,
  subject text NOT NULL,
  -- data-domain:hr, aws:account:111122223333#administrators, platform:entra
  target text NOT NULL,
  -- Empty of a platform.
  level text NOT NULL CHECK (level IN ('', 'readData', 'write', 'administer', 'manageAccess')),
  strength text NOT NULL CHECK (strength IN ('effective', 'conditional', 'unknown')),
  via text NOT NULL CHECK (via IN ('authority', 'escalation', 'influence')),
  -- What one change would end; the metadata.correlation_uid of findings.
  cause text NOT NULL,
  -- In order: kind, from, to, sentence, strength, what removes it, and level, conditions, missing.
  hops json NOT NULL,
  -- SHA-256 over what the path says: an evaluation that finds the same writes nothing.
  digest bytea NOT NULL,
  -- Since when the subject has come there without a break, by whatever path.
  reached_since timestamptz NOT NULL,
  -- The graph version and the time of the evaluation that found it, and of the one that no longer did.
  opened_version bigint NOT NULL,
  opened_at timestamptz NOT NULL,
  closed_version bigint,
  closed_at timestamptz
);
-- With the digest: every evaluation reads them all, and nothing else.
CREATE UNIQUE INDEX authority_paths_open ON sv0.authority_paths (tenant, subject, target, level)
  INCLUDE (digest) WHERE closed_version IS NULL;
CREATE INDEX authority_paths_target ON sv0.authority_paths (tenant, target)
  WHERE closed_version IS NULL;
CREATE INDEX authority_paths_subject ON sv0.authority_paths (tenant, subject);

ALTER TABLE sv0.authority_paths ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON sv0.authority_paths TO sv0_worker
  USING (tenant = current_setting('sv0.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.authority_paths TO sv0_worker;
