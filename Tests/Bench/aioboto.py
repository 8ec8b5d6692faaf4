"""GetRole calls by aiobotocore with tasks, against the server of row P8: see boto.py."""

import asyncio
import hashlib
import resource
import sys
import time

from aiobotocore.config import AioConfig
from aiobotocore.session import get_session

port, calls, tasks = (int(argument) for argument in sys.argv[1:])


def used():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def read(client, first):
    lines = []
    for number in range(first, calls, tasks):
        role = (await client.get_role(RoleName=f"role-{number:05}"))["Role"]
        lines.append(role["RoleName"] + " " + role["RoleId"])
    return lines


async def main():
    async with get_session().create_client(
        "iam",
        region_name="us-east-1",
        endpoint_url=f"http://127.0.0.1:{port}",
        aws_access_key_id="AKIAEXAMPLE",
        aws_secret_access_key="example",
        config=AioConfig(max_pool_connections=tasks),
    ) as client:
        cpu, start = used(), time.monotonic()
        lists = await asyncio.gather(*(read(client, first) for first in range(tasks)))
        wall, cpu = time.monotonic() - start, used() - cpu
    lines = sorted(line for lines in lists for line in lines)
    print(cpu, wall, hashlib.sha256("\n".join(lines).encode()).hexdigest())


asyncio.run(main())
