-- Since when an account is not among its connection's any more: it left the organization, or was
-- taken out of the file or excluded there. NULL while it is among them.
ALTER TABLE sv0.scopes ADD COLUMN unlisted_since timestamptz;
