-- When the finding's key was emptied on the compacted topic: 90 days after it was resolved. A
-- finding that comes back is published anew, and has none.
ALTER TABLE sv0.findings ADD COLUMN tombstoned_at timestamptz;

-- Evaluations record from now on when the next tombstone is due: make tenants due for those that
-- were resolved before.
UPDATE sv0.tenants SET next_due_at = least(next_due_at, resolved.due)
FROM (
  SELECT tenant, min(changed_at) + interval '2160 hours' AS due FROM sv0.findings
  WHERE state = 'resolved' GROUP BY tenant
) AS resolved
WHERE resolved.tenant = tenants.tenant;
