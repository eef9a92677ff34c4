"""Notifications reach a real HTTP server and a real SMTP server; one that fails is told and stops nothing."""

from __future__ import annotations

import hashlib
import hmac
import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

import headwater as hw
from headwater.core.config import Channel
from headwater.core.contract import Contract, Rule
from headwater.core.errors import GateClosed
from headwater.core.notify import SIGNATURE, notify, text_of
from tests.mail import mailbox

FINDING = {
    "outcome": "fail",
    "check": "validity.range",
    "dataset": "people",
    "column": "age",
    "message": "1 of 3 values is < 0 & odd.",
    "rows": [99],
    "row_count": 1,
}
EVENT = {
    "event": "quarantined",
    "repository": "shop",
    "branch": "main",
    "commit": "3f2a91c" * 9,
    "message": "more people\n\nwith a second paragraph",
    "author": "ada",
    "findings": [FINDING],
}


class Hook(HTTPServer):
    """An HTTP server with what it was sent, and the answers it gives first."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taker)
        self.taken: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}/hook"


class _Taker(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.taken.append((dict(self.headers), body))
        self.send_response(self.server.answers.pop(0) if self.server.answers else 204)
        self.end_headers()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def quietly(_: float) -> None:
    """Wait no time."""


def test_a_webhook_gets_the_event_signed_and_without_rows(
    hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOOK_SECRET", "key")
    assert notify([Channel(kind="webhook", url=hook.url, secret_env="HOOK_SECRET")], EVENT) == []
    ((headers, body),) = hook.taken
    wanted = hmac.new(b"key", body, hashlib.sha256).hexdigest()
    assert headers[SIGNATURE] == f"sha256={wanted}"
    sent = json.loads(body)
    assert (sent["event"], sent["branch"]) == ("quarantined", "main")
    assert sent["findings"] == [{name: value for name, value in FINDING.items() if name != "rows"}]


def test_slack_gets_blocks_in_which_signs_are_escaped(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK", hook.url)
    notify([Channel(kind="slack", url_env="SLACK")], EVENT)
    sent = json.loads(hook.taken[0][1])
    assert sent["text"] == "Headwater: quarantined on main: more people"
    assert [block["type"] for block in sent["blocks"]] == ["header", "section"]
    assert "values is &lt; 0 &amp; odd" in sent["blocks"][1]["text"]["text"]


def test_a_server_that_is_down_is_tried_again_with_longer_rests(hook: Hook) -> None:
    rests: list[float] = []
    hook.answers = [503, 429]
    assert notify([Channel(kind="webhook", url=hook.url)], EVENT, sleep=rests.append) == []
    assert (len(hook.taken), rests) == (3, [0.5, 1.0])


@pytest.mark.parametrize(("answer", "attempts"), [(404, 1), (500, 3)])
def test_what_fails_for_good_is_told_and_the_others_are_sent(
    answer: int, attempts: int, hook: Hook, caplog: pytest.LogCaptureFixture
) -> None:
    hook.answers = [answer] * attempts
    channels = [Channel(kind="webhook", url=hook.url), Channel(kind="slack", url=hook.url)]
    (told,) = notify(channels, EVENT, sleep=quietly)
    assert told.startswith("Notification 1 (webhook) was not sent")
    assert str(answer) in told
    assert told in caplog.text
    assert len(hook.taken) == attempts + 1


def test_a_variable_that_is_not_set_is_named(hook: Hook, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NOT_SET", raising=False)
    (told,) = notify([Channel(kind="webhook", url=hook.url, secret_env="NOT_SET")], EVENT, sleep=quietly)
    assert "NOT_SET is not set" in told
    assert hook.taken == []
    (told,) = notify([Channel(kind="webhook", url="file:///etc/passwd")], EVENT, sleep=quietly)
    assert "https://" in told


def test_only_the_events_and_branches_that_are_wanted_are_sent(hook: Hook) -> None:
    channels = [
        Channel(kind="webhook", url=hook.url, on=("released",)),
        Channel(kind="webhook", url=hook.url, branches=("other",)),
    ]
    assert notify(channels, EVENT) == []
    assert hook.taken == []


def test_mail_is_sent(tmp_path: Path) -> None:
    with mailbox() as box:
        channel = Channel(
            kind="email",
            host="127.0.0.1",
            port=box.port,
            sender="data@example.org",
            to=("ada@example.org", "bob@example.org"),
            starttls=False,
        )
        assert notify([channel], EVENT, sleep=quietly) == []
    assert box.recipients == ["ada@example.org", "bob@example.org"]
    assert "Subject: Headwater: quarantined on main: more people" in box.messages[0]
    assert "fail validity.range people.age" in box.messages[0]
    assert "hw quarantine show 3f2a91c" in box.messages[0]


def test_mail_is_encrypted_before_the_login_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if shutil.which("openssl") is None:
        pytest.skip("no openssl to make a certificate")
    certificate = tmp_path / "server.pem"
    words = "req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    names = ["-addext", "subjectAltName=DNS:localhost", "-keyout", "key.pem", "-out", "cert.pem"]
    subprocess.run(["openssl", *words.split(), *names], cwd=tmp_path, check=True, capture_output=True)
    certificate.write_text((tmp_path / "key.pem").read_text() + (tmp_path / "cert.pem").read_text())
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "cert.pem"))
    monkeypatch.setenv("MAIL_USER", "ada")
    monkeypatch.setenv("MAIL_PASSWORD", "secret")
    with mailbox(certificate) as box:
        channel = Channel(
            kind="email",
            host="localhost",
            port=box.port,
            sender="data@example.org",
            to=("ada@example.org",),
            user_env="MAIL_USER",
            password_env="MAIL_PASSWORD",
        )
        assert notify([channel], EVENT, sleep=quietly) == []
    assert box.logins == ["ada secret"]
    assert len(box.messages) == 1


def test_nothing_is_mailed_to_a_server_that_does_not_encrypt() -> None:
    with mailbox() as box:
        channel = Channel(kind="email", host="localhost", port=box.port, sender="a@b.org", to=("c@d.org",))
        (told,) = notify([channel], EVENT, sleep=quietly)
    assert "STARTTLS" in told
    assert box.messages == []


def test_a_text_says_what_became_of_rows_and_files() -> None:
    title, text = text_of({"event": "failed", "message": "Import a.csv", "path": "in/a.csv", "error": "torn"})
    assert title == "Headwater: failed: Import a.csv"
    assert "path: in/a.csv\nerror: torn" in text
    assert "3 row(s) of people" in text_of({"event": "diverted", "rows": {"people": 3}})[1]


def test_a_gate_tells_the_channels_of_the_config_file(
    hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    config = tmp_path / "headwater.toml"
    config.write_text(f'[[notifications]]\nkind = "webhook"\nurl = "{hook.url}"\n')
    repo = hw.init("memory://")
    rule = Rule(check="validity.range", column="age", parameters={"minimum": 0})
    with repo.transaction("people") as tx:
        tx.append("people", [{"id": 1, "age": 3}], key="id")
        tx.set_contract("people", Contract(dataset="people", key=("id",), rules=(rule,)))
    repo.set_gate("main", suite="contract")
    with pytest.raises(GateClosed) as caught, repo.transaction("wrong") as tx:
        tx.upsert("people", [{"id": 2, "age": -3}])
    repo.quarantine.release(str(caught.value.commit), reason="so it is")
    heard = [json.loads(body) for _, body in hook.taken]
    assert [one["event"] for one in heard] == ["quarantined", "released"]
    assert heard[0]["findings"][0]["check"] == "validity.range"
    assert heard[1]["reason"] == "so it is"
    config.write_text("[[notifications]]\nkind = 'pigeon'")
    with pytest.raises(GateClosed), repo.transaction("wrong again") as tx:
        tx.upsert("people", [{"id": 4, "age": -3}])
    assert "Nobody was notified" in caplog.text
