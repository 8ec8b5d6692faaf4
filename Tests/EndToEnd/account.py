"""One AWS account in the moto server that SV0_MOTO names, for a test of its own.

    python account.py ACCOUNT build                 the demo's estate, in this account
    python account.py ACCOUNT delete-role NAME
    python account.py ACCOUNT change-owner NAME TEAM

Other accounts of the server are left alone.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "deploy" / "demo"))

import aws  # noqa: E402


def build(account):
    aws.ACCOUNT = account
    aws.reset = lambda: None  # the server is shared
    import estate

    estate.data = lambda estate: None  # bucket names are shared by all accounts
    estate.main()


def delete_role(account, name):
    iam = aws.session(account).client("iam")
    for policy in iam.list_role_policies(RoleName=name)["PolicyNames"]:
        iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for policy in iam.list_attached_role_policies(RoleName=name)["AttachedPolicies"]:
        iam.detach_role_policy(RoleName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_role(RoleName=name)


def change_owner(account, name, team):
    iam = aws.session(account).client("iam")
    iam.tag_role(RoleName=name, Tags=[{"Key": "owner", "Value": team}])


if __name__ == "__main__":
    commands = {"build": build, "delete-role": delete_role, "change-owner": change_owner}
    commands[sys.argv[2]](sys.argv[1], *sys.argv[3:])
