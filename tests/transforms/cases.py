"""One case for each registered transform, and the table they run on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.contract import Contract
from headwater.reading.dataset import Dataset
from headwater.transforms.base import Edit, Source, Transform, make
from headwater.versions.repo import Repo

CONTRACT = Contract(dataset="people", label="approved", sensitive=("sex",))


Parameters = dict[str, Any] | Callable[[Dataset], dict[str, Any]]


@dataclass(frozen=True)
class Case:
    """A transform with parameters that change something in `people`, and with some that change nothing."""

    transform: str
    parameters: Parameters = field(default_factory=dict)
    idle: Parameters | None = None
    """Parameters that change nothing; None says that running the same again changes nothing."""

    def make(self, dataset: Dataset, *, idle: bool = False) -> Transform:
        parameters = self.idle if idle and self.idle is not None else self.parameters
        return make(self.transform, parameters(dataset) if callable(parameters) else parameters)

    def __str__(self) -> str:
        return self.transform


def other_labels(dataset: Dataset) -> dict[str, Any]:
    """Return parameters of ``labels.fix`` that turn the first labels round."""
    rows = dataset.head(3)
    labels = [not label for label in rows.column("approved").to_pylist()]
    return {"labels": dict(zip(dataset.keys_of(rows), labels, strict=True))}


def same_labels(dataset: Dataset) -> dict[str, Any]:
    """Return parameters of ``labels.fix`` that give rows the labels they have."""
    rows = dataset.head(3)
    return {"labels": dict(zip(dataset.keys_of(rows), rows.column("approved").to_pylist(), strict=True))}


CASES = [
    Case("clean.missing"),
    Case("clean.missing", {"columns": ["income"], "strategy": "drop_rows"}),
    Case("clean.missing", {"columns": ["income", "city"], "strategy": "indicator"}),
    Case(
        "clean.missing", {"by": ["city"], "indicator": True, "strategy": "mean", "columns": ["income", "age"]}
    ),
    Case(
        "clean.missing",
        {"columns": ["income"], "strategy": "drop_columns"},
        idle={"strategy": "drop_columns", "max_fraction": 0.9},
    ),
    Case("clean.interpolate", {"order": "id", "way": "linear"}),
    Case(
        "clean.interpolate",
        {"order": "id", "columns": ["city"], "way": "nearest", "by": ["sex"], "indicator": True},
    ),
    Case("clean.impute", {"neighbours": 3}),
    Case("clean.impute", {"method": "iterative", "indicator": True}),
    Case("clean.impute", {"method": "hot_deck", "columns": ["city", "income"], "by": ["sex"]}),
    Case("clean.outliers", {"method": "quantiles", "quantiles": [0.05, 0.95]}),
    Case("clean.outliers", {"columns": ["income"], "factor": 0.5, "by": ["sex"], "action": "flag"}),
    Case("clean.outliers", {"columns": ["income"], "low": 20000, "action": "drop"}),
    Case("clean.text", {"case": "lower", "columns": ["city"]}),
    Case("clean.categories", {"columns": ["city"]}),
    Case("clean.types", {"columns": ["flag"], "unparsed": "null"}),
    Case("clean.types", {"columns": ["flag"], "type": "bool", "unparsed": "quarantine"}),
    Case("clean.dates", {"columns": ["joined"]}),
    Case("clean.units", {"columns": ["height"], "unit": "cm"}),
    Case("clean.values", {"columns": ["city"], "trim": True, "case": "title", "mapping": {"?": None}}),
    Case("clean.values", {"columns": ["income"], "where": "income > 90000", "set_null": True}),
    Case("clean.deduplicate", {"columns": ["name", "city"]}),
    Case("anonymize.mask"),
    Case("anonymize.mask", {"columns": ["name"], "method": "partial", "keep_end": 1}),
    Case("rebalance.reweigh"),
    Case("augment.smote"),
    Case("augment.typos", {"column": "note", "fraction": 0.5}, idle={"column": "note", "fraction": 0.0}),
    Case("embed.column", {"column": "note", "encoder": "hash", "options": {"dimensions": 8}}),
    Case("embed.column", {"column": "city", "encoder": "hash", "into": "v", "options": {"dimensions": 4}}),
    Case("labels.fix", other_labels, idle=same_labels),
    Case("select.rows", {"by": "random", "share": 0.5}, idle={"by": "random", "share": 1.0}),
    Case(
        "select.rows",
        {"by": "diverse", "count": 20, "holdout": 0.0},
        idle={"by": "diverse", "count": 1000},
    ),
    Case("select.rows", {"by": "value", "share": 0.8}, idle={"by": "value", "count": 1000}),
    Case("repair.cells", {"min_confidence": 0.5}, idle={"min_confidence": 1.0}),
]


@dataclass(frozen=True, kw_only=True)
class Given(Transform):
    """Yields the edits it is given."""

    id = "test.given"
    title = "Given edits"

    edits: tuple[Any, ...] = ()
    columns: tuple[str, ...] = ("age",)

    @property
    def parameters(self) -> dict[str, Any]:
        return {}

    def targets(self, source: Source) -> tuple[str, ...]:
        return self.columns

    def plan(self, source: Source) -> Iterator[Edit]:
        yield from self.edits


def people(rows: int = 80) -> pa.Table:
    """Return a table with every kind of fault: missing values, codes, spaces, duplicates, a rare class."""
    rng = np.random.default_rng(7)
    number = np.arange(rows)
    city = np.array(["Boston", " boston", "Salem", "?", "Lynn"])[rng.integers(0, 5, rows)]
    income = np.round(rng.lognormal(10.5, 0.6, rows), 2)
    return pa.table(
        {
            "id": pa.array(number * 3 + 5, pa.int64()),
            "name": pa.array([f"Person {n % 70}" for n in number]),
            "city": pa.array(city, mask=number % 11 == 3),
            "age": pa.array(rng.integers(18, 90, rows), pa.int32(), mask=number % 13 == 4),
            "income": pa.array(income, mask=number % 9 == 2),
            "sex": pa.array(np.array(["f", "m"])[(rng.random(rows) < 0.6).astype(int)]),
            "email": pa.array([f"p{n}@mail.example" for n in number]),
            "note": pa.array(["asked for a larger loan twice last year"] * rows, mask=number % 7 == 6),
            "flag": pa.array(
                np.array(["yes", "No", "TRUE", "off", "maybe"])[np.minimum(number % 4 + (number == 9) * 4, 4)]
            ),
            "joined": pa.array(
                [f"{n % 28 + 1}/{n % 12 + 1}/2024" if n % 2 else f"2024-03-{n % 28 + 1:02}" for n in number]
            ),
            "height": pa.array(
                [f"{5 + n % 2} ft {n % 11} in" if n % 3 else f"1.{n % 90 + 10} m" for n in number]
            ),
            "approved": pa.array(rng.random(rows) < 0.8),
        }
    )


def repo_of(table: pa.Table, *, key: str | list[str] | None = "id", contract: Contract = CONTRACT) -> Repo:
    """Return a repository in memory with the table as dataset ``people``."""
    repo = Repo.init("memory://")
    with repo.transaction("people come in") as tx:
        tx.append("people", table, key=key)
        tx.set_contract("people", contract)
    return repo


def source_of(repo: Repo, *, seed: int = 0) -> Source:
    """Return what a transform works on."""
    return Source(dataset=repo["people"], seed=seed, cache=repo.cache)
