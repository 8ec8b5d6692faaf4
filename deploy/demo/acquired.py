"""Builds the account of a company that was bought, after `estate.py`: in no organization, and an
identity of the first account reaches its payroll. A way like it is declared by the account's owner.
"""

import aws
from estate import (
    ACCOUNT,
    REGION,
    Estate,
    access_for_securityv0,
    allow,
    role_arn,
    service_trust,
    trust,
)

ACQUIRED = "333344445555"


def build(acme, acquired):
    s3 = acquired.session.client("s3", region_name=REGION)
    for name in ["payroll", "invoices"]:
        s3.create_bucket(
            Bucket=f"otherco-{name}", CreateBucketConfiguration={"LocationConstraint": REGION}
        )

    # Nobody sees both ends: the trust is the other company's, the role ours.
    acme.role(
        "payroll-merge",
        service_trust(),
        allow("sts:AssumeRole", role_arn("payroll-reader", ACQUIRED)),
        owner="team-data",
    )
    acquired.role(
        "payroll-reader",
        trust({"AWS": role_arn("payroll-merge")}),
        allow("s3:GetObject", "arn:aws:s3:::otherco-payroll/*"),
    )
    # Fine: who owns the invoices has said that this account may come for them.
    acme.role(
        "invoice-merge",
        service_trust(),
        allow("sts:AssumeRole", role_arn("invoice-reader", ACQUIRED)),
        owner="team-billing",
    )
    acquired.role(
        "invoice-reader",
        trust({"AWS": role_arn("invoice-merge")}),
        allow("s3:GetObject", "arn:aws:s3:::otherco-invoices/*"),
    )
    acquired.iam.tag_role(
        RoleName="invoice-reader", Tags=[{"Key": "sv0:accepts", "Value": ACCOUNT}]
    )


def main():
    acquired = Estate(aws.session(ACQUIRED), ACQUIRED)
    access_for_securityv0(acquired, reads_organization=False)
    build(Estate(aws.session(ACCOUNT)), acquired)
    print(f"Account {ACQUIRED}, in no organization: payroll-merge of {ACCOUNT} reads its payroll;")
    print("  invoice-merge, whose way is declared, reads its invoices")


if __name__ == "__main__":
    main()
