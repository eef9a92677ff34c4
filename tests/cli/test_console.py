"""Values become JSON that any program can read."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pytest

from headwater.cli.console import console, jsonable, print_json
from headwater.core.findings import Finding, Outcome


class Colour(StrEnum):
    RED = "red"


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ({1: (2, 3)}, {"1": [2, 3]}),
        (float("nan"), None),
        (float("inf"), None),
        (Colour.RED, "red"),
        (datetime(2026, 11, 1, tzinfo=UTC), "2026-11-01T00:00:00+00:00"),
        (date(2026, 11, 1), "2026-11-01"),
        (time(9, 5), "09:05:00"),
        (timedelta(minutes=1), 60.0),
        (b"\x01\xff", "01ff"),
        (Decimal("1.10"), "1.10"),
        (Decimal(2**70), 2**70),
        (np.float64("nan"), None),
        (np.int64(3), 3),
        (np.arange(2), [0, 1]),
        (pa.table({"a": [1, None]}), [{"a": 1}, {"a": None}]),
        (pa.array([2**62], pa.timestamp("ms")), ["146140482-04-24T15:36:27.904"]),
        (True, True),
    ],
)
def test_anything_becomes_json(value: object, plain: object) -> None:
    assert jsonable(value) == plain
    assert type(jsonable(value)) is type(plain)
    json.dumps(jsonable(value), allow_nan=False)


def test_what_has_a_dict_becomes_that() -> None:
    finding = Finding(check="a.b", outcome=Outcome.WARN, message="m", rows=("1",))
    assert jsonable([finding])[0]["rows"] == [1]


def test_json_keeps_letters_beyond_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    print_json({"name": "Müller"})
    assert json.loads(capsys.readouterr().out) == {"name": "Müller"}


def test_a_console_is_never_too_narrow_to_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "5")
    assert console().width == 40
    monkeypatch.setenv("COLUMNS", "200")
    assert console(stderr=True).width == 200
