"""What the transforms that read text share."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.contract import Contract
from headwater.core.errors import SchemaError, UsageError
from headwater.methods.number_text import NumberEvidence, look_at_numbers
from headwater.transforms.parsing import columns_to_read, look, require_unparsed
from tests.transforms.cases import people, repo_of, source_of


def test_evidence_is_that_of_all_live_rows() -> None:
    repo = repo_of(people())
    with repo.transaction("some go") as tx:
        tx.delete("people", where="id > 100")
    table = repo["people"].to_arrow(["note", "name"])
    found = look(source_of(repo), ["note", "name"], look_at_numbers, NumberEvidence())
    for name in ("note", "name"):
        assert found[name].values == len(table) - table.column(name).null_count


def test_placeholders_are_no_values_unless_they_are_wanted() -> None:
    repo = repo_of(people())
    marks = repo["people"].to_arrow(["city"]).column(0).to_pylist().count("?")
    with_, without = (
        look(source_of(repo), ["city"], lambda texts, counts: int(counts.sum()), 0, placeholders=wanted)[
            "city"
        ]
        for wanted in (False, True)
    )
    assert with_ - without == marks > 0


def test_text_columns_are_read_unless_others_are_named() -> None:
    source = source_of(repo_of(people()))
    assert set(columns_to_read(source, ())) == {
        "name",
        "city",
        "sex",
        "email",
        "note",
        "flag",
        "joined",
        "height",
    }
    assert columns_to_read(source, ("age",)) == ("age",)
    nested = repo_of(pa.table({"id": [1], "v": [np.array([1.0])]}), contract=Contract(dataset="people"))
    with pytest.raises(SchemaError, match="only plain values"):
        columns_to_read(source_of(nested), ("v",))
    with pytest.raises(UsageError, match="unparsed is one of"):
        require_unparsed("keep")
