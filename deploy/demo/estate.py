"""Builds the demo's AWS account in moto: planted exposures, each beside look-alikes that are fine.

    SV0_MOTO=http://127.0.0.1:5000 python deploy/demo/estate.py

Starts from an empty, seeded moto, so that every id is the same each time. Prints what exists.
"""

import io
import json
import pathlib
import zipfile

import aws

REGION = aws.REGION
ACCOUNT = aws.ACCOUNT
PLATFORM_ACCOUNT = "222200001111"  # where Securityv0 itself runs
EXTERNAL_ID = "acme-demo-external-id"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
TEMPLATE = pathlib.Path(__file__).parent.parent / "aws" / "read-only-role.yaml"
FAKE_SECRET = "planted-value-that-must-never-appear"


def role_arn(name, account=None):
    return f"arn:aws:iam::{account or ACCOUNT}:role/{name}"


def allow(actions, resources, **more):
    return {"Effect": "Allow", "Action": actions, "Resource": resources, **more}


def document(*statements):
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def trust_statement(principal, condition=None):
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return statement | ({"Condition": condition} if condition else {})


def trust(principal, condition=None):
    return document(trust_statement(principal, condition))


def service_trust(service="lambda"):
    return trust({"Service": f"{service}.amazonaws.com"})


class Estate:
    account = None  # the demo's first

    def __init__(self, session, account=None):
        self.session = session
        self.account = account
        self.iam = session.client("iam")
        self.functions = session.client("lambda", region_name=REGION)
        self.code = empty_zip()

    def role(self, name, trusted, *statements, managed=(), boundary=None, owner=None):
        more = {"PermissionsBoundary": boundary} if boundary else {}
        tags = [{"Key": "owner", "Value": owner}] if owner else []
        self.iam.create_role(
            RoleName=name, AssumeRolePolicyDocument=trusted, Tags=tags, **more
        )
        if statements:
            self.iam.put_role_policy(
                RoleName=name, PolicyName="permissions", PolicyDocument=document(*statements)
            )
        for arn in managed:
            self.iam.attach_role_policy(RoleName=name, PolicyArn=arn)

    def function(self, name, role, environment=None):
        self.functions.create_function(
            FunctionName=name,
            Role=role_arn(role, self.account),
            Runtime="python3.12",
            Handler="index.handler",
            Code={"ZipFile": self.code},
            Environment={"Variables": environment or {}},
        )

    def function_url(self, name, auth_type):
        self.functions.create_function_url_config(FunctionName=name, AuthType=auth_type)

    def allow_anyone_to_call_url(self, name):
        self.functions.add_permission(
            FunctionName=name,
            StatementId="public-url",
            Action="lambda:InvokeFunctionUrl",
            Principal="*",
        )


def organization(estate):
    """The account manages an organization with one member, whose id AWS (moto) chooses."""
    organizations = estate.session.client("organizations", region_name="us-east-1")
    organizations.create_organization(FeatureSet="ALL")
    created = organizations.create_account(
        AccountName="acme-workloads", Email="workloads@acme.example"
    )
    return created["CreateAccountStatus"]["AccountId"]


def access_for_securityv0(estate, reads_organization):
    """What a customer deploys, as it is."""
    parameters = {
        "TrustedPrincipal": f"arn:aws:iam::{PLATFORM_ACCOUNT}:root",
        "ExternalId": EXTERNAL_ID,
        "Organization": "yes" if reads_organization else "no",
    }
    estate.session.client("cloudformation", region_name=REGION).create_stack(
        StackName="securityv0",
        TemplateBody=TEMPLATE.read_text(),
        Parameters=[
            {"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()
        ],
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )


def public_trigger(estate):
    """Anyone on the internet calls a function that may become an administrator."""
    estate.role(
        "invoice-webhook-role",
        service_trust(),
        allow("sts:AssumeRole", role_arn("deploy-admin")),
        owner="team-billing",
    )
    estate.role(
        "deploy-admin",
        trust({"AWS": role_arn("invoice-webhook-role")}),
        managed=[ADMINISTRATOR],
        owner="team-platform",
    )
    estate.function("invoice-webhook", "invoice-webhook-role")
    estate.function_url("invoice-webhook", "NONE")
    estate.allow_anyone_to_call_url("invoice-webhook")

    # Fine: callers must be authenticated.
    estate.role(
        "report-webhook-role", service_trust(), allow("s3:GetObject", "arn:aws:s3:::acme-reports/*")
    )
    estate.function("report-webhook", "report-webhook-role")
    estate.function_url("report-webhook", "AWS_IAM")
    # Fine: without a statement in the function's policy the open URL answers nobody.
    estate.function("draft-webhook", "report-webhook-role")
    estate.function_url("draft-webhook", "NONE")


def external_trust(estate, member):
    """A stranger's account is trusted without an external id: a confused deputy."""
    metrics = allow(["cloudwatch:GetMetricData", "cloudwatch:ListMetrics"], "*")
    estate.role(
        "vendor-metrics",
        trust({"AWS": "arn:aws:iam::999988887777:root"}),
        metrics,
        owner="team-observability",
    )

    # Fine: the vendor has to name the customer.
    estate.role(
        "vendor-backup",
        trust(
            {"AWS": "arn:aws:iam::777766665555:root"},
            {"StringEquals": {"sts:ExternalId": "acme-7f3d"}},
        ),
        allow("backup:StartBackupJob", f"arn:aws:backup:{REGION}:{ACCOUNT}:backup-vault:acme"),
    )
    # Fine: the account belongs to the organization.
    estate.role("member-ops", trust({"AWS": f"arn:aws:iam::{member}:root"}), metrics)


def unbounded_scope(estate):
    """A function holds every permission on every bucket, and a password in its environment."""
    estate.session.client("sqs", region_name=REGION).create_queue(QueueName="nightly-export")
    estate.role(
        "data-pipeline",
        service_trust(),
        allow("s3:*", "*"),
        allow(
            ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"],
            f"arn:aws:sqs:{REGION}:{ACCOUNT}:nightly-export",
        ),
        owner="team-data",
    )
    estate.function(
        "nightly-export",
        "data-pipeline",
        {"DB_HOST": "db.internal", "DB_PASSWORD": FAKE_SECRET, "API_TOKEN": FAKE_SECRET},
    )
    estate.functions.create_event_source_mapping(
        FunctionName="nightly-export",
        EventSourceArn=f"arn:aws:sqs:{REGION}:{ACCOUNT}:nightly-export",
    )

    # Fine: the boundary leaves one action on one bucket.
    boundary = estate.iam.create_policy(
        PolicyName="sandbox-boundary",
        PolicyDocument=document(allow("s3:GetObject", "arn:aws:s3:::acme-sandbox/*")),
    )["Policy"]["Arn"]
    estate.role("sandbox-admin", service_trust(), allow("*", "*"), boundary=boundary)
    # Fine: an explicit deny wins.
    estate.role(
        "frozen-admin",
        service_trust(),
        allow("*", "*"),
        {"Effect": "Deny", "Action": "*", "Resource": "*"},
    )
    # Fine: a wildcard in the action, on one bucket.
    estate.role(
        "assets-reader",
        service_trust(),
        allow("s3:Get*", ["arn:aws:s3:::acme-assets", "arn:aws:s3:::acme-assets/*"]),
    )


def agents(estate):
    """An agent that may read any secret, and one that is there for that."""
    bedrock = estate.session.client("bedrock-agent", region_name=REGION)
    secrets = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:prod/*"
    for name, purpose in [("support-agent", None), ("rotation-agent", "secrets")]:
        estate.role(
            name,
            service_trust("bedrock"),
            allow("bedrock:InvokeModel", f"arn:aws:bedrock:{REGION}::foundation-model/*"),
            allow("secretsmanager:GetSecretValue", secrets),
            owner="team-shop",
        )
        if purpose:
            # Fine: its purpose is declared, and it goes no further.
            estate.iam.tag_role(
                RoleName=name, Tags=[{"Key": "sv0:purpose", "Value": purpose}]
            )
        bedrock.create_agent(agentName=name, agentResourceRoleArn=role_arn(name))


def people_and_robots(estate):
    estate.iam.create_group(GroupName="deployers")
    estate.iam.put_group_policy(
        GroupName="deployers",
        PolicyName="artifacts",
        PolicyDocument=document(allow("s3:PutObject", "arn:aws:s3:::acme-artifacts/*")),
    )
    for user, owner in [("ci-bot", "team-platform"), ("alice", "team-finance")]:
        estate.iam.create_user(UserName=user, Tags=[{"Key": "owner", "Value": owner}])
    estate.iam.add_user_to_group(GroupName="deployers", UserName="ci-bot")
    estate.iam.create_access_key(UserName="ci-bot")


def stored_key(estate):
    """A function carries the key of a user who may read the payroll, although it runs as a role."""
    payroll = ["arn:aws:s3:::acme-hr-payroll", "arn:aws:s3:::acme-hr-payroll/*"]
    ledger = allow("s3:PutObject", "arn:aws:s3:::acme-reports/ledger/*")
    for name, user, status in [
        ("ledger-export", "legacy-export", "Active"),
        # Fine: the key that is left there opens nothing any more.
        ("ledger-archive", "retired-export", "Inactive"),
    ]:
        estate.iam.create_user(UserName=user, Tags=[{"Key": "owner", "Value": "team-finance"}])
        estate.iam.put_user_policy(
            UserName=user,
            PolicyName="payroll",
            PolicyDocument=document(allow(["s3:GetObject", "s3:ListBucket"], payroll)),
        )
        key = estate.iam.create_access_key(UserName=user)["AccessKey"]["AccessKeyId"]
        estate.iam.update_access_key(UserName=user, AccessKeyId=key, Status=status)
        estate.role(name, service_trust(), ledger, owner="team-finance")
        estate.function(name, name, {"AWS_KEY": key, "AWS_SECRET": FAKE_SECRET, "STAGE": "prod"})


def shared_role(estate):
    """Builds of two teams run as one role."""
    artifacts = allow("s3:PutObject", "arn:aws:s3:::acme-artifacts/*")
    builds = estate.session.client("codebuild", region_name=REGION)
    for role, teams in [
        ("build-anything", ["team-shop", "team-data"]),
        # Fine: both builds are the same team's.
        ("build-platform", ["team-platform", "team-platform"]),
    ]:
        estate.role(role, service_trust("codebuild"), artifacts, owner="team-platform")
        for number, team in enumerate(teams):
            builds.create_project(
                name=f"{role}-{number}",
                source={"type": "S3", "location": f"acme-artifacts/{role}-{number}.zip"},
                artifacts={"type": "NO_ARTIFACTS"},
                environment={
                    "type": "LINUX_CONTAINER",
                    "image": "aws/codebuild/standard:7.0",
                    "computeType": "BUILD_GENERAL1_SMALL",
                },
                serviceRole=role_arn(role),
                tags=[{"key": "team", "value": team}],
            )


def pipelines(estate):
    """A stranger's repository may deploy, and is named as exactly as the company's own."""
    issuer = "token.actions.githubusercontent.com"
    provider = estate.iam.create_open_id_connect_provider(
        Url=f"https://{issuer}", ClientIDList=["sts.amazonaws.com"], ThumbprintList=["0" * 40]
    )["OpenIDConnectProviderArn"]
    for role, repository in [
        ("consultant-release", "acme-consulting/rollout"),
        # Fine: the owner file says that the organization is the company's.
        ("shop-release", "acme/shop"),
    ]:
        subject = f"repo:{repository}:ref:refs/heads/main"
        statement = trust_statement(
            {"Federated": provider}, {"StringEquals": {f"{issuer}:sub": subject}}
        )
        estate.role(
            role,
            document(statement | {"Action": "sts:AssumeRoleWithWebIdentity"}),
            allow("s3:PutObject", "arn:aws:s3:::acme-artifacts/*"),
            owner="team-platform",
        )


def certificates(estate):
    """A certificate that has ended: moto says 2012 of every one."""
    estate.iam.upload_server_certificate(
        ServerCertificateName="legacy-shop",
        CertificateBody="made up",
        PrivateKey=FAKE_SECRET,
    )


def data(estate):
    """What there is to reach."""
    s3 = estate.session.client("s3", region_name=REGION)
    for name in ["artifacts", "assets", "customer-invoices", "hr-payroll", "reports", "sandbox"]:
        s3.create_bucket(
            Bucket=f"acme-{name}", CreateBucketConfiguration={"LocationConstraint": REGION}
        )
    secrets = estate.session.client("secretsmanager", region_name=REGION)
    for name in ["prod/payments/database", "prod/github/app-key"]:
        secrets.create_secret(Name=name, SecretString=FAKE_SECRET)
    sns = estate.session.client("sns", region_name=REGION)
    for name in ["order-events", "alarms"]:
        sns.create_topic(Name=name)


def ordinary(estate):
    """What an account is mostly made of: one function, one role, one table."""
    names = """basket catalogue checkout currency delivery discount inventory invoice-archive
    loyalty newsletter nightly-report notification order-history payment-status price-list
    product-images recommendation refund returns review search-index shipment-label stock-sync
    support-ticket tax-rates thumbnail translation user-profile voucher wishlist""".split()
    teams = ["team-billing", "team-data", "team-platform", "team-shop"]
    for number, name in enumerate(names):
        estate.role(
            name,
            service_trust(),
            allow(
                ["dynamodb:GetItem", "dynamodb:PutItem"],
                f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/{name}",
            ),
            allow("logs:PutLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{name}:*"),
            owner=teams[number % len(teams)] if number % 5 else None,
        )
        estate.function(name, name, {"TABLE": name, "STAGE": "prod"})


def empty_zip():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        # A fixed date, so that the code's digest is the same each time.
        archive.writestr(zipfile.ZipInfo("index.py", (2026, 1, 1, 0, 0, 0)), "")
    return buffer.getvalue()


def summary(estate, member):
    roles = list(estate.iam.get_paginator("list_roles").paginate().search("Roles[]"))
    functions = list(
        estate.functions.get_paginator("list_functions").paginate().search("Functions[]")
    )
    mappings = estate.functions.list_event_source_mappings()["EventSourceMappings"]
    users = estate.iam.list_users()["Users"]
    buckets = estate.session.client("s3", region_name=REGION).list_buckets()["Buckets"]
    print(f"Account {ACCOUNT} (organization's management account; member {member}), {REGION}:")
    print(
        f"  {len(roles)} roles, {len(users)} users, {len(functions)} functions, "
        f"{len(mappings)} event source, {len(buckets)} buckets"
    )
    print("  planted: invoice-webhook (public, leads to deploy-admin), vendor-metrics (trusts a")
    print("  stranger, and its owners have left), data-pipeline (every bucket), ledger-export (carries")
    print("  a user's key), build-anything (two teams' builds), consultant-release (a stranger's")
    print("  repository), legacy-shop (a certificate that ended); beside look-alikes that are fine")


def main():
    aws.reset()
    estate = Estate(aws.session(ACCOUNT))
    member = organization(estate)
    access_for_securityv0(estate, reads_organization=True)
    data(estate)
    public_trigger(estate)
    external_trust(estate, member)
    unbounded_scope(estate)
    agents(estate)
    people_and_robots(estate)
    stored_key(estate)
    shared_role(estate)
    pipelines(estate)
    certificates(estate)
    ordinary(estate)
    summary(estate, member)


if __name__ == "__main__":
    main()
