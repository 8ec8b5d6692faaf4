"""Who comes to be whom, by Principal Mapper and by sv0 over one account of moto: every difference.

    SV0_MOTO=http://127.0.0.1:5000 python compare.py HOPS    (python of .venv-pmapper)

HOPS is what `sv0 graph hops --output json` printed. Prints every edge of one that the other lacks,
by the kind of the difference and with the reason that docs/authority.md gives for the kind. Ends
with 1 if a difference is of no kind, or a kind has no difference.

That a kind applies is tried out where it can be: the peer is run again with the one thing changed
that the kind names, and has the edge then, or has it no more.
"""

import collections
import collections.abc
import contextlib
import copy
import json
import logging
import os
import pathlib
import re
import sys

# It was written for Python before 3.10.
for name in ("Mapping", "MutableMapping"):
    setattr(collections, name, getattr(collections.abc, name))

import botocore.session  # noqa: E402
from principalmapper.common import Policy  # noqa: E402
from principalmapper.graphing import edge_identification, gathering, sts_edges  # noqa: E402
from principalmapper.querying import (  # noqa: E402
    local_policy_simulation as simulation, query_interface)

REGION = "eu-west-1"
ACCOUNT = "111122223333"
ADMINISTRATORS = f"aws:account:{ACCOUNT}#administrators"
DOCUMENT = pathlib.Path(__file__).resolve().parents[2] / "docs/authority.md"

# In the order in which they are tried; each has a row in docs/authority.md.
KINDS = (
    "boundary-not-read", "boundary-of-named-role", "boundary-of-raised-role", "letter-case",
    "limited-deny", "function-never-starts", "profile-missing", "machine-missing",
    "agent-refused", "auto-scaling", "service-linked", "trust-rewritten", "role-of-ones-own",
    "role-passed-in-update", "administrator", "other-method", "stored-key", "password",
    "request-condition", "trust-condition", "deny-condition", "everybody", "limited-allow",
    "special-character", "several",
)

# What Principal Mapper looks for, by the ids of the table of escalations.
PEER_METHODS = {
    "cloudformation-001", "cloudformation-002", "cloudformation-005", "codebuild-001",
    "codebuild-002", "codebuild-003", "codebuild-004", "ec2-001", "iam-001", "iam-002", "iam-003",
    "iam-004", "iam-005", "iam-006", "iam-007", "iam-008", "iam-009", "iam-010", "iam-011",
    "iam-012", "lambda-001", "lambda-002", "lambda-003", "lambda-004", "lambda-005", "lambda-006",
    "sagemaker-001", "sagemaker-002", "sagemaker-003", "ssm-001", "ssm-002", "sts-001",
}


def statements(document):
    found = document["Statement"]
    return found if isinstance(found, list) else [found]


class Peer:
    """Principal Mapper's graph of the account."""

    def __init__(self):
        # It says so of every region and edge.
        logging.disable(logging.WARNING)
        endpoint = os.environ["SV0_MOTO"]
        services = """autoscaling cloudformation codebuild ec2 iam kms lambda s3 sagemaker
        secretsmanager sns sqs ssm sts""".split()
        self.arguments = {service: {"endpoint_url": endpoint} for service in services}
        self.session = self.signed_in(endpoint)
        graph = self.everything()
        self.nodes = graph.nodes
        self.arns = {node.arn for node in self.nodes}
        self.policies = {policy.arn: policy for policy in graph.policies}
        iam = self.session.create_client("iam", **self.arguments["iam"])
        self.boundaries = {
            node.arn: self.boundary(iam, node) for node in self.nodes if ":role/" in node.arn}
        machines = self.session.create_client(
            "ec2", region_name=REGION, **self.arguments["ec2"]).describe_instances()
        self.profiles = {
            machine["IamInstanceProfile"]["Arn"] for group in machines["Reservations"]
            for machine in group["Instances"] if "IamInstanceProfile" in machine}
        functions = self.session.create_client(
            "lambda", region_name=REGION, **self.arguments["lambda"]).list_functions()
        self.running = {(one["FunctionArn"], one["Role"]) for one in functions["Functions"]}
        self.worlds = {frozenset(): self.pairs(graph.edges, self.nodes)}

    def signed_in(self, endpoint):
        """moto works in the account of the role that was assumed."""
        session = botocore.session.get_session()
        session.set_credentials("demo", "demo")
        assumed = session.create_client("sts", region_name=REGION, endpoint_url=endpoint)
        keys = assumed.assume_role(
            RoleArn=f"arn:aws:iam::{ACCOUNT}:role/OrganizationAccountAccessRole",
            RoleSessionName="peer")["Credentials"]
        session = botocore.session.get_session()
        session.set_credentials(
            keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        session.set_config_variable("region", REGION)
        session.register("after-call.iam.GetAccountAuthorizationDetails", self.name_policies)
        return session

    @staticmethod
    def name_policies(parsed, **_):
        """moto leaves the names of some of AWS's own policies out."""
        for policy in parsed["Policies"]:
            policy.setdefault("PolicyName", policy["Arn"].split("/")[-1])

    def everything(self):
        return gathering.create_graph(
            self.session, list(edge_identification.checker_map), [REGION], None, None,
            self.arguments)

    def boundary(self, iam, node):
        role = iam.get_role(RoleName=node.arn.split("/")[-1])["Role"]
        arn = role.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        return self.policies[arn] if arn else None

    @staticmethod
    def pairs(edges, nodes):
        """By who and whom, what the peer says about it. That somebody is an administrator is told
        as an edge to the administrators."""
        found = collections.defaultdict(set)
        for edge in edges:
            found[edge.source.arn, edge.destination.arn].add(edge.reason)
        for node in nodes:
            if node.is_admin:
                found[node.arn, ADMINISTRATORS].add("is an administrator")
        return found

    def world(self, changes):
        """What the peer finds with some things about it changed."""
        if changes not in self.worlds:
            nodes = copy.deepcopy(self.nodes)
            with contextlib.ExitStack() as stack:
                for change in sorted(changes):
                    stack.enter_context(CHANGES[change](self, nodes))
                for node in nodes:
                    node.is_admin = False
                gathering.update_admin_status(nodes)
                edges = edge_identification.obtain_edges(
                    self.session, list(edge_identification.checker_map), nodes, [REGION],
                    client_args_map=self.arguments)
            self.worlds[changes] = self.pairs(edges, nodes)
        return self.worlds[changes]

    def node(self, arn):
        return next(node for node in self.nodes if node.arn == arn)

    def may(self, node, action, resource="*"):
        return query_interface.local_check_authorization_handling_mfa(
            node, action, resource, {})[0]


# What can be changed about the peer, so that it sees what it did not.


@contextlib.contextmanager
def reads_boundaries(peer, nodes):
    for node in nodes:
        node.permissions_boundary = node.permissions_boundary or peer.boundaries.get(node.arn)
    yield


@contextlib.contextmanager
def ignores_trust_conditions(peer, nodes):
    for node in nodes:
        if node.trust_policy:
            node.trust_policy = {"Statement": [
                {key: value for key, value in statement.items()
                 if key != "Condition" or statement["Effect"] == "Deny"}
                for statement in statements(node.trust_policy)]}
    yield


@contextlib.contextmanager
def knows_everybody(peer, nodes):
    for node in nodes:
        for statement in statements(node.trust_policy or {"Statement": []}):
            if statement.get("Principal") == {"AWS": "*"}:
                statement["Principal"] = "*"
    yield


@contextlib.contextmanager
def replaced(name, function):
    old = getattr(simulation, name)
    # One imports what the other has.
    modules = [
        module for module in (simulation, query_interface, sts_edges) if hasattr(module, name)]
    for module in modules:
        setattr(module, name, function(old))
    try:
        yield
    finally:
        for module in modules:
            setattr(module, name, old)


def compares_letters(peer, nodes):
    """Names of resources as they are written, and every character but `*` and `?` as itself."""

    def matching(old):
        def match(text, pattern, keys=None):
            if keys is None:
                return old(text, pattern, keys)
            for key, value in keys.items():
                pattern = pattern.replace("${" + key + "}", str(value))
            pattern = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
            return re.fullmatch(pattern, text) is not None
        return match

    return replaced("_matches_after_expansion", matching)


def asks_for_some_name(effect):
    """The peer asks about the resource `*`, which no limited statement is about."""

    def changed(peer, nodes):
        def matching(old):
            def match(policy, wanted, action, resource, keys):
                if wanted != effect or resource != "*":
                    return old(policy, wanted, action, resource, keys)
                document = policy.policy_doc if isinstance(policy, Policy) else policy
                anywhere = [
                    {key: value for key, value in statement.items()
                     if key not in ("Resource", "NotResource")}
                    for statement in statements(document)]
                return old({"Statement": anywhere}, wanted, action, resource, keys)
            return match
        return replaced("policy_has_matching_statement", matching)

    return changed


def knows_who_asks(peer, nodes):
    """It compares the conditions of a deny of `sts:AssumeRole` with an empty request."""

    def matching(old):
        def match(principal, effect, action, resource, keys):
            keys = simulation.CaseInsensitiveDict(dict(keys))
            keys.update(query_interface._infer_condition_keys(principal, keys))
            return old(principal, effect, action, resource, keys)
        return match

    return replaced("has_matching_statement", matching)


CHANGES = {
    "boundary-not-read": reads_boundaries,
    "letter-case": compares_letters,
    "special-character": compares_letters,
    "limited-deny": asks_for_some_name("Deny"),
    "limited-allow": asks_for_some_name("Allow"),
    "trust-condition": ignores_trust_conditions,
    "deny-condition": knows_who_asks,
    "everybody": knows_everybody,
}
TAKING = ("boundary-not-read", "letter-case", "limited-deny")
GIVING = (
    "trust-condition", "deny-condition", "everybody", "limited-allow", "special-character")


def of_peer_only(peer, source, end, reason):
    """The kind of an edge that only the peer has, for one of the reasons that it gives."""
    for kind in TAKING:
        if reason not in peer.world(frozenset([kind])).get((source, end), ()):
            return kind
    node = peer.node(source)
    if end == ADMINISTRATORS:
        if peer.boundaries.get(source):
            return "boundary-of-raised-role"
        makes = peer.may(node, "iam:CreateRole") and (
            peer.may(node, "iam:AttachRolePolicy") or peer.may(node, "iam:PutRolePolicy"))
        return "role-of-ones-own" if makes else None
    target = peer.node(end)
    if "sts:AssumeRole" in reason:
        boundary = peer.boundaries.get(source)
        bounded = boundary and not simulation.policy_has_matching_statement(
            boundary, "Allow", "sts:AssumeRole", end, simulation.CaseInsensitiveDict({}))
        return "boundary-of-named-role" if bounded else None
    if "trust document" in reason:
        if "/aws-service-role/" in end:
            return "service-linked"
        return None if peer.may(node, "sts:AssumeRole", end) else "trust-rewritten"
    if "create a new function" in reason:
        starts = ["lambda:InvokeFunction", "lambda:CreateEventSourceMapping", "lambda:AddPermission"]
        return None if any(peer.may(node, action) for action in starts) else "function-never-starts"
    if "newly created instance profile" in reason:
        fill = ["iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"]
        return None if all(peer.may(node, action) for action in fill) else "profile-missing"
    if "Auto Scaling" in reason:
        return "auto-scaling"
    if "ssm:" in reason:
        if not peer.profiles.intersection(target.instance_profile or ()):
            return "machine-missing"
        registers = peer.may(target, "ssm:UpdateInstanceInformation")
        return None if registers else "agent-refused"
    edited = re.search(r"edit an existing function \((.*)\)", reason)
    passed = (
        (edited and (edited[1], end) not in peer.running) or "and pass the role" in reason
        or "update a project" in reason)
    return "role-passed-in-update" if passed else None


def of_sv0_only(peer, source, end, hop):
    """The kind of an edge that only sv0 has."""
    if peer.node(source).is_admin:
        return "administrator"
    if hop["methods"] == {"discloses"}:
        return "stored-key"
    if not hop["methods"] & PEER_METHODS:
        return "other-method"
    if hop["methods"] & PEER_METHODS <= {"iam-004", "iam-006"}:
        return "password"
    for kind in GIVING:
        if (source, end) in peer.world(frozenset([kind])):
            return kind
    if hop["result"] == "conditional":
        return "request-condition"
    return "several" if (source, end) in peer.world(frozenset(GIVING)) else None


def own_pairs(path, arns):
    """By who and whom, what sv0 says about it: of things that run as somebody, about whom they are."""
    order = ["unknown", "conditional", "allowed"]
    leaving = collections.defaultdict(list)
    with open(path) as file:
        for line in file:
            hop = json.loads(line)
            leaving[hop["from"]].append(hop)

    def ends(identifier, result, conditions, seen):
        if identifier in arns or identifier == ADMINISTRATORS:
            yield identifier, result, conditions
            return
        for hop in leaving[identifier]:
            if hop["kind"] in ("runsAs", "authenticatesAs") and hop["to"] not in seen:
                worst = min(result, hop["result"], key=order.index)
                yield from ends(
                    hop["to"], worst, conditions | set(hop["conditions"]), seen | {hop["to"]})

    found = {}
    for source in arns:
        for hop in leaving[source]:
            if hop["kind"] not in ("canAssume", "canEscalateTo", "discloses"):
                continue
            methods = set(re.findall(r"[a-z0-9]+-\d{3}", hop["sentence"].split("(")[-1]))
            methods = methods or {"sts-001" if hop["kind"] == "canAssume" else hop["kind"]}
            for end, result, conditions in ends(
                    hop["to"], hop["result"], set(hop["conditions"]), set()):
                if end == source:
                    continue
                known = found.setdefault(
                    (source, end), {"result": result, "methods": set(), "conditions": set()})
                known["methods"] |= methods
                known["conditions"] |= conditions
                known["result"] = max(known["result"], result, key=order.index)
    return found


def reasons():
    """What the document says of each kind, of its table's last column."""
    rows = re.findall(r"^\| `([a-z-]+)` \|(?:.*)\| (.*) \|$", DOCUMENT.read_text(), re.MULTILINE)
    return {kind: text for kind, text in rows if kind in KINDS}


def short(arn):
    return arn.split(":")[-1] if arn != ADMINISTRATORS else "the administrators"


def main():
    peer = Peer()
    ours = own_pairs(sys.argv[1], peer.arns)
    theirs = peer.worlds[frozenset()]
    listed = collections.defaultdict(lambda: collections.defaultdict(list))
    for (source, end), said in theirs.items():
        if (source, end) not in ours:
            for reason in said:
                kind = of_peer_only(peer, source, end, reason)
                listed[kind]["only Principal Mapper", end, reason].append(short(source))
    for (source, end), hop in ours.items():
        if (source, end) not in theirs:
            given = "; if " + ", ".join(sorted(hop["conditions"])) if hop["conditions"] else ""
            said = f"{hop['result']} by {', '.join(sorted(hop['methods']))}{given}"
            kind = of_sv0_only(peer, source, end, hop)
            listed[kind]["only sv0", end, said].append(short(source))
    both = [hop for pair, hop in ours.items() if pair in theirs]
    firm = sum(hop["result"] == "allowed" for hop in both)
    print(f"Both have {len(both)} edges; {len(both) - firm} of them are conditional for sv0.")
    explained = reasons()
    for kind in KINDS:
        if listed[kind]:
            print(f"\n{kind}: {explained[kind]}")
            show(listed[kind])
    missing = [kind for kind in KINDS if not listed[kind]]
    if missing:
        print(f"\nNo difference is of kind {', '.join(missing)}.")
    if listed[None]:
        print("\nOf no known kind:")
        show(listed[None])
    if missing or listed[None]:
        sys.exit(1)
    count = sum(len(sources) for lines in listed.values() for sources in lines.values())
    print(f"\nEach of the {count} differences is of a known kind.")


def show(lines):
    for (side, end, said), sources in sorted(lines.items()):
        print(f"  {side}: {', '.join(sorted(sources))} -> {short(end)}: {said}")


if __name__ == "__main__":
    main()
