"""Checks OCSF events, one a line on standard input, against OCSF's own schema.

Prints a line for each problem. Needs `ocsf-json-schema` and `jsonschema`.
"""

import json
import sys

import jsonschema
from ocsf_json_schema import OcsfJsonSchemaEmbedded, get_ocsf_schema

schema = OcsfJsonSchemaEmbedded(get_ocsf_schema("1.5.0")).get_class_schema(
    "detection_finding", ["cloud"]
)
validator = jsonschema.validators.validator_for(schema)(schema)
for line in sys.stdin:
    event = json.loads(line)
    for problem in validator.iter_errors(event):
        print(f"{event['message']}: {problem.json_path}: {problem.message}"[:400])
