"""Vectors beside those of the baseline."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.drift_embedding import Embedding
from headwater.core.findings import Finding
from tests.checks.targets import findings_of, one_finding, target_of


def vectors(values: np.ndarray, type_: pa.DataType | None = None) -> pa.Table:
    flat = pa.array(values.ravel(), type_ or pa.float32())
    return pa.table({"v": pa.FixedSizeListArray.from_arrays(flat, values.shape[1])})


def findings(old: pa.Table, new: pa.Table, **parameters: Any) -> list[Finding]:
    return findings_of(Embedding(**parameters), target_of(new, baseline=target_of(old).dataset))


@pytest.mark.parametrize("type_", [pa.float32(), pa.float16(), pa.float64()], ids=str)
def test_vectors_that_moved_are_told_from_those_that_did_not(
    rng: np.random.Generator, type_: pa.DataType
) -> None:
    base = rng.normal(size=(600, 16)).astype(type_.to_pandas_dtype())
    (same,) = findings(vectors(base[:300], type_), vectors(base[300:], type_))
    (moved,) = findings(vectors(base[:300], type_), vectors(base[300:] + np.float16(0.5), type_))
    assert (same.outcome, moved.outcome) == ("pass", "warn")
    assert moved.evidence["mmd2"] > same.evidence["mmd2"]
    assert "lie elsewhere" in moved.message


def test_a_small_part_of_other_vectors_is_found_in_a_large_set(rng: np.random.Generator) -> None:
    base = rng.normal(size=(4000, 8))
    new = np.concatenate([rng.normal(size=(3600, 8)), rng.normal(3, 0.2, (400, 8))])
    (found,) = findings(vectors(base), vectors(new), rows=2000)
    assert found.outcome == "warn"


def test_missing_and_broken_vectors_are_left_out(rng: np.random.Generator) -> None:
    base = rng.normal(size=(300, 4))
    broken = base.copy()
    broken[:100] = np.nan
    (found,) = findings(vectors(base), vectors(broken))
    assert found.outcome == "pass"
    few = pa.table({"v": pa.array([None] * 290 + base[:10].tolist(), pa.list_(pa.float32(), 4))})
    assert "too few" in findings(vectors(base), few)[0].message


def test_each_column_has_a_finding_and_what_cannot_be_is_told(rng: np.random.Generator) -> None:
    base = vectors(rng.normal(size=(100, 4)))
    both = base.append_column("w", base.column("v"))
    assert [one.column for one in findings(both, both)] == ["v", "w"]
    (other,) = findings(base, vectors(rng.normal(size=(100, 5))), column="v")
    assert (other.outcome, "another encoder" in other.message) == ("error", True)
    assert "no column of vectors" in findings(base, vectors(rng.normal(size=(100, 5))))[0].message
    plain = pa.table({"v": [1.0] * 100})
    assert "hw embed" in findings(base, plain, column="v")[0].message
    assert "is new" in findings(plain.rename_columns(["x"]), base, column="v")[0].message
    assert "no baseline" in one_finding(Embedding(), target_of(base)).message
