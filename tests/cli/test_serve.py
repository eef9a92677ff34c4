"""hw serve: a real server process, asked over HTTP, asked to stop, and killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from headwater.models.prediction_log import LOSSES, PredictionLog
from tests.models.registered import repo_with_model

pytest.importorskip("uvicorn")

ROW = {"income": 90.0, "debt": 1.0, "job": "nurse"}


@contextmanager
def server(
    repo: Path, *options: str, as_json: bool = True, **variables: str
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    main = "from headwater.cli.main import main; main()"
    command = [sys.executable, "-c", main, "-C", str(repo), "serve", "loans", "--port", "0"]
    process = subprocess.Popen(
        [*command, *options, *["--json"] * as_json],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    try:
        assert line, process.communicate()
        yield process, json.loads(line)["url"] if as_json else line
    finally:
        process.kill()
        process.communicate()


def ask(url: str, row: Any = ROW, **headers: str) -> dict[str, Any]:
    body = json.dumps({"instances": [row]}).encode()
    request = urllib.request.Request(f"{url}/v1/models/loans:predict", body, headers)
    with urllib.request.urlopen(request, timeout=20) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def test_a_stop_answers_what_waits_and_loses_nothing(tmp_path: Path) -> None:
    repo, _ = repo_with_model(tmp_path / "repo")
    answered: list[str] = []

    def client(url: str) -> None:
        for _ in range(40):
            try:
                answered.extend(ask(url)["ids"])
            except (urllib.error.URLError, ConnectionError):
                return

    with server(tmp_path / "repo", "--flush", "1m") as (process, url):
        clients = [threading.Thread(target=client, args=(url,)) for _ in range(4)]
        for one in clients:
            one.start()
        while len(answered) < 30 and any(one.is_alive() for one in clients):
            threading.Event().wait(0.01)
        process.send_signal(signal.SIGTERM)
        for one in clients:
            one.join()
        out, _ = process.communicate(timeout=30)
    said = json.loads(out.splitlines()[-1])
    logged = PredictionLog(repo, "loans").window().column("_id").to_pylist()
    assert said == {"event": "stopped", "logged": len(logged)}
    assert set(answered) <= set(logged)


def test_a_kill_loses_a_batch_at_most_and_the_next_start_says_so(tmp_path: Path) -> None:
    repo, _ = repo_with_model(tmp_path / "repo")
    with server(tmp_path / "repo", "--flush", "1m") as (process, url):
        for _ in range(5):
            ask(url)
        process.send_signal(signal.SIGKILL)
        process.wait()
    with server(tmp_path / "repo", as_json=False) as (process, line):
        assert line.startswith("Serving loans@1 at http://127.0.0.1:")
        process.send_signal(signal.SIGTERM)
        _, told = process.communicate(timeout=30)
    assert "was killed before it had logged 5 prediction(s)" in told
    losses = PredictionLog(repo, "loans").dataset(LOSSES)
    assert losses is not None
    assert losses.column("rows").to_pylist() == [5]


def test_a_promotion_reaches_the_server(tmp_path: Path) -> None:
    repo, _ = repo_with_model(tmp_path / "repo")
    repo.promote("loans", force=True, reason="first")
    repo.models.register(repo.train("loans", seed=3), "loans")
    with server(tmp_path / "repo", "--follow", "100ms") as (_, url):
        assert ask(url)["version"] == 1
        repo.promote("loans@2", force=True, reason="second")
        for _ in range(100):
            if ask(url)["version"] == 2:
                break
            threading.Event().wait(0.1)
        assert ask(url)["version"] == 2


def test_a_token_from_the_environment(tmp_path: Path) -> None:
    repo_with_model(tmp_path / "repo")
    with server(tmp_path / "repo", "--token-env", "HW_TOKEN", HW_TOKEN="abc") as (_, url):
        assert ask(url, Authorization="Bearer abc")["predictions"] == ["yes"]
        with pytest.raises(urllib.error.HTTPError, match="401"):
            ask(url)


def test_wrong_use_is_told(cli: Any, tmp_path: Path) -> None:
    repo_with_model(tmp_path / "repo")
    at = ("-C", str(tmp_path / "repo"))
    assert "Model 'lones' not found" in cli(*at, "serve", "lones", code=2).stderr
    assert "named twice" in cli(*at, "serve", "loans@1", "loans", code=2).stderr
    assert (
        "no version of a model that is served here"
        in cli(*at, "serve", "loans", "--canary", "x@1", code=2).stderr
    )
    assert "HW_NONE is not set" in cli(*at, "serve", "loans", "--token-env", "HW_NONE", code=2).stderr
    with server(tmp_path / "repo") as (_, url):
        port = url.rpartition(":")[2]
        assert "--port" in cli(*at, "serve", "loans", "--port", port, code=2).stderr
