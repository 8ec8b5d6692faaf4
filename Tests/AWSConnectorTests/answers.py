"""What of the fake account's answers is not as AWS's own service models say.

Arguments: files of answers by `service:Operation` or `service:Operation text-of-the-request`.
Standard output: a line for each member that the operation's answer has not, or has otherwise.
"""

import functools
import json
import sys

import botocore.session

model = functools.cache(botocore.session.get_session().get_service_model)
KINDS = {
    "boolean": (bool,),
    "double": (int, float),
    "float": (int, float),
    "integer": (int,),
    "long": (int,),
    "string": (str,),
}


def spelled(shape):
    """Members by the model's spelling and by the answer's."""
    members = {}
    for own, inner in shape.members.items():
        for name in (own, inner.serialization.get("name"), inner.serialization.get("locationName")):
            members[name] = inner
    return members


def differences(shape, value, path):
    if getattr(shape, "is_document_type", False):
        return
    if shape.type_name == "structure" and isinstance(value, dict):
        members = spelled(shape)
        for name, inner in value.items():
            if name in members:
                yield from differences(members[name], inner, f"{path}.{name}")
            else:
                yield f"{path}.{name} is not in the model"
    elif shape.type_name == "list":
        # XML names the elements, and writes a list of one without its list.
        if isinstance(value, dict) and list(value) == [shape.member.serialization.get("name")]:
            (value,) = value.values()
        for element in value if isinstance(value, list) else [value] if value else []:
            yield from differences(shape.member, element, f"{path}[]")
    elif shape.type_name == "map" and isinstance(value, dict) and "entry" not in value:
        for inner in value.values():
            yield from differences(shape.value, inner, f"{path}{{}}")
    elif shape.type_name in KINDS and not isinstance(value, (*KINDS[shape.type_name], str)):
        yield f"{path} is a {shape.type_name}"
    elif shape.type_name == "structure":
        yield f"{path} is a structure"


for file in sys.argv[1:]:
    with open(file) as stream:
        answers = json.load(stream)
    for key, answer in answers.items():
        service, name = key.split(" ")[0].split(":")
        operation = model(service).operation_model(name)
        if "Error" in answer or operation.has_streaming_output:
            continue
        shape = operation.output_shape
        payload = shape.serialization.get("payload")
        if payload and payload not in answer and shape.members[payload].type_name == "structure":
            shape = shape.members[payload]
        for difference in differences(shape, answer, ""):
            print(key, difference)
