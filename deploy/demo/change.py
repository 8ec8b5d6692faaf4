"""One change to the demo's account, to be seen by the next scan: an exposure ends, another begins."""

import aws


def main():
    iam = aws.session(aws.ACCOUNT).client("iam")
    iam.delete_role_policy(RoleName="vendor-metrics", PolicyName="permissions")
    iam.delete_role(RoleName="vendor-metrics")
    print("deleted the role vendor-metrics, which a stranger could assume")
    iam.attach_role_policy(
        RoleName="nightly-report", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess"
    )
    print("attached AdministratorAccess to the role nightly-report")


if __name__ == "__main__":
    main()
