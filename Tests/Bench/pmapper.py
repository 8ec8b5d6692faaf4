"""Edges of Principal Mapper for an account (a file, as EscalationAccount.swift writes it), as JSON.

Only the search for edges is timed. What a session would gather is given: nodes, functions, stacks.
"""

import collections
import collections.abc
import json
import sys
import time

# It was written for Python before 3.10.
for name in ("Mapping", "MutableMapping"):
    setattr(collections, name, getattr(collections.abc, name))

from principalmapper.common import Group, Node, Policy  # noqa: E402
from principalmapper.graphing import (  # noqa: E402
    autoscaling_edges, cloudformation_edges, codebuild_edges, ec2_edges, iam_edges, lambda_edges,
    sagemaker_edges, ssm_edges, sts_edges)
from principalmapper.graphing.gathering import update_admin_status  # noqa: E402

with open(sys.argv[1]) as file:
    account = json.load(file)


def policy(name):
    arn = "arn:aws:iam::111122223333:policy/" + name
    text = account["managed"].get(name) or account["groups"][name]
    return Policy(arn, name, json.loads(text))


policies = {name: policy(name) for name in list(account["managed"]) + list(account["groups"])}
groups = {
    name: Group("arn:aws:iam::111122223333:group/" + name, [policies[name]])
    for name in account["groups"]
}


def node(place, holder):
    arn = holder["arn"]
    kind, name = arn.split(":")[5].split("/")
    own = [
        Policy(arn, "p%d" % index, json.loads(text))
        for index, text in enumerate(holder["policies"])
    ]
    profile = ["arn:aws:iam::111122223333:instance-profile/" + name]
    return Node(
        arn, "ID%d" % place, own + [policies[name] for name in holder["managed"]],
        [groups[name] for name in holder["groups"]],
        json.loads(holder["trust"]) if kind == "role" else None,
        profile if holder["hasProfile"] else None, 0, False, False,
        policies[holder["boundary"]] if "boundary" in holder else None, False, {})


nodes = [node(place, holder) for place, holder in enumerate(account["holders"])]
functions = [
    {"FunctionArn": thing["arn"], "Role": thing["role"]}
    for thing in account["things"] if thing["type"] == "aws.lambda.function"
]
stacks = [
    {"StackId": thing["arn"], "StackName": thing["arn"], "RoleARN": thing["role"]}
    for thing in account["things"] if thing["type"] == "aws.cloudformation.stack"
]

start = time.monotonic()
update_admin_status(nodes)
edges = []
edges += autoscaling_edges.generate_edges_locally(nodes, None, [])
edges += cloudformation_edges.generate_edges_locally(nodes, stacks)
edges += codebuild_edges.generate_edges_locally(nodes, None, [])
edges += ec2_edges.generate_edges_locally(nodes)
edges += iam_edges.generate_edges_locally(nodes)
edges += lambda_edges.generate_edges_locally(nodes, functions)
edges += sagemaker_edges.generate_edges_locally(nodes)
edges += ssm_edges.generate_edges_locally(nodes)
edges += sts_edges.generate_edges_locally(nodes)
seconds = time.monotonic() - start
pairs = sorted({edge.source.arn + " " + edge.destination.arn for edge in edges})
print(json.dumps({"seconds": seconds, "edges": len(edges), "pairs": pairs}))
