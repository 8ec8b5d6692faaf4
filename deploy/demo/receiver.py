"""A webhook receiver: verifies Standard Webhooks signatures and writes what came as NDJSON.

    SV0_DEMO_WEBHOOK_SECRET=whsec_… python deploy/demo/receiver.py received.ndjson

Prints its URL once it listens. 204: accepted; 401: the signature is wrong; nothing is written then.
"""

import http.server
import json
import os
import sys

from standardwebhooks.webhooks import Webhook, WebhookVerificationError

LARGEST_BODY = 1024 * 1024


class Receiver(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if length > LARGEST_BODY:
            return self.answer(413)
        body = self.rfile.read(length)
        try:
            self.server.webhook.verify(body, dict(self.headers.items()))
            message = json.loads(body)
        except (WebhookVerificationError, ValueError) as error:
            print(f"refused: {error}", file=sys.stderr)
            return self.answer(401)
        line = {"id": self.headers["webhook-id"], "body": message}
        print(json.dumps(line), file=self.server.log, flush=True)
        return self.answer(204)

    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, format, *arguments):
        pass


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Receiver)
    server.webhook = Webhook(os.environ["SV0_DEMO_WEBHOOK_SECRET"])
    server.log = open(sys.argv[1], "a", encoding="utf-8")
    print(f"http://127.0.0.1:{server.server_port}/findings", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
