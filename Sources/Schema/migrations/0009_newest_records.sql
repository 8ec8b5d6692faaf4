-- Of an object that the applied attempt listed more than once, the newest record, if not all of
-- them could be read: an older one that is delivered again must not replace what that one said.
CREATE TABLE sv0.newest_records (
  tenant text NOT NULL,
  scope text NOT NULL,
  collection text NOT NULL,
  object text NOT NULL,
  sequence bigint NOT NULL,
  PRIMARY KEY (tenant, scope, collection, object)
);
ALTER TABLE sv0.newest_records ENABLE ROW LEVEL SECURITY;
CREATE POLICY one_tenant ON sv0.newest_records TO sv0_worker
  USING (tenant = current_setting('sv0.tenant', true));
GRANT SELECT, INSERT, UPDATE, DELETE ON sv0.newest_records TO sv0_worker;
