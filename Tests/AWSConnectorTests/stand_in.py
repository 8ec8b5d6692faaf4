"""AWS as its documentation describes it, for what the tests' usual server does otherwise.

- Lambda has a thousand functions. Their policies are answered as by a service that takes 50 ms:
  when the 50th is asked for that are under way together, which is what uses up 1,000 a second. If
  so many do not come, they are answered after all, some seconds later. Who comes when a later one
  was answered is answered at once: the caller takes answers in order, and waits for it.
- S3 calls an object compressed if it is asked to (`response-content-encoding`), and does not say by
  itself that it is. The objects are a trail's, one a day.

Prints its port. `GET /rounds`: how many policies were answered each time, and at once.
"""

import asyncio
import gzip
import json
from urllib.parse import parse_qs, unquote, urlsplit

FUNCTIONS = 1000
TOGETHER = 50
PATIENCE = 5
ARN = "arn:aws:lambda:eu-west-1:111122223333:function:"
ASSUMED = (
    "<AccessKeyId>A</AccessKeyId><SecretAccessKey>S</SecretAccessKey><SessionToken>T</SessionToken>"
    "<Expiration>2099-01-01T00:00:00Z</Expiration>"
)
EVENTS = {
    "Records": [
        {
            "eventID": "d-1",
            "eventName": "GetObject",
            "eventSource": "s3.amazonaws.com",
            "eventTime": "2026-11-21T09:41:00Z",
            "userIdentity": {"type": "IAMUser", "arn": "arn:aws:iam::111122223333:user/ci"},
        }
    ]
}

together = asyncio.Event()
(asked, waiting, late, rounds) = (0, [], 0, [])
highest = -1


async def answer_together(number):
    global asked, late
    asked += 1
    current = together
    if number < highest:
        late += 1
    else:
        waiting.append(number)
    if len(waiting) == TOGETHER or asked == FUNCTIONS:
        answer_all()
    elif number in waiting:
        try:
            await asyncio.wait_for(current.wait(), PATIENCE)
        except asyncio.TimeoutError:
            if current is together:
                answer_all()


def answer_all():
    global together, highest, waiting
    rounds.append(len(waiting))
    highest = max(waiting, default=highest)
    together.set()
    (together, waiting) = (asyncio.Event(), [])


def xml(operation, result):
    return f"<{operation}Response><{operation}Result>{result}</{operation}Result></{operation}Response>"


async def answer(target, content):
    """Headers and body."""
    url = urlsplit(target)
    query = parse_qs(url.query)
    if "Action=AssumeRole" in content:
        return {}, xml("AssumeRole", f"<Credentials>{ASSUMED}</Credentials>").encode()
    if "Action=GetCallerIdentity" in content:
        return {}, xml("GetCallerIdentity", "<Account>111122223333</Account>").encode()
    if url.path == "/rounds":
        return {}, json.dumps({"together": rounds, "late": late}).encode()
    if url.path.endswith("/functions"):
        names = [f"f{number}" for number in range(FUNCTIONS)]
        functions = [{"FunctionName": name, "FunctionArn": ARN + name} for name in names]
        return {}, json.dumps({"Functions": functions}).encode()
    if url.path.endswith("/policy"):
        await answer_together(int(unquote(url.path).split("/")[-2].split(":")[-1].removeprefix("f")))
        return {}, b'{"Policy":"{\\"Statement\\":[]}","RevisionId":"r"}'
    if "prefix" in query:
        name = query["prefix"][0] + "111122223333_CloudTrail_eu-west-1_20261121T0955Z_x.json.gz"
        return {}, f"<R><IsTruncated>false</IsTruncated><Contents><Key>{name}</Key></Contents></R>".encode()
    encoding = query.get("response-content-encoding")
    return (
        {"Content-Encoding": encoding[0]} if encoding else {},
        gzip.compress(json.dumps(EVENTS).encode()),
    )


async def serve(reader, writer):
    try:
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            lines = head.split("\r\n")
            fields = dict(line.lower().split(": ", 1) for line in lines[1:] if line)
            content = await reader.readexactly(int(fields.get("content-length", 0)))
            headers, body = await answer(lines[0].split(" ")[1], content.decode())
            headers["Content-Length"] = len(body)
            told = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            writer.write(f"HTTP/1.1 200 OK\r\n{told}\r\n".encode() + body)
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", 0, backlog=256)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


asyncio.run(main())
