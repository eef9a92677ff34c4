"""Texts are mended, each different one once."""

from __future__ import annotations

from typing import Any

import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.transforms.base import make
from headwater.transforms.run import run
from headwater.versions.repo import Repo
from tests.transforms.cases import repo_of

TABLE = pa.table(
    {
        "id": range(4),
        "name": ["cafÃ© ", "cafe\u0301", None, "a\u200bb"],
        "html": ["<b>x</b> &amp; y"] * 4,
        "n": [1] * 4,
    }
)


def clean(**parameters: Any) -> Repo:
    repo = repo_of(TABLE, contract=Contract(dataset="people"))
    run(repo, "people", make("clean.text", parameters))
    return repo


def test_by_default_encodings_forms_controls_and_ends_are_mended() -> None:
    table = clean()["people"].to_arrow().sort_by("id")
    assert table.column("name").to_pylist() == ["café", "café", None, "ab"]
    assert table.column("html").equals(TABLE.column("html"))


def test_further_steps_are_asked_for() -> None:
    table = clean(columns=["html"], html=True, case="upper")["people"].to_arrow()
    assert set(table.column("html").to_pylist()) == {"X & Y"}
    assert not run(clean(html=True), "people", make("clean.text", {"html": True})).is_new


def test_other_columns_and_nothing_to_do_are_refused() -> None:
    with pytest.raises(SchemaError, match="is for text"):
        clean(columns=["n"])
    with pytest.raises(UsageError, match="nothing to mend"):
        clean(encoding="", unicode="", control=False, spaces="")
