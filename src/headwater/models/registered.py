"""A registered model: one version of a named model, with its stage, what it was trained on, and its evaluation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.contract import Contract
from headwater.models.evaluation import Score

__all__ = ["STAGES", "Decision", "ModelVersion", "Stage", "describe_inputs", "scores_of"]

Stage = Literal["candidate", "staging", "production", "archived"]
STAGES: tuple[Stage, ...] = get_args(Stage)

_CATEGORIES = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelVersion:
    """One version of a model.

    Parameters
    ----------
    name, version : str, int
        Together they name it: ``spam@3``.
    stage : {"candidate", "staging", "production", "archived"}
        How far it has come. At most one version of a model is in production.
    aliases : tuple of str
        Names that point to it.
    time, author : datetime, str
        When it was registered, and by whom.
    facts : mapping
        How it was trained, and on what: ``dataset``, ``commit``, ``fingerprint``, ``recipe``, ``label``, ``features``,
        ``options``, ``scores``, ``inputs``, ``contract``, ``environment``; of a model from elsewhere, what is known.
    trust : tuple of str
        Types outside scikit-learn that its file may make.
    """

    name: str
    version: int
    stage: Stage
    aliases: tuple[str, ...]
    time: datetime
    author: str
    facts: Mapping[str, Any]
    trust: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """Its name with the version, as ``spam@3``."""
        return f"{self.name}@{self.version}"

    @property
    def data_tag(self) -> str:
        """The tag of the commit that it was trained on; it keeps that commit for good."""
        return f"models/{self.name}/{self.version}"

    @property
    def contract(self) -> Contract | None:
        """What was promised of its features when it was trained."""
        found = self.facts.get("contract")
        return Contract.from_odcs(found) if found else None

    def to_dict(self) -> dict[str, Any]:
        """Return the version as JSON-able values."""
        return {
            "model": self.name,
            "version": self.version,
            "stage": self.stage,
            "aliases": list(self.aliases),
            "time": self.time.isoformat(),
            "author": self.author,
            "trust": list(self.trust),
            **self.facts,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """Why a model version came to a stage, or did not.

    Parameters
    ----------
    model, version : str, int
        The version.
    before, after : str
        The stage that it had, and the one that it was to have.
    passed : bool
        Whether the gate let it through.
    reason : str
        What the one who decided said; of a decision against the gate, why.
    results : tuple of mapping
        What each rule of the gate found: ``rule``, ``outcome``, ``message``.
    moved : bool
        Whether the stage changed: the gate passed, or somebody overruled it.
    time, author : datetime, str
        When, and who.
    """

    model: str
    version: int
    before: Stage
    after: Stage
    passed: bool
    reason: str
    results: Sequence[Mapping[str, Any]]
    moved: bool
    time: datetime
    author: str

    def to_dict(self) -> dict[str, Any]:
        """Return the decision as JSON-able values."""
        return {
            "model": self.model,
            "version": self.version,
            "from": self.before,
            "to": self.after,
            "passed": self.passed,
            "moved": self.moved,
            "reason": self.reason,
            "results": [dict(one) for one in self.results],
            "time": self.time.isoformat(),
            "author": self.author,
        }


def describe_inputs(features: pa.Table) -> list[dict[str, Any]]:
    """Return of each feature what a request must look like: type, whether it may lack, and its usual values."""
    return [_described(field, features.column(field.name)) for field in features.schema]


def scores_of(facts: Mapping[str, Any]) -> list[Score]:
    """Return the scores that a model version was registered with."""
    undefined = float("nan")
    return [
        Score(
            part=one["part"],
            kind=one["kind"],
            rows=one["rows"],
            metric=one["metric"],
            value=undefined if one["value"] is None else one["value"],
            interval=tuple(undefined if end is None else end for end in one["interval"]),  # type: ignore[arg-type]
        )
        for one in facts.get("scores", ())
    ]


def _described(field: pa.Field, values: pa.ChunkedArray) -> dict[str, Any]:
    kind = field.type
    out: dict[str, Any] = {
        "name": field.name,
        "type": str(kind),
        "missing": values.null_count / len(values) if len(values) else 0.0,
    }
    if pa.types.is_floating(kind):
        values = values.filter(pc.is_finite(values))
    if pa.types.is_integer(kind) or pa.types.is_floating(kind):
        ends = pc.min_max(values)
        out["least"], out["most"] = ends["min"].as_py(), ends["max"].as_py()
        if len(values) > values.null_count:
            out["middle"] = float(np.median(np.asarray(values.drop_null().cast(pa.float64()))))
    elif pa.types.is_string(kind):
        out["longest"] = pc.max(pc.utf8_length(values)).as_py()
        counts = pc.value_counts(values.drop_null().combine_chunks())
        if 0 < len(counts) <= _CATEGORIES:
            order = pc.sort_indices(counts.field("counts"), sort_keys=[("", "descending")])
            out["values"] = counts.field("values").take(order).to_pylist()
    # What JSON can say; a date, for example, is not described further.
    json.dumps(out)
    return out
