"""Batch scoring: columns that equal what the model says, at a cost in proportion to the change."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import NotFound, SchemaError
from tests.models.registered import loans, repo_with_model


def test_columns_hold_what_the_model_says() -> None:
    repo, version = repo_with_model()
    result = repo.predict("loans", "loans")
    assert result.record["columns_added"] == ["_loans", "_loans_probability"]
    rows = repo["loans"].to_arrow()
    fitted, signature = repo.models.load(version.id)
    said = fitted.predict(rows.select(signature.inputs.names))
    found = np.array(rows.column("_loans_probability").to_pylist())
    np.testing.assert_allclose(found, said, atol=1e-6)
    assert rows.column("_loans").to_pylist() == [signature.classes[place] for place in said.argmax(axis=1)]
    assert repo["loans"].manifest.tags["_loans"]["prediction"]["model"] == "loans@1"
    # Columns that a model made are no features of the next.
    assert "_loans" not in repo.train("loans").features


def test_again_nothing_changes_and_new_rows_are_added() -> None:
    repo, _ = repo_with_model()
    repo.predict("loans", "loans")
    again = repo.predict("loans", "loans")
    assert not again.is_new
    assert again.record["chunks_reused"] == len(repo["loans"].chunks)
    with repo.transaction("more") as tx:
        tx.append("loans", loans(50, seed=4), schema_change="any")
    more = repo.predict("loans", "loans")
    assert more.record["updated"] == 50
    assert more.record["chunks_reused"] >= 1
    assert repo["loans"].to_arrow(["_loans"]).column(0).null_count == 0


def test_numbers_and_deleted_rows() -> None:
    repo = hw.init("memory://")
    x = np.random.default_rng(0).normal(size=300)
    repo.import_("d", pa.table({"id": range(300), "x": x, "y": 3 * x}), key="id", label="y")
    repo.models.register(repo.train("d"), "d")
    with repo.transaction("fewer") as tx:
        tx.delete("d", where="id < 100")
    repo.predict("d", "d", into="said")
    rows = repo["d"].to_arrow()
    assert rows.num_rows == 200
    assert np.corrcoef(rows.column("said"), rows.column("y"))[0, 1] > 0.95


def test_what_does_not_fit_is_told() -> None:
    repo, _ = repo_with_model()
    with pytest.raises(SchemaError, match="a column 'job' already, which no model made"):
        repo.predict("loans", "loans", into="job")
    repo.import_("other", pa.table({"id": [1], "income": [1.0]}), key="id")
    with pytest.raises(NotFound, match="debt"):
        repo.predict("other", "loans")
    repo.import_("odd", pa.table({"id": [1], "income": [[1.0]], "debt": [1.0], "job": ["x"]}), key="id")
    with pytest.raises(SchemaError, match="Column 'income' of 'odd' is list"):
        repo.predict("odd", "loans")
    repo.import_("none", loans(0), key="id")
    assert repo.predict("none", "loans").record["rows"] == 0
