-- What each connection's file said from when on, and who applied it: what was switched on is on record.
-- Written by the database itself, whoever changes a connection; no worker changes it.
CREATE TABLE sv0.connection_versions (
  tenant text NOT NULL,
  connection text NOT NULL,
  version bigint NOT NULL,
  -- NULL: the connection was removed.
  document json,
  applied_at timestamptz NOT NULL,
  applied_by text NOT NULL,
  PRIMARY KEY (tenant, connection, version)
);
ALTER TABLE sv0.connection_versions ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON sv0.connection_versions TO sv0_worker
  USING (tenant = current_setting('sv0.tenant', true));
GRANT SELECT ON sv0.connection_versions TO sv0_worker;

INSERT INTO sv0.connection_versions
SELECT tenant, connection, 1, document, applied_at, 'unknown' FROM sv0.connections;

CREATE FUNCTION sv0.keep_connection_version() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
DECLARE changed sv0.connections;
BEGIN
  IF TG_OP = 'DELETE' THEN changed := OLD; ELSE changed := NEW; END IF;
  IF TG_OP = 'UPDATE' AND OLD.document::text = NEW.document::text THEN RETURN NULL; END IF;
  INSERT INTO sv0.connection_versions
  SELECT changed.tenant, changed.connection, coalesce(max(version), 0) + 1,
    CASE WHEN TG_OP = 'DELETE' THEN NULL ELSE changed.document END,
    CASE WHEN TG_OP = 'DELETE' THEN now() ELSE changed.applied_at END,
    coalesce(nullif(current_setting('sv0.person', true), ''), session_user)
  FROM sv0.connection_versions AS v
  WHERE v.tenant = changed.tenant AND v.connection = changed.connection;
  RETURN NULL;
END $$;
REVOKE ALL ON FUNCTION sv0.keep_connection_version() FROM PUBLIC;

-- After the row is locked, so that versions of a connection are counted one after the other.
CREATE TRIGGER keep_version AFTER INSERT OR UPDATE OR DELETE ON sv0.connections
FOR EACH ROW EXECUTE FUNCTION sv0.keep_connection_version();
