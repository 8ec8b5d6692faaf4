"""The demo's webhook receiver, but the first delivery of every message is answered 500.

    SV0_DEMO_WEBHOOK_SECRET=whsec_… python receiver.py received.ndjson

Writes each delivery that is verified as `{"id", "status", "body"}`, and one that is not as
`{"id", "status": 401}`.
"""

import http.server
import json
import os
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "deploy" / "demo"))

import receiver  # noqa: E402


class FailingFirst(receiver.Receiver):
    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        id = self.headers["webhook-id"]
        try:
            self.server.webhook.verify(body, dict(self.headers.items()))
        except receiver.WebhookVerificationError:
            return self.conclude(id, 401)
        status = 204 if id in self.server.refused else 500
        self.server.refused.add(id)
        self.conclude(id, status, body=json.loads(body))

    def conclude(self, id, status, **more):
        line = {"id": id, "status": status, **more}
        print(json.dumps(line), file=self.server.log, flush=True)
        self.answer(status)


def main():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), FailingFirst)
    server.webhook = receiver.Webhook(os.environ["SV0_DEMO_WEBHOOK_SECRET"])
    server.refused = set()
    server.log = open(sys.argv[1], "a", encoding="utf-8")
    print(f"http://127.0.0.1:{server.server_port}/findings", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
