"""Sessions of boto3 that can reach nothing but the moto server that SV0_MOTO names."""

import os
import urllib.parse
import urllib.request

# Before boto3 reads them: nothing of this machine's own AWS set-up takes part.
for variable in [name for name in os.environ if name.startswith("AWS_")]:
    del os.environ[variable]
os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
os.environ["AWS_EC2_METADATA_DISABLED"] = "true"

import boto3  # noqa: E402

REGION = "eu-west-1"
ACCOUNT = "111122223333"


class Session:
    """Clients with the credentials of one session and the endpoint fixed."""

    def __init__(self, **credentials):
        self._session = boto3.Session(**credentials)

    def client(self, service, region_name=REGION):
        return self._session.client(service, region_name=region_name, endpoint_url=endpoint())


def endpoint():
    url = os.environ.get("SV0_MOTO", "")
    if urllib.parse.urlsplit(url).hostname not in ("127.0.0.1", "localhost", "::1"):
        raise SystemExit(
            "SV0_MOTO must be the address of a moto server on this machine: "
            'eval "$(sv0 local up --with moto)"'
        )
    return url


def session(account):
    """moto works in the account of the role that was assumed, whether or not it exists."""
    stranger = Session(aws_access_key_id="demo", aws_secret_access_key="demo")
    credentials = stranger.client("sts").assume_role(
        RoleArn=f"arn:aws:iam::{account}:role/OrganizationAccountAccessRole",
        RoleSessionName="demo",
    )["Credentials"]
    return Session(
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


def reset():
    """Empties moto, and makes the ids that it will invent repeatable."""
    for path in ("reset", "seed?a=42"):
        request = urllib.request.Request(f"{endpoint()}/moto-api/{path}", method="POST")
        with urllib.request.urlopen(request, timeout=60):
            pass
