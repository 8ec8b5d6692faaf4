"""An AWS endpoint that fails on demand: passes calls on to moto unless a rule says otherwise.

    python fault_proxy.py http://127.0.0.1:5000 RULES SECRETS

Prints its URL once it listens. The file RULES is read for every call: a JSON list of
`{"match": REGEX, "do": "deny" | "cut" | "hold"}`, where REGEX is searched in the call's name, such
as `lambda GET /2015-03-31/functions/` or `iam GetAccountAuthorizationDetails`. `hold` keeps the call
waiting for as long as the rule is there. Keys and tokens that STS issues are added to SECRETS.
"""

import http.client
import http.server
import json
import re
import socket
import sys
import threading
import time
import urllib.parse

DENIAL = {"__type": "AccessDeniedException", "Message": "is not authorized to perform this"}


class Proxy(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        name = operation(self.command, self.path, self.headers, body)
        match self.server.action(name):
            case "deny":
                text = json.dumps(DENIAL).encode()
                headers = {"x-amzn-ErrorType": "AccessDeniedException", "x-amzn-RequestId": "denied"}
                return self.reply(403, headers, text)
            case "cut":
                self.close_connection = True
                return self.connection.shutdown(socket.SHUT_RDWR)
        upstream = http.client.HTTPConnection(self.server.upstream, timeout=60)
        upstream.request(self.command, self.path, body=body, headers=dict(self.headers))
        response = upstream.getresponse()
        content = response.read()
        if name == "sts AssumeRole":
            self.server.remember(content.decode())
        self.reply(response.status, dict(response.getheaders()), content)

    do_GET = do_POST = do_HEAD = answer

    def reply(self, status, headers, body):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "content-length", "transfer-encoding"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format, *arguments):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, upstream, rules, secrets):
        super().__init__(("127.0.0.1", 0), Proxy)
        self.upstream = urllib.parse.urlsplit(upstream).netloc
        self.rules = rules
        self.secrets = secrets
        self.lock = threading.Lock()

    def action(self, name):
        while True:
            with open(self.rules, encoding="utf-8") as file:
                rules = json.load(file)
            action = next((rule["do"] for rule in rules if re.search(rule["match"], name)), None)
            if action != "hold":
                return action
            time.sleep(0.02)

    def remember(self, answer):
        found = re.findall(r"<(?:SecretAccessKey|SessionToken)>([^<]+)<", answer)
        with self.lock, open(self.secrets, "a", encoding="utf-8") as file:
            file.writelines(f"{secret}\n" for secret in found)


def operation(method, path, headers, body):
    """The service is in the signature's scope, the operation where the service's protocol has it."""
    scope = re.search(r"Credential=[^/]+/[^/]+/[^/]+/([^/]+)/", headers.get("Authorization", ""))
    service = scope.group(1) if scope else "unsigned"
    target = headers.get("X-Amz-Target")
    action = urllib.parse.parse_qs(body.decode("utf-8", "replace")).get("Action")
    return f"{service} {target or (action[0] if action else f'{method} {path}')}"


if __name__ == "__main__":
    server = Server(*sys.argv[1:4])
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()
