"""Which answers have a field, by AWS's own service models.

Standard input: lines of `service:Operation path.to.field`. Standard output: the lines whose field
the operation's answer has not.
"""

import functools
import sys

import botocore.session

model = functools.cache(botocore.session.get_session().get_service_model)


def member(shape, name):
    """The member of that name, in the model's spelling or the answer's, through lists."""
    while shape.type_name in ("list", "map"):
        shape = shape.member if shape.type_name == "list" else shape.value
    for own, inner in getattr(shape, "members", {}).items():
        serialized = inner.serialization
        if name in (own, serialized.get("name"), serialized.get("locationName")):
            return inner
    return None


def has(shape, path):
    for name in path:
        # XML names the elements of a list.
        element = shape.member if shape.type_name == "list" else None
        if element is not None and element.serialization.get("name") == name:
            shape = element
            continue
        shape = member(shape, name)
        if shape is None:
            return False
    return True


for line in sys.stdin:
    operation, path = line.split()
    service, name = operation.split(":")
    answer = model(service).operation_model(name).output_shape
    if not has(answer, path.split(".")):
        print(line.strip())
