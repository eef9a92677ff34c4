"""A small SMTP server for tests: takes mail, with STARTTLS and a login if it is given a certificate."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Mailbox(socketserver.ThreadingTCPServer):
    """The server, with what it was sent."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Conversation)
        self.certificate = certificate
        self.messages: list[str] = []
        self.logins: list[str] = []
        self.recipients: list[str] = []

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self.server_address[1])


class _Conversation(socketserver.StreamRequestHandler):
    server: Mailbox

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")
        self.wfile.flush()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def handle(self) -> None:
        self.say("220 localhost")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                extra = ["STARTTLS", "AUTH PLAIN"] if self.server.certificate else []
                for word in ["localhost", *extra]:
                    self.say(f"250-{word}")
                self.say("250 8BITMIME")
            elif verb == "STARTTLS":
                self.say("220 go ahead")
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                assert self.server.certificate is not None
                context.load_cert_chain(self.server.certificate)
                self.request = context.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb")
            elif verb == "AUTH":
                self.server.logins.append(
                    base64.b64decode(line.split()[2]).decode().replace("\0", " ").strip()
                )
                self.say("235 welcome")
            elif verb == "DATA":
                self.say("354 go on")
                lines = []
                while (part := self.rfile.readline().decode()) != ".\r\n":
                    lines.append(part)
                self.server.messages.append("".join(lines))
                self.say("250 taken")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                if verb == "RCPT":
                    self.server.recipients.append(line.partition(":")[2].strip("<> "))
                self.say("250 fine")


@contextmanager
def mailbox(certificate: Path | None = None) -> Iterator[Mailbox]:
    """Run a server."""
    with Mailbox(certificate) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()
