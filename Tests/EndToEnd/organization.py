"""An AWS organization in the moto server that SV0_MOTO names.

    python organization.py build COUNT      COUNT accounts; prints them, the management account first
    python organization.py add              one more; prints it
    python organization.py close ACCOUNT    from then on it is suspended

Each account has a user with a key, and a queue.
"""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "deploy" / "demo"))

import aws  # noqa: E402

MANAGEMENT = "700000000001"


class Organization:
    """Moto takes the account from a header, wherever the credentials are from."""

    def __init__(self):
        session = aws.Session(aws_access_key_id="test", aws_secret_access_key="test")
        self.account = MANAGEMENT
        self.organizations = session.client("organizations")
        self.iam = session.client("iam")
        self.queues = session.client("sqs")
        for client in (self.organizations, self.iam, self.queues):
            client.meta.events.register("before-send", self.direct)

    def direct(self, request, **_):
        request.headers["x-moto-account-id"] = self.account

    def build(self, count):
        self.organizations.create_organization(FeatureSet="ALL")
        print(MANAGEMENT)
        self.furnish(MANAGEMENT)
        for _ in range(int(count) - 1):
            self.add()

    def add(self):
        self.account = MANAGEMENT
        created = self.organizations.create_account(AccountName="a", Email="a@example.com")
        account = created["CreateAccountStatus"]["AccountId"]
        self.furnish(account)
        print(account)

    def furnish(self, account):
        self.account = account
        self.iam.create_user(UserName="robot")
        self.iam.create_access_key(UserName="robot")
        self.queues.create_queue(QueueName="work")

    def close(self, account):
        self.account = MANAGEMENT
        self.organizations.close_account(AccountId=account)


if __name__ == "__main__":
    getattr(Organization(), sys.argv[1])(*sys.argv[2:])
