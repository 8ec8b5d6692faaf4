"""A webhook receiver that checks signatures with the reference library, on a free port.

The first line of output is the port. It ends when its standard input closes.
  POST /ok      204 if the signature is right, else 400
  POST /flaky   503 with Retry-After the first time, then as /ok
  POST /drop    closes the connection without an answer
  GET  /taken   the deliveries with a right signature: [{"id": ..., "body": ...}]
"""

import json
import os
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from standardwebhooks import Webhook, WebhookVerificationError

webhook = Webhook(os.environ["WEBHOOK_SECRET"])
taken, seen = [], set()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self, status, body=b"", **headers):
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        self.answer(200, json.dumps(taken).encode())

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.path == "/drop":
            self.close_connection = True
            self.connection.close()
            return
        identity = self.headers["webhook-id"]
        if self.path == "/flaky" and identity not in seen:
            seen.add(identity)
            return self.answer(503, Retry_After="7")
        try:
            webhook.verify(body, dict(self.headers))
        except WebhookVerificationError as error:
            return self.answer(400, str(error).encode())
        taken.append({"id": identity, "body": body.decode()})
        self.answer(204)

    def log_message(self, *_):
        pass


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
