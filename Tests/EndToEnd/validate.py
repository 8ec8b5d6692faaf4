"""Checks messages against the schemas that topics/ declares, with the jsonschema library.

    python validate.py TOPICS < messages.ndjson

A message is `{"topic", "place", "key", "headers", "value"}`: the key a text or null, the headers an
object of texts, the value in Base64. Prints a line for each that is wrong, then `TOPIC COUNT` for
each topic. Exits 1 if one was wrong.
"""

import base64
import collections
import json
import pathlib
import re
import sys

import jsonschema


def validators(folder):
    """By topic: the YAML files name their schema on a line of its own."""
    found = {}
    for path in sorted(folder.glob("*.yaml")):
        name = re.search(r"^schema: (\S+)$", path.read_text(), re.MULTILINE).group(1)
        schema = json.loads((folder / name).read_text())
        kind = jsonschema.validators.validator_for(schema)
        kind.check_schema(schema)
        found[path.stem] = kind(schema, format_checker=kind.FORMAT_CHECKER)
    return found


def main():
    by_topic = validators(pathlib.Path(sys.argv[1]))
    counts = collections.Counter({topic: 0 for topic in by_topic})
    wrong = 0
    for line in sys.stdin:
        message = json.loads(line)
        topic = message.pop("topic")
        place = message.pop("place")
        counts[topic] += 1
        if topic == "sv0.deadletter.v1":
            del message["value"]  # whatever was sent
        else:
            message["value"] = json.loads(base64.b64decode(message["value"]))
        problem = jsonschema.exceptions.best_match(by_topic[topic].iter_errors(message))
        if problem is not None:
            wrong += 1
            print(f"{place}: {problem.json_path}: {problem.message[:300]}")
    for topic, count in sorted(counts.items()):
        print(topic, count)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
