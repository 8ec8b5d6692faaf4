-- What a person decided about messages of the dead-letter topic. They have no tenant for certain:
-- what could not be read may be anybody's.
CREATE TABLE sv0.dead_letter_decisions (
  partition integer NOT NULL,
  "offset" bigint NOT NULL,
  -- When the message was put aside, as its header says: the topic may be deleted and made again.
  letter_at text NOT NULL,
  decision text NOT NULL CHECK (decision IN ('replayed', 'superseded', 'dropped')),
  decided_by text NOT NULL,
  decided_at timestamptz NOT NULL,
  PRIMARY KEY (partition, "offset", letter_at, decided_at)
);
GRANT SELECT, INSERT ON sv0.dead_letter_decisions TO sv0_queue;
