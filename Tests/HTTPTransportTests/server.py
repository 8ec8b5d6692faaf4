"""HTTP server for the tests of HTTPTransport: python3's standard library only.

    server.py [CERTIFICATE KEY | hang-up | silent]

Listens on a free port of 127.0.0.1, prints the port, and ends when its standard input closes.
With a certificate it speaks TLS; `hang-up` closes every connection after its first byte and
`silent` never says anything. What it answers is chosen by the path; see `Handler.routes`.
"""

import gzip
import json
import os
import socket
import ssl
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

state = threading.Condition()
counts = {"open": 0, "peak": 0, "dropped": 0}
released = threading.Event()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def answer(self, body, status=200, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def answer_json(self, value):
        self.answer(json.dumps(value).encode(), headers=[("Content-Type", "application/json")])

    def handle_any(self):
        url = urlsplit(self.path)
        self.query = parse_qs(url.query, keep_blank_values=True)
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        route = self.routes.get(url.path.strip("/").split("/")[0])
        if route:
            route(self)
        else:
            self.answer(b"no such route", status=404)

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def echo(self):
        self.answer_json({
            "method": self.command, "path": self.path, "peer": self.client_address[1],
            "headers": [[name.lower(), value] for name, value in self.headers.items()],
            "body": self.body.decode("latin-1"),
        })

    def status(self):
        self.answer(b"refused", status=int(self.query["code"][0]), headers=[("Retry-After", "7")])

    def bytes(self):
        self.answer(b"x" * int(self.query["count"][0]))

    def headers_of_size(self):
        self.answer(b"", headers=[(f"X-{n}", "y" * 1000) for n in range(int(self.query["kib"][0]))])

    def zeros(self):
        data = gzip.compress(b"\0" * int(self.query["count"][0]))
        self.answer(data, headers=[("Content-Encoding", "gzip")])

    def broken_gzip(self):
        self.answer(b"this is no gzip", headers=[("Content-Encoding", "gzip")])

    def redirect(self):
        self.answer(b"moved", status=int(self.query.get("code", ["302"])[0]),
                    headers=[("Location", self.query["to"][0])])

    def drip(self):
        """A body that never ends: some bytes, slowly. A client that leaves is counted."""
        self.count("open", 1)
        self.send_response(200)
        self.end_headers()
        try:
            while True:
                self.wfile.write(b".")
                time.sleep(0.02)
        except OSError:
            self.count("dropped", 1)
        self.close_connection = True

    def cut(self):
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.wfile.write(b"half")
        self.wfile.flush()
        self.connection.shutdown(socket.SHUT_RDWR)
        self.close_connection = True

    def garbage(self):
        self.wfile.write(b"220 mail.example ESMTP\r\n")
        self.close_connection = True

    def interim(self):
        self.wfile.write(b"HTTP/1.1 103 Early Hints\r\nX-Interim: 1\r\n\r\n")
        self.answer(b"final", headers=[("X-Final", "1")])

    def trailers(self):
        self.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nX-Folded: a\r\n  b\r\n"
                         b"\r\n4\r\nbody\r\n0\r\nX-Trailer: 1\r\n\r\n")

    def hold(self):
        """Holds the request until /release, and says how many are held at most."""
        self.count("open", 1)
        released.wait(60)
        self.count("open", -1)
        self.answer_json({"peer": self.client_address[1]})

    def release(self):
        released.set()
        self.answer(b"")

    def count(self, name, change):
        with state:
            counts[name] += change
            counts["peak"] = max(counts["peak"], counts["open"])
            state.notify_all()

    def wait(self):
        """Answers once a counter has reached a value, or with 504."""
        name, value = self.query["name"][0], int(self.query["value"][0])
        with state:
            reached = state.wait_for(lambda: counts[name] >= value, timeout=20)
            self.answer(json.dumps(counts).encode(), status=200 if reached else 504)

    routes = {
        "echo": echo, "status": status, "bytes": bytes, "headers": headers_of_size,
        "zeros": zeros, "broken-gzip": broken_gzip, "redirect": redirect, "drip": drip,
        "cut": cut, "garbage": garbage, "interim": interim, "trailers": trailers, "hold": hold,
        "release": release, "wait": wait,
    }


class Server(ThreadingHTTPServer):
    request_queue_size = 256
    context = None
    mode = None

    def finish_request(self, request, client_address):
        # The handshake belongs to the connection's own thread, and may fail.
        try:
            if self.mode:
                request.recv(1)
                if self.mode == "silent":
                    released.wait()
                return
            if self.context:
                request = self.context.wrap_socket(request, server_side=True)
            super().finish_request(request, client_address)
        except OSError:
            pass


server = Server(("127.0.0.1", 0), Handler)
if len(sys.argv) == 2:
    server.mode = sys.argv[1]
if len(sys.argv) == 3:
    server.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.context.load_cert_chain(sys.argv[1], sys.argv[2])
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
sys.stdin.read()
os._exit(0)
