"""Events reach a real server; a server that is slow, broken or gone harms no run, and is told of once."""

from __future__ import annotations

import json
import logging
import time
from pathlib import Path

import pytest

import headwater as hw
from headwater.core.config import OpenLineage
from headwater.pipelines.emitting import Emitter, destination
from tests.pipelines.openlineage_server import receiving, require_valid


@hw.step
def one() -> int:
    return 1


@hw.step
def two(value: int) -> int:
    return value + 1


@hw.pipeline
def counting() -> None:
    two(one())


@pytest.fixture(autouse=True)
def _alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("URL", "ENDPOINT", "API_KEY", "NAMESPACE", "DISABLED"):
        monkeypatch.delenv(f"OPENLINEAGE_{name}", raising=False)


def test_a_server_receives_every_event_of_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiving() as got:
        monkeypatch.setenv("OPENLINEAGE_URL", got.url)
        monkeypatch.setenv("OPENLINEAGE_NAMESPACE", "shop")
        monkeypatch.setenv("OPENLINEAGE_API_KEY", "hidden")
        repo = hw.init("memory://")
        repo.run(counting)
    assert [(e["eventType"], e["job"]["name"]) for e in got.events] == [
        ("START", "counting"),
        ("START", "counting.one"),
        ("COMPLETE", "counting.one"),
        ("START", "counting.two"),
        ("COMPLETE", "counting.two"),
        ("COMPLETE", "counting"),
    ]
    for event in got.events:
        require_valid(event)
        assert event["job"]["namespace"] == "shop"
    assert {one["Authorization"] for one in got.headers} == {"Bearer hidden"}
    assert "hidden" not in json.dumps(got.events)


def test_the_file_beside_the_code_says_where_to(tmp_path: Path) -> None:
    (tmp_path / "headwater.toml").write_text('[openlineage]\nfile = "events.jsonl"\nnamespace = "here"\n')
    hw.init("memory://").run(counting)
    events = [json.loads(line) for line in (tmp_path / "events.jsonl").read_text().splitlines()]
    assert len(events) == 6
    assert {one["job"]["namespace"] for one in events} == {"here"}


def test_a_broken_setting_is_told_and_the_run_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "headwater.toml").write_text('[openlineage]\nurl = "ftp://x"\n')
    hw.init("memory://").run(counting)
    assert "must begin with https://" in caplog.text


@pytest.mark.parametrize(("answers", "received"), [([500, 503], 6), ([429], 6)])
def test_a_server_that_stumbles_is_asked_again(
    monkeypatch: pytest.MonkeyPatch, answers: list[int], received: int
) -> None:
    with receiving() as got:
        got.answers = answers
        monkeypatch.setenv("OPENLINEAGE_URL", got.url)
        hw.init("memory://").run(counting)
    assert len(got.events) == received


def test_a_server_that_refuses_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with receiving() as got:
        got.always = 401
        monkeypatch.setenv("OPENLINEAGE_URL", got.url)
        assert hw.init("memory://").run(counting)["two"] == 2
    assert got.tries == 1
    warnings = [one for one in caplog.records if one.levelno >= logging.WARNING]
    assert len(warnings) == 1
    assert "6 lineage event(s) were not sent" in warnings[0].getMessage()
    assert "401" in warnings[0].getMessage()


def test_a_server_that_is_not_there_costs_little(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv("OPENLINEAGE_URL", "http://127.0.0.1:9")
    began = time.monotonic()
    assert hw.init("memory://").run(counting)["two"] == 2
    assert time.monotonic() - began < 10
    assert "not sent" in caplog.text


def test_a_server_that_hangs_holds_a_run_up_no_longer_than_it_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with receiving() as got:
        got.pause_s = 2.0
        emitter = Emitter(OpenLineage(url=got.url))
        emitter.send({"n": 1})
        emitter.send({"n": 2})
        began = time.monotonic()
        emitter.close(timeout_s=0.3)
        assert time.monotonic() - began < 1.5
        assert "no answer within 0.3 s" in caplog.text
        time.sleep(0.1)


def test_nothing_is_sent_where_nobody_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    assert destination({}) is None
    assert destination({"OPENLINEAGE_URL": "http://x", "OPENLINEAGE_DISABLED": "true"}) is None
    found = destination({"OPENLINEAGE_URL": "http://x/", "OPENLINEAGE_ENDPOINT": "/lineage"})
    assert found is not None
    assert found.url == "http://x/lineage"
