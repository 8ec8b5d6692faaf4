"""An IAM that answers GetRole after 50 ms: the platform of row P8. Prints its port.

    python server.py
"""

import asyncio
import hashlib
import re
import urllib.parse

LATENCY = 0.05
ROLE_NAME = re.compile(rb"RoleName=([^&]*)")
LENGTH = re.compile(rb"(?i)content-length: *(\d+)")
TRUST = urllib.parse.quote(
    '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"sts:AssumeRole",'
    '"Principal":{"Service":"lambda.amazonaws.com"}}]}'
)


def body(name):
    number = hashlib.sha256(name.encode()).hexdigest()[:16].upper()
    return (
        '<GetRoleResponse xmlns="https://iam.amazonaws.com/doc/2010-05-08/"><GetRoleResult><Role>'
        f"<Path>/</Path><RoleName>{name}</RoleName><RoleId>AROA{number}</RoleId>"
        f"<Arn>arn:aws:iam::111122223333:role/{name}</Arn>"
        "<CreateDate>2026-11-21T10:00:00Z</CreateDate>"
        f"<AssumeRolePolicyDocument>{TRUST}</AssumeRolePolicyDocument>"
        "<MaxSessionDuration>3600</MaxSessionDuration><Tags><member><Key>owner</Key>"
        "<Value>team-a</Value></member></Tags></Role></GetRoleResult><ResponseMetadata>"
        "<RequestId>0a1b2c3d</RequestId></ResponseMetadata></GetRoleResponse>"
    ).encode()


async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            content = await reader.readexactly(int(LENGTH.search(head).group(1)))
            await asyncio.sleep(LATENCY)
            answer = body(ROLE_NAME.search(content).group(1).decode())
            writer.write(
                b"HTTP/1.1 200 OK\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n"
                % len(answer)
                + answer
            )
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
