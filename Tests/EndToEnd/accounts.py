"""Several small AWS accounts in the moto server that SV0_MOTO names, in one of two states.

    python accounts.py build ACCOUNT…    as they are at first
    python accounts.py alter ACCOUNT…    to the second state: something new, changed and gone
    python accounts.py revert ACCOUNT…   back to the first, exactly

Both states have findings; on the way to the second, some are resolved and some are new. What is
altered is made of policies and tags only, because whatever is made again would have another id or
another date.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "deploy" / "demo"))

import aws  # noqa: E402
import estate  # noqa: E402


class Clients:
    """Of all accounts: moto takes the account from a header, wherever the credentials are from."""

    def __init__(self):
        session = aws.Session(aws_access_key_id="test", aws_secret_access_key="test")
        self.account = None
        self.iam = session.client("iam")
        self.functions = session.client("lambda")
        self.organizations = session.client("organizations")
        for client in (self.iam, self.functions, self.organizations):
            client.meta.events.register("before-send", self.direct)

    def direct(self, request, **_):
        request.headers["x-moto-account-id"] = self.account


class Estate(estate.Estate):
    """What the demo's planted exposures are built with, in whichever account is current."""

    def __init__(self, clients):
        self.clients = clients
        self.iam = clients.iam
        self.functions = clients.functions
        self.code = estate.empty_zip()

    def enter(self, account):
        self.clients.account = estate.ACCOUNT = account

    def build(self):
        self.clients.organizations.create_organization(FeatureSet="ALL")
        self.role(
            "webhook",
            estate.service_trust(),
            estate.allow("sts:AssumeRole", estate.role_arn("deploy")),
            owner="team-a",
        )
        self.role(
            "deploy",
            estate.trust({"AWS": estate.role_arn("webhook")}),
            estate.allow("*", "*"),
            owner="team-b",
        )
        self.function("webhook", "webhook")
        self.function_url("webhook", "NONE")
        self.role("vendor", self.vendor_trust(), estate.allow("s3:GetObject", "*"))
        self.role("exporter", estate.service_trust(), self.bounded(), owner="team-c")
        self.iam.create_group(GroupName="deployers")
        self.iam.create_user(UserName="robot")
        self.iam.create_access_key(UserName="robot")
        for number in range(4):
            name = f"service-{number}"
            self.role(name, estate.service_trust(), self.bounded(), owner=f"team-{number}")
            self.function(name, name, {"TABLE": name})
        self.revert()

    def alter(self):
        # Gone: the public URL answers nobody (resolved), and a policy.
        self.functions.remove_permission(FunctionName="webhook", StatementId="public-url")
        self.iam.delete_role_policy(RoleName="service-0", PolicyName="more")
        # Changed: the vendor has to name the customer (resolved); all buckets (new); an owner.
        self.iam.update_assume_role_policy(
            RoleName="vendor",
            PolicyDocument=self.vendor_trust({"StringEquals": {"sts:ExternalId": "acme"}}),
        )
        self.policy("exporter", "permissions", estate.allow("s3:*", "*"))
        self.own("service-1", "team-z")
        # New: a policy, and a membership.
        self.policy("service-2", "more", self.bounded())
        self.iam.add_user_to_group(GroupName="deployers", UserName="robot")

    def revert(self):
        self.allow_anyone_to_call_url("webhook")
        self.policy("service-0", "more", self.bounded())
        self.iam.update_assume_role_policy(RoleName="vendor", PolicyDocument=self.vendor_trust())
        self.policy("exporter", "permissions", self.bounded())
        self.own("service-1", "team-1")
        if "more" in self.iam.list_role_policies(RoleName="service-2")["PolicyNames"]:
            self.iam.delete_role_policy(RoleName="service-2", PolicyName="more")
            self.iam.remove_user_from_group(GroupName="deployers", UserName="robot")

    def policy(self, role, name, statement):
        self.iam.put_role_policy(
            RoleName=role, PolicyName=name, PolicyDocument=estate.document(statement)
        )

    def own(self, role, team):
        self.iam.tag_role(RoleName=role, Tags=[{"Key": "owner", "Value": team}])

    def vendor_trust(self, condition=None):
        return estate.trust({"AWS": "arn:aws:iam::999988887777:root"}, condition)

    def bounded(self):
        return estate.allow("s3:GetObject", "arn:aws:s3:::acme-reports/*")


if __name__ == "__main__":
    estates = Estate(Clients())
    for account in sys.argv[2:]:
        estates.enter(account)
        {"build": estates.build, "alter": estates.alter, "revert": estates.revert}[sys.argv[1]]()
