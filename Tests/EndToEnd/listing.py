"""What the graph of an account must be, asked of moto with boto3 and nothing of sv0's.

    SV0_MOTO=http://127.0.0.1:5000 python listing.py ACCOUNT REGION

Prints one line for each node (`node KIND TYPE ID NAME`) and edge (`edge KIND FROM TO
DISCRIMINATOR`), parts separated by tabs, sorted.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "deploy" / "demo"))

import aws  # noqa: E402


class Listing:
    def __init__(self, account, region):
        session = aws.session(account)
        self.account = account
        self.iam = session.client("iam")
        self.functions = session.client("lambda", region_name=region)
        self.organizations = session.client("organizations", region_name="us-east-1")
        self.lines = set()
        self.managed = {}  # policies that something is attached to or bounded by

    def node(self, kind, type, id, name):
        self.lines.add(("node", kind, type, id, name))

    def edge(self, kind, source, target, discriminator=""):
        self.lines.add(("edge", kind, source, target, discriminator))

    def holder(self, kind, item, **name):
        """The policies of a role, user or group."""
        arn = item["Arn"]
        for policy in getattr(self.iam, f"list_{kind}_policies")(**name)["PolicyNames"]:
            id = f"{arn}#inline/{policy}"
            self.node("policy", "aws.iam.inlinePolicy", id, policy)
            self.edge("grantedBy", arn, id)
        attached = getattr(self.iam, f"list_attached_{kind}_policies")(**name)
        for policy in attached["AttachedPolicies"]:
            self.managed[policy["PolicyArn"]] = policy["PolicyName"]
            self.edge("grantedBy", arn, policy["PolicyArn"])
        boundary = item.get("PermissionsBoundary", {}).get("PermissionsBoundaryArn")
        if boundary:
            self.managed[boundary] = boundary.rsplit("/", 1)[1]
            self.edge("limitedBy", arn, boundary, "boundary")
        for tag in item.get("Tags", []):
            if tag["Key"].lower() in ("owner", "team"):
                self.edge("ownedBy", arn, f"owner:{tag['Value']}")

    def identities(self):
        for listed in self.all(self.iam, "list_roles", "Roles"):
            name, arn = listed["RoleName"], listed["Arn"]
            self.node("identity", "aws.iam.role", arn, name)
            self.node("policy", "aws.iam.trustPolicy", f"{arn}#trust", f"trust policy of {name}")
            self.edge("trustedBy", arn, f"{arn}#trust")
            self.holder("role", self.iam.get_role(RoleName=name)["Role"], RoleName=name)
        for listed in self.all(self.iam, "list_users", "Users"):
            name, arn = listed["UserName"], listed["Arn"]
            self.node("identity", "aws.iam.user", arn, name)
            self.holder("user", self.iam.get_user(UserName=name)["User"], UserName=name)
            for group in self.iam.list_groups_for_user(UserName=name)["Groups"]:
                self.edge("memberOf", arn, f"aws:iam:group:{self.account}/{group['GroupName']}")
            for key in self.iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
                id = f"aws:access-key:{key['AccessKeyId']}"
                self.node("credential", "aws.iam.accessKey", id, key["AccessKeyId"])
                self.edge("authenticatesAs", id, arn)
        for group in self.all(self.iam, "list_groups", "Groups"):
            self.node("principalSet", "aws.iam.group", group["Arn"], group["GroupName"])
            self.holder("group", group, GroupName=group["GroupName"])
        for arn, name in self.managed.items():
            self.node("policy", "aws.iam.policy", arn, name)

    def automation(self):
        for function in self.all(self.functions, "list_functions", "Functions"):
            name, arn = function["FunctionName"], function["FunctionArn"]
            self.node("automation", "aws.lambda.function", arn, name)
            self.edge("runsAs", arn, function["Role"])
            values = function.get("Environment", {}).get("Variables", {}).values()
            if any(map(is_opaque, values)):
                id = f"{arn}#environment"
                self.node("credential", "aws.lambda.environment", id, f"environment of {name}")
                self.edge("stores", arn, id)
            for value in values:
                if value.startswith("AKIA"):
                    self.edge("stores", arn, f"aws:access-key:{value}")
            if self.exists("get_policy", name):
                id = f"{arn}#policy"
                self.node("policy", "aws.lambda.resourcePolicy", id, f"resource policy of {name}")
                self.edge("governs", id, arn)
            if self.exists("get_function_url_config", name):
                self.edge("triggers", "anyone", arn, "url")
        for mapping in self.functions.list_event_source_mappings()["EventSourceMappings"]:
            source, target = mapping["EventSourceArn"], mapping["FunctionArn"]
            self.edge("triggers", source, target, mapping["UUID"])

    def organization(self):
        organization = self.organizations.describe_organization()["Organization"]
        arn, management = organization["Arn"], organization["MasterAccountId"]
        self.node("container", "aws.organization", arn, organization["Id"])
        self.edge("contains", arn, f"aws:account:{management}")
        for account in self.all(self.organizations, "list_accounts", "Accounts"):
            id = f"aws:account:{account['Id']}"
            self.node("container", "aws.account", id, account["Name"])
            self.edge("contains", arn, id)
        for type, discriminator in [
            ("SERVICE_CONTROL_POLICY", "scp"),
            ("RESOURCE_CONTROL_POLICY", "rcp"),
        ]:
            self.organization_policies(type, discriminator)
        for root in self.organizations.list_roots()["Roots"]:
            self.unit(root)

    def organization_policies(self, type, discriminator):
        for policy in self.organizations.list_policies(Filter=type)["Policies"]:
            targets = self.organizations.list_targets_for_policy(PolicyId=policy["Id"])["Targets"]
            if targets:
                self.node("policy", "aws.organizations.policy", policy["Arn"], policy["Name"])
            for target in targets:
                kind = "account" if target["Type"] == "ACCOUNT" else "organizations"
                holder = f"aws:{kind}:{target['TargetId']}"
                self.edge("limitedBy", holder, policy["Arn"], discriminator)

    def unit(self, unit):
        id = f"aws:organizations:{unit['Id']}"
        self.node("container", "aws.organizationalUnit", id, unit["Name"])
        parent = {"ParentId": unit["Id"]}
        for account in self.organizations.list_accounts_for_parent(**parent)["Accounts"]:
            self.edge("contains", id, f"aws:account:{account['Id']}")
        below = self.organizations.list_organizational_units_for_parent(**parent)
        for inner in below["OrganizationalUnits"]:
            self.edge("contains", id, f"aws:organizations:{inner['Id']}")
            self.unit(inner)

    def exists(self, operation, function):
        try:
            getattr(self.functions, operation)(FunctionName=function)
        except self.functions.exceptions.ResourceNotFoundException:
            return False
        return True

    def all(self, client, operation, items):
        return client.get_paginator(operation).paginate().search(f"{items}[]")


def is_opaque(value):
    references = ("arn:", "{{resolve:", "ssm:", "secretsmanager:", "https://")
    return value != "" and not value.startswith(references)


if __name__ == "__main__":
    listing = Listing(sys.argv[1], sys.argv[2])
    listing.identities()
    listing.automation()
    listing.organization()
    print("\n".join(sorted("\t".join(line) for line in listing.lines)))
