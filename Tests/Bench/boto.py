"""GetRole calls by boto3 with threads, against the server of row P8.

    python boto.py PORT CALLS THREADS

Prints seconds of CPU, seconds that passed, and a digest of what came back.
"""

import hashlib
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import boto3
from botocore.config import Config

port, calls, threads = (int(argument) for argument in sys.argv[1:])
client = boto3.client(
    "iam",
    region_name="us-east-1",
    endpoint_url=f"http://127.0.0.1:{port}",
    aws_access_key_id="AKIAEXAMPLE",
    aws_secret_access_key="example",
    config=Config(max_pool_connections=threads),
)


def role_id(number):
    role = client.get_role(RoleName=f"role-{number:05}")["Role"]
    return role["RoleName"] + " " + role["RoleId"]


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


cpu, start = used(), time.monotonic()
with ThreadPoolExecutor(threads) as pool:
    lines = list(pool.map(role_id, range(calls)))
wall, cpu = time.monotonic() - start, used() - cpu
lines.sort()
print(cpu, wall, hashlib.sha256("\n".join(lines).encode()).hexdigest())
