"""A real S3 endpoint on this machine, for tests: moto's server in a process of its own.

It serves one request at a time, since its threaded mode is not atomic for conditional writes.
"""

from __future__ import annotations

import http.client
import itertools
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.error import URLError
from urllib.parse import urlsplit

__all__ = ["ENVIRONMENT", "FAULTS", "faulty_proxy", "make_bucket", "s3_server"]

_CODE = """
import sys
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple
run_simple("127.0.0.1", int(sys.argv[1]), DomainDispatcherApplication(create_backend_app), threaded=False)
"""
_SECONDS = 60

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_REGION": "us-east-1",
    "AWS_ALLOW_HTTP": "true",
}
"""What a client needs beside ``AWS_ENDPOINT_URL``."""


@contextmanager
def s3_server() -> Iterator[str]:
    """Run a server and yield its URL."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    server = subprocess.Popen([sys.executable, "-c", _CODE, str(port)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + _SECONDS
        while True:
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except (URLError, OSError):
                if server.poll() is not None or time.monotonic() > deadline:
                    raise
                time.sleep(0.05)
        yield url
    finally:
        server.kill()
        server.wait()


def make_bucket(url: str, name: str) -> None:
    """Make a bucket."""
    urllib.request.urlopen(urllib.request.Request(f"{url}/{name}", method="PUT"), timeout=30).close()


FAULTS = ("throttled", "broken", "cut", "cut short", "answer lost", "slow")
"""What `faulty_proxy` can do to a request."""

_SLOW_S = 0.2


@contextmanager
def faulty_proxy(target: str, fault: str, *, every: int = 3) -> Iterator[str]:
    """Run a proxy before a server that harms every so-many-th request, and yield its URL.

    ``throttled`` and ``broken`` answer 503 and 500, ``cut`` closes the connection before the request is passed
    on, ``answer lost`` after it, ``cut short`` in the middle of the answer; ``slow`` waits.
    """
    count = itertools.count(1)
    host = urlsplit(target).netloc

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _pass(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            harmed = next(count) % every == 0
            if harmed and fault in ("throttled", "broken"):
                self.send_response(503 if fault == "throttled" else 500)
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            if harmed and fault == "cut":
                self.close_connection = True
                return
            if harmed and fault == "slow":
                time.sleep(_SLOW_S)
            server = http.client.HTTPConnection(host, timeout=30)
            server.request(self.command, self.path, body, dict(self.headers))
            answer = server.getresponse()
            data = answer.read()
            server.close()
            if harmed and fault == "answer lost":
                self.close_connection = True
                return
            self.send_response(answer.status)
            for name, value in answer.getheaders():
                if name.lower() not in ("transfer-encoding", "connection", "content-length"):
                    self.send_header(name, value)
            length = answer.getheader("Content-Length") or str(len(data))
            self.send_header("Content-Length", length)
            self.end_headers()
            if harmed and fault == "cut short" and len(data) > 1:
                self.wfile.write(data[: len(data) // 2])
                self.close_connection = True
                return
            self.wfile.write(data)

        def __getattr__(self, name: str) -> object:
            """Treat all methods alike."""
            if name.startswith("do_"):
                return self._pass
            raise AttributeError(name)

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    proxy = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=proxy.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{proxy.server_port}"
    finally:
        proxy.shutdown()
        proxy.server_close()
        thread.join()
