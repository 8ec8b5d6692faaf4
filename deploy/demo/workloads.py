"""Builds the second account of the demo's organization, after `estate.py`: one way to its
administrators is open, and others like it are not.

Each look-alike is blocked by something else: a service control policy of the unit above, a
permissions boundary, a condition that only a request can meet, a trigger that is switched off.
"""

import aws
from estate import (
    ACCOUNT,
    ADMINISTRATOR,
    REGION,
    Estate,
    access_for_securityv0,
    allow,
    document,
    role_arn,
    service_trust,
    trust_statement,
)

# What only the platform team's pipeline may do in the accounts below.
IDENTITY_CHANGES = [
    "iam:AddUserToGroup",
    "iam:Attach*Policy",
    "iam:Create*Key",
    "iam:CreateLoginProfile",
    "iam:CreatePolicyVersion",
    "iam:Put*Policy",
    "iam:SetDefaultPolicyVersion",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateLoginProfile",
]


def guard(organizations, member):
    """A unit for the account, whose policy keeps identities as they are."""
    root = organizations.list_roots()["Roots"][0]["Id"]
    organizations.enable_policy_type(RootId=root, PolicyType="SERVICE_CONTROL_POLICY")
    unit = organizations.create_organizational_unit(ParentId=root, Name="workloads")
    unit = unit["OrganizationalUnit"]["Id"]
    organizations.move_account(AccountId=member, SourceParentId=root, DestinationParentId=unit)
    pipeline = {"ArnNotLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/platform-pipeline"}}
    policy = organizations.create_policy(
        Name="identities-stay",
        Description="Only the platform's pipeline changes identities",
        Type="SERVICE_CONTROL_POLICY",
        Content=document(
            {
                "Sid": "IdentitiesStay",
                "Effect": "Deny",
                "Action": IDENTITY_CHANGES,
                "Resource": "*",
                "Condition": pipeline,
            }
        ),
    )
    organizations.attach_policy(
        PolicyId=policy["Policy"]["PolicySummary"]["Id"], TargetId=unit
    )


def build(workloads):
    s3 = workloads.session.client("s3", region_name=REGION)
    s3.create_bucket(
        Bucket="acme-workforce-payroll",
        CreateBucketConfiguration={"LocationConstraint": REGION},
    )
    admin = role_arn("workload-admin", workloads.account)
    become_admin = allow("sts:AssumeRole", admin)

    # Open: it runs as a role that the administrators' role trusts, and a queue starts it.
    workloads.role("release-runner", service_trust(), become_admin, owner="team-platform")
    workloads.function("release-runner", "release-runner")
    queue(workloads, "releases", "release-runner")

    # Switched off: the same function, but nothing that is put into this queue gets to it.
    queue(workloads, "old-releases", "release-runner", enabled=False)
    # Blocked by the unit's policy: it may write any policy, were it not for that.
    workloads.role(
        "access-provisioner",
        service_trust(),
        allow(["iam:AttachRolePolicy", "iam:PutRolePolicy"], "*"),
        owner="team-platform",
    )
    workloads.function("access-provisioner", "access-provisioner")
    # Blocked by its boundary: trusted like the first.
    boundary = workloads.iam.create_policy(
        PolicyName="reports-only",
        PolicyDocument=document(allow("s3:GetObject", "arn:aws:s3:::acme-reports/*")),
    )["Policy"]["Arn"]
    workloads.role("report-builder", service_trust(), become_admin, boundary=boundary)
    workloads.function("report-builder", "report-builder")
    # Only from the office: nobody can tell whether a request comes from there.
    workloads.role("night-operator", service_trust(), become_admin, owner="team-platform")
    workloads.function("night-operator", "night-operator")

    trusted = [role_arn(name, workloads.account) for name in ("release-runner", "report-builder")]
    office = {"IpAddress": {"aws:SourceIp": "198.51.100.0/24"}}
    workloads.role(
        "workload-admin",
        document(
            trust_statement({"AWS": trusted}),
            trust_statement({"AWS": role_arn("night-operator", workloads.account)}, office),
        ),
        managed=[ADMINISTRATOR],
        owner="team-platform",
    )


def queue(estate, name, function, enabled=True):
    """A queue whose messages start a function, if the mapping is switched on."""
    estate.session.client("sqs", region_name=REGION).create_queue(QueueName=name)
    estate.functions.create_event_source_mapping(
        FunctionName=function,
        EventSourceArn=f"arn:aws:sqs:{REGION}:{estate.account}:{name}",
        Enabled=enabled,
    )


def main():
    organizations = aws.session(ACCOUNT).client("organizations", region_name="us-east-1")
    accounts = [account["Id"] for account in organizations.list_accounts()["Accounts"]]
    member = next(account for account in accounts if account != ACCOUNT)
    guard(organizations, member)
    workloads = Estate(aws.session(member), member)
    access_for_securityv0(workloads, reads_organization=False)
    build(workloads)
    print(f"Account {member}, below a service control policy: release-runner (started by a queue)")
    print("  leads to workload-admin; four ways like it are blocked")


if __name__ == "__main__":
    main()
