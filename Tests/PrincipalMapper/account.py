"""Fills moto's account with ways from one principal to another, and with what looks like one.

    SV0_MOTO=http://127.0.0.1:5000 python account.py [SEED]

Beside them stands a crowd whose policies and trusts are drawn by lot, from SEED (default 1).
"""

import json
import pathlib
import random
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "deploy/demo"))

import aws  # noqa: E402
from estate import (  # noqa: E402
    ACCOUNT, ADMINISTRATOR, REGION, Estate, access_for_securityv0, allow, document, role_arn,
    service_trust, trust, trust_statement)

ROOT = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
ELSEWHERE = "999900001111"
IMAGE = "ami-12c6146b"  # of moto
TEMPLATE = json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
CROWD = 48


def deny(actions, resources, **more):
    return allow(actions, resources, **more) | {"Effect": "Deny"}


def here(service, name):
    region = "" if service == "iam" else REGION
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{name}"


def passing(role, service=None):
    condition = {"StringEquals": {"iam:PassedToService": f"{service}.amazonaws.com"}}
    return allow("iam:PassRole", role_arn(role), **({"Condition": condition} if service else {}))


class Account(Estate):
    def __init__(self):
        super().__init__(aws.session(ACCOUNT))
        self.ec2 = self.session.client("ec2")

    def profile(self, role):
        self.iam.create_instance_profile(InstanceProfileName=role)
        self.iam.add_role_to_instance_profile(InstanceProfileName=role, RoleName=role)

    def machine(self, role):
        started = self.ec2.run_instances(
            ImageId=IMAGE, MinCount=1, MaxCount=1, IamInstanceProfile={"Name": role})
        return here("ec2", "instance/" + started["Instances"][0]["InstanceId"])

    def stack(self, name, role):
        return self.session.client("cloudformation").create_stack(
            StackName=name, TemplateBody=TEMPLATE, RoleARN=role_arn(role))["StackId"]

    def project(self, name, role):
        self.session.client("codebuild").create_project(
            name=name, source={"type": "S3", "location": "acme/source.zip"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0",
                "computeType": "BUILD_GENERAL1_SMALL"},
            serviceRole=role_arn(role),
            # Without any the peer does not read what moto answers.
            tags=[{"key": "team", "value": "builds"}])

    def user(self, name, *statements, keys=1, groups=(), password=False):
        """Without a boundary: moto does not tell those of users where both read them."""
        self.iam.create_user(UserName=name)
        if statements:
            self.iam.put_user_policy(
                UserName=name, PolicyName="permissions", PolicyDocument=document(*statements))
        made = [self.iam.create_access_key(UserName=name) for _ in range(keys)]
        for group in groups:
            self.iam.add_user_to_group(GroupName=group, UserName=name)
        if password:
            self.iam.create_login_profile(UserName=name, Password="Not-4-real!")
        return [key["AccessKey"]["AccessKeyId"] for key in made]

    def source(self, name, *statements, **more):
        """A role that nobody of the account may use, so that it is where a way begins."""
        self.role(name, service_trust("batch"), *statements, **more)

    def policy(self, name, *statements):
        return self.iam.create_policy(
            PolicyName=name, PolicyDocument=document(*statements))["Policy"]["Arn"]


def functions(account):
    account.role("run-lambda", service_trust())
    account.role("run-lambda-too", service_trust())
    account.role("run-lambda-here", trust(
        {"Service": "lambda.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": ACCOUNT}}))
    account.role("run-lambda-elsewhere", trust(
        {"Service": "lambda.amazonaws.com"}, {"StringEquals": {"aws:SourceAccount": ELSEWHERE}}))
    account.role("run-stale", service_trust())
    account.function("job", "run-lambda")
    account.function("stale", "run-stale")
    # It was passed once, and could not be any more.
    account.iam.update_assume_role_policy(
        RoleName="run-stale", PolicyDocument=service_trust("events"))
    job, stale = here("lambda", "function:job"), here("lambda", "function:stale")
    create, invoke = "lambda:CreateFunction", "lambda:InvokeFunction"
    account.source("lambda-new", passing("run-lambda"), allow([create, invoke], "*"))
    account.source("lambda-new-started-by-nothing", passing("run-lambda"), allow(create, "*"))
    account.source(
        "lambda-new-started-by-a-queue", passing("run-lambda", "lambda"),
        allow([create, "lambda:CreateEventSourceMapping"], "*"))
    account.source("lambda-new-here", passing("run-lambda-here"), allow([create, invoke], "*"))
    account.source(
        "lambda-new-elsewhere", passing("run-lambda-elsewhere"), allow([create, invoke], "*"))
    account.source(
        "lambda-new-named", passing("run-lambda"),
        allow([create, invoke], here("lambda", "function:team-*")))
    account.source(
        "lambda-new-not-for-lambda", passing("run-lambda", "ec2"), allow([create, invoke], "*"))
    account.source(
        "lambda-new-denied", passing("run-lambda"), allow([create, invoke], "*"),
        deny(create, "arn:aws:lambda:*:*:function:*"))
    account.source("lambda-code", allow(["lambda:UpdateFunctionCode", invoke], job))
    account.source("lambda-code-waiting", allow("lambda:UpdateFunctionCode", job))
    account.source("lambda-code-stale", allow(["lambda:UpdateFunctionCode", invoke], stale))
    account.source(
        "lambda-reconfigure", passing("run-lambda-too"),
        allow(["lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration", invoke], job))


def machines(account):
    agent = allow(["ssm:UpdateInstanceInformation", "ssmmessages:*"], "*")
    mute = allow("ssmmessages:*", "*")
    ec2 = service_trust("ec2")
    account.role("run-ec2", ec2, agent)
    account.role("run-ec2-idle", ec2, agent)
    account.role("run-ec2-mute", ec2, mute)
    account.role("run-ec2-bare", ec2)
    account.role("run-ec2-scaled", ec2)
    for role in ["run-ec2", "run-ec2-idle", "run-ec2-mute", "run-ec2-scaled"]:
        account.profile(role)
    machine = account.machine("run-ec2")
    account.machine("run-ec2-mute")
    account.session.client("autoscaling").create_launch_configuration(
        LaunchConfigurationName="fleet", ImageId=IMAGE, InstanceType="t3.micro",
        IamInstanceProfile=here("iam", "instance-profile/run-ec2-scaled"))
    account.iam.create_service_linked_role(AWSServiceName="autoscaling.amazonaws.com")
    run = allow("ec2:RunInstances", "*")
    fill = ["iam:CreateInstanceProfile", "iam:AddRoleToInstanceProfile"]
    account.source("ec2-new", passing("run-ec2", "ec2"), run)
    account.source("ec2-new-typed", passing("run-ec2"), allow("ec2:RunInstances", [
        f"arn:aws:ec2:*:{ACCOUNT}:*/*", "arn:aws:ec2:*::image/*"]))
    account.source("ec2-new-bare", passing("run-ec2-bare"), run)
    account.source("ec2-new-bare-filled", passing("run-ec2-bare"), run, allow(fill, "*"))
    account.source(
        "ec2-new-bare-own-profile", passing("run-ec2-bare"), run,
        allow(fill[0], "*"), allow(fill[1], here("iam", "instance-profile/*")))
    account.source("ec2-modify", allow(
        ["ec2:ModifyInstanceAttribute", "ec2:StopInstances", "ec2:StartInstances"], machine))
    account.source("ssm-command", allow("ssm:SendCommand", "*"))
    account.source("ssm-session", allow("ssm:StartSession", "*"))
    account.source("ssm-session-one", allow("ssm:StartSession", machine))
    groups = ["autoscaling:CreateAutoScalingGroup"]
    account.source("scaling-existing", allow(groups, "*"))
    account.source(
        "scaling-new", passing("run-ec2-idle"),
        allow(groups + ["autoscaling:CreateLaunchConfiguration"], "*"))


def automations(account):
    for name in ["cloudformation", "codebuild", "sagemaker", "glue", "ecs-tasks"]:
        account.role(f"run-{name}", service_trust(name))
        account.role(f"run-{name}-too", service_trust(name))
    stack = account.stack("app", "run-cloudformation")
    account.project("build", "run-codebuild")
    project = here("codebuild", "project/build")
    account.session.client("sagemaker").create_notebook_instance(
        NotebookInstanceName="notes", InstanceType="ml.t3.medium",
        RoleArn=role_arn("run-sagemaker"))
    account.session.client("ecs").create_cluster(clusterName="main")
    cloud = "cloudformation"
    account.source(
        "stack-new", passing("run-cloudformation-too", cloud),
        allow("cloudformation:CreateStack", "*"))
    account.source(
        "stack-new-named", passing("run-cloudformation-too"),
        allow("cloudformation:CreateStack", here(cloud, "stack/team-*/*")))
    account.source("stack-update", allow("cloudformation:UpdateStack", stack))
    account.source("stack-change", allow(
        ["cloudformation:CreateChangeSet", "cloudformation:ExecuteChangeSet"], stack))
    account.source(
        "stack-update-passing", passing("run-cloudformation-too"),
        allow("cloudformation:UpdateStack", stack))
    account.source("build-start", allow("codebuild:StartBuild", project))
    account.source("build-batch", allow("codebuild:StartBuildBatch", project))
    account.source(
        "build-new", passing("run-codebuild-too", "codebuild"),
        allow(["codebuild:CreateProject", "codebuild:StartBuild"], "*"))
    account.source(
        "build-new-unstarted", passing("run-codebuild-too"), allow("codebuild:CreateProject", "*"))
    account.source(
        "build-update-passing", passing("run-codebuild-too"),
        allow(["codebuild:UpdateProject", "codebuild:StartBuild"], project))
    for kind in ["NotebookInstance", "TrainingJob", "ProcessingJob"]:
        account.source(
            f"sagemaker-{kind}", passing("run-sagemaker-too", "sagemaker"),
            allow(f"sagemaker:Create{kind}", "*"))
    account.source("sagemaker-url", allow(
        "sagemaker:CreatePresignedNotebookInstanceUrl",
        here("sagemaker", "notebook-instance/notes")))
    account.source(
        "glue-endpoint", passing("run-glue"), allow("glue:CreateDevEndpoint", "*"))
    account.source(
        "ecs-task", passing("run-ecs-tasks"),
        allow(["ecs:RegisterTaskDefinition", "ecs:RunTask"], "*"))


def principals(account):
    account.role("admin", ROOT, managed=[ADMINISTRATOR])
    account.role("people", ROOT)
    account.user("one-key")
    account.user("two-keys", keys=2, password=True)
    one, two = here("iam", "user/one-key"), here("iam", "user/two-keys")
    own = here("iam", "role/raise-*")
    account.source("key-maker", allow("iam:CreateAccessKey", [one, two]))
    account.source("key-changer", allow(["iam:CreateAccessKey", "iam:DeleteAccessKey"], two))
    account.source("password-maker", allow("iam:CreateLoginProfile", one))
    account.source("password-changer", allow("iam:UpdateLoginProfile", two))
    account.source("trust-writer", allow("iam:UpdateAssumeRolePolicy", "*"))
    account.source(
        "trust-writer-kept-out", allow("iam:UpdateAssumeRolePolicy", role_arn("people")),
        deny("sts:AssumeRole", "*"))
    account.source("raise-itself", allow("iam:PutRolePolicy", own))
    # One could take its boundary off once it is raised, the other could not.
    for name, actions in [("bounded", "iam:*"), ("kept", "iam:AttachRolePolicy")]:
        account.source(
            f"raise-itself-{name}", allow("iam:AttachRolePolicy", own),
            boundary=account.policy(f"{name}-only", allow(actions, "*")))
    versioned = account.policy(
        "versioned", allow("iam:CreatePolicyVersion", here("iam", "policy/versioned")))
    account.source("raise-by-version", managed=[versioned])
    account.source(
        "raise-another", allow("iam:PutRolePolicy", role_arn("people")),
        allow("sts:AssumeRole", role_arn("people")))
    account.iam.create_group(GroupName="writers")
    account.iam.put_group_policy(
        GroupName="writers", PolicyName="permissions",
        PolicyDocument=document(allow("iam:PutGroupPolicy", here("iam", "group/writers"))))
    account.user("group-writer", groups=["writers"])
    account.iam.create_group(GroupName="administrators")
    account.iam.attach_group_policy(GroupName="administrators", PolicyArn=ADMINISTRATOR)
    account.user("group-member", groups=["administrators"])
    account.user("group-joiner", allow("iam:AddUserToGroup", "*"))
    account.user("role-maker", allow(["iam:CreateRole", "iam:AttachRolePolicy"], "*"))
    # A function's environment has a key, and somebody may read it.
    key = account.user("stored")[0]
    account.role("run-export", service_trust())
    account.function("export", "run-export", {"KEY": key})
    account.source("function-reader", allow("lambda:GetFunction*", "*"))


def trusts(account):
    data = account.policy("data-only", allow("s3:*", "*"))
    assume = allow("sts:AssumeRole", "*")
    for name in ["named", "named-bounded"]:
        account.source(name, boundary=data if "bounded" in name else None)
    account.user("named-user")
    account.role("trusting", document(
        trust_statement({"AWS": [role_arn("named"), role_arn("named-bounded")]}),
        trust_statement({"AWS": here("iam", "user/named-user")})))
    account.source("assume", assume)
    account.source("assume-not", allow("sts:TagSession", "*"))
    account.source("assume-bounded", assume, boundary=data)
    account.source("assume-denied", assume, deny("sts:AssumeRole", role_arn("*")))
    account.source("assume-not-denied", deny("sts:AssumeRole", "*", Condition={
        "ArnNotLike": {"aws:PrincipalArn": role_arn("assume-*")}}))
    account.source("assume-from-office", allow(
        "sts:AssumeRole", role_arn("people"),
        Condition={"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}))
    account.user("assume-with-mfa", allow(
        "sts:AssumeRole", role_arn("people"),
        Condition={"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    account.source("assume-in-capitals", allow("sts:AssumeRole", role_arn("PEOPLE")))
    account.role("people+partners", ROOT)
    account.source("assume-plus", allow("sts:AssumeRole", role_arn("people+partners")))
    root = {"AWS": ACCOUNT}
    account.role("with-external-id", trust(root, {"StringEquals": {"sts:ExternalId": "acme"}}))
    account.role("with-mfa", trust(root, {"Bool": {"aws:MultiFactorAuthPresent": "true"}}))
    account.role("for-the-organization", trust(
        {"AWS": "*"}, {"StringEquals": {"aws:PrincipalOrgID": "o-elsewhere01"}}))
    account.role("for-names", trust(
        root, {"ArnLike": {"aws:PrincipalArn": here("iam", "role/assume*")}}))
    account.role("for-one-of-everybody", trust(
        {"AWS": "*"}, {"ArnEquals": {"aws:PrincipalArn": role_arn("named")}}))
    maker = here("iam", "user/role-maker")
    for name, everybody, kept_out in [
        ("for-everybody", {"AWS": "*"}, [maker]),
        ("for-everybody-but-one", "*", [maker, role_arn("assume")]),
    ]:
        account.role(name, document(
            trust_statement(everybody), trust_statement({"AWS": kept_out}) | {"Effect": "Deny"}))


def crowd(account, seed):
    """Anybody may have been given anything: what both make of that must be the same, or explained."""
    lot = random.Random(seed)
    data = here("iam", "policy/data-only")
    targets = "lambda lambda-too ec2 ec2-bare cloudformation codebuild sagemaker glue".split()
    any_of = [
        ("sts:AssumeRole", ["*", role_arn("crowd-*"), role_arn("people"), role_arn("for-*")]),
        ("iam:PassRole", ["*", role_arn("run-*")] + [role_arn(f"run-{name}") for name in targets]),
        (["lambda:CreateFunction", "lambda:InvokeFunction"], ["*", here("lambda", "function:*")]),
        ("lambda:*", ["*", here("lambda", "function:job")]),
        ("lambda:Create*", ["*"]), ("ec2:*", ["*"]), ("ec2:RunInstances", ["*"]),
        ("cloudformation:*", ["*", here("cloudformation", "stack/app/*")]),
        ("codebuild:*", ["*", here("codebuild", "project/build")]),
        ("sagemaker:Create*", ["*"]), ("ssm:*", ["*"]), ("glue:*", ["*"]),
        ("iam:*AccessKey", ["*", here("iam", "user/one-key"), here("iam", "user/crowd-*")]),
        ("iam:Update*", ["*", role_arn("crowd-1*"), here("iam", "user/*")]),
        ("iam:*InstanceProfile", ["*"]), ("iam:Put*Policy", [role_arn("crowd-*")]),
        (["s3:*", "logs:*"], ["*"]),
    ]
    conditions = [
        {"StringEquals": {"iam:PassedToService": "lambda.amazonaws.com"}},
        {"Bool": {"aws:MultiFactorAuthPresent": "true"}},
        {"StringLike": {"aws:PrincipalArn": role_arn("crowd-2*")}},
        {"StringNotEquals": {"aws:PrincipalAccount": ACCOUNT}},
        {"StringNotLikeIfExists": {"aws:PrincipalArn": role_arn("crowd-3*")}},
        {"Null": {"aws:PrincipalArn": "true"}},
    ]

    def statement():
        actions, resources = lot.choice(any_of)
        more = {"Condition": lot.choice(conditions)} if lot.random() < 0.15 else {}
        make = deny if lot.random() < 0.12 else allow
        made = make(actions, lot.choice(resources), **more)
        if make is deny and lot.random() < 0.3:
            made["NotAction"] = made.pop("Action")
        elif lot.random() < 0.05:
            made["NotResource"] = here("iam", "role/people")
            del made["Resource"]
        return made

    def trusted(number):
        services = ["lambda", "ec2", "cloudformation", "codebuild", "sagemaker", "glue"]
        kind = lot.random()
        if kind < 0.4:
            return service_trust(lot.choice(services))
        if kind < 0.7 or not number:
            return ROOT
        return trust({"AWS": role_arn(f"crowd-{lot.choice(roles)}")})

    for group in ["crowd-1", "crowd-2"]:
        account.iam.create_group(GroupName=group)
        account.iam.put_group_policy(
            GroupName=group, PolicyName="permissions", PolicyDocument=document(statement()))
    roles = []
    for number in range(CROWD):
        statements = [statement() for _ in range(lot.randint(1, 5))]
        boundary = data if lot.random() < 0.1 else None
        if number % 6 == 5:
            groups = lot.sample(["crowd-1", "crowd-2"], lot.randint(0, 2))
            account.user(
                f"crowd-{number}", *statements, keys=lot.randint(0, 2), groups=groups)
        else:
            account.role(f"crowd-{number}", trusted(number), *statements, boundary=boundary)
            if lot.random() < 0.3:
                account.profile(f"crowd-{number}")
            roles.append(number)


def main():
    seed = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    aws.reset()
    account = Account()
    access_for_securityv0(account, reads_organization=False)
    for part in [functions, machines, automations, principals, trusts]:
        part(account)
    crowd(account, seed)
    listed = account.iam.get_account_authorization_details(Filter=["Role", "User"])
    print(f"Account {ACCOUNT}: {len(listed['RoleDetailList'])} roles and "
          f"{len(listed['UserDetailList'])} users (crowd of seed {seed})", file=sys.stderr)


if __name__ == "__main__":
    main()
