"""Why a model said what it said: how much each field of a row, or each word of a text, moved the answer.

References
----------
Lundberg, Lee (2017). A unified approach to interpreting model predictions. NeurIPS 30. arXiv:1705.07874
Janzing, Minorics, Bloebaum (2020). Feature relevance quantification in explainable AI: a causal problem. AISTATS,
PMLR 108 (fields that are not given take their values from training rows, without regard to the others).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import NotFound
from headwater.methods.coalitions import Shares, shapley
from headwater.models.prediction_log import PredictionLog
from headwater.models.registered import ModelVersion
from headwater.models.registry import Models
from headwater.recipes.base import F64, Fitted
from headwater.recipes.encoding import TableEncoder, conform
from headwater.recipes.model_file import Signature

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Explained", "Explainer", "Part", "PredictionExplained", "explain_prediction"]

_BACKGROUND = 50
_SEED = 0
_WORDS = 40
_BATCH = 1 << 17
_NEAR = 5
_COMPARED = 200_000
_LOG_PREFIX = "predictions/"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """What one field, or one word, adds to an answer, with its standard error; 0 where it was not estimated."""

    name: str
    value: Any
    adds: float
    error: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One explained answer: ``answer`` is ``base`` plus what all parts add.

    Parameters
    ----------
    predicted : str or float
        The class or number.
    answer : float
        The probability of that class, or the number.
    base : float
        What the model says on average over training rows, or of an empty text.
    parts : tuple of Part
        The most important first.
    """

    predicted: Any
    answer: float
    base: float
    parts: tuple[Part, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        parts = [
            {"name": one.name, "value": one.value, "adds": one.adds, "error": one.error} for one in self.parts
        ]
        return {"predicted": self.predicted, "answer": self.answer, "base": self.base, "parts": parts}


class Explainer:
    """Explains answers of one model version by Shapley values.

    Parameters
    ----------
    repo : Repo
        Holds the rows that it was trained on.
    version : ModelVersion
        The version.
    model, signature : Fitted, Signature
        The model itself.
    """

    def __init__(self, repo: Repo, version: ModelVersion, model: Fitted, signature: Signature) -> None:
        self._repo, self._version, self._model, self._signature = repo, version, model, signature
        self._is_text = len(signature.inputs) == 1 and pa.types.is_string(signature.inputs.field(0).type)
        self._rows: pa.Table | None = None

    def explain(self, row: pa.Table) -> Explained:
        """Explain the answer to one row.

        Raises
        ------
        UsageError
            If the model was trained elsewhere, so that no training rows are known.
        """
        row = conform(row, self._signature.inputs).combine_chunks()
        said = self._model.predict(row)[0]
        place = int(said.argmax())
        names, values, shares = self._text(row, place) if self._is_text else self._fields(row, place)
        parts = [
            Part(name=name, value=value, adds=float(adds), error=float(error))
            for name, value, adds, error in zip(
                names, values, shares.values[:, 0], shares.error[:, 0], strict=True
            )
        ]
        classes = self._signature.classes
        return Explained(
            predicted=classes[place] if classes else float(said[0]),
            answer=float(said[place]),
            base=float(shares.base[0]),
            parts=tuple(sorted(parts, key=lambda one: -abs(one.adds))),
        )

    def background(self) -> pa.Table:
        """Return some of the rows that the model learnt from, the same each time."""
        if self._rows is None:
            rows = training_rows(self._repo, self._version, _BACKGROUND)
            self._rows = conform(rows, self._signature.inputs)
        return self._rows

    def _fields(self, row: pa.Table, place: int) -> tuple[list[str], list[Any], Shares]:
        rows = pa.concat_tables([row, self.background()]).combine_chunks()
        others = np.arange(1, rows.num_rows)

        def worth(coalitions: NDArray[np.bool_]) -> F64:
            each = max(1, _BATCH // len(others))
            pieces = [coalitions[start : start + each] for start in range(0, len(coalitions), each)]
            return np.concatenate([self._worth_of(rows, piece, others, place) for piece in pieces])

        names = self._signature.inputs.names
        shares = shapley(worth, len(names), seed=_SEED)
        return names, [row.column(name)[0].as_py() for name in names], shares

    def _worth_of(
        self, rows: pa.Table, coalitions: NDArray[np.bool_], others: NDArray[np.int64], place: int
    ) -> F64:
        columns = []
        for player, column in enumerate(rows.columns):
            index = np.where(coalitions[:, player, None], 0, others[None, :])
            columns.append(column.take(pa.array(index.ravel())))
        said = self._model.predict(pa.table(columns, schema=rows.schema))[:, place]
        mean: F64 = said.reshape(len(coalitions), -1).mean(axis=1)
        return mean[:, None]

    def _text(self, row: pa.Table, place: int) -> tuple[list[str], list[Any], Shares]:
        text = row.column(0)[0].as_py() or ""
        words = text.split()
        # The words of a long text are taken together in as many runs as there may be players.
        runs = (
            np.array_split(np.array(words, object), min(len(words), _WORDS)) if words else [np.array([text])]
        )
        parts = [" ".join(run) for run in runs]

        def worth(coalitions: NDArray[np.bool_]) -> F64:
            texts = [
                " ".join(part for part, is_in in zip(parts, one, strict=True) if is_in) for one in coalitions
            ]
            asked = pa.table([pa.array(texts, pa.string())], schema=self._signature.inputs)
            return np.asarray(self._model.predict(asked)[:, place, None], np.float64)

        return parts, [None] * len(parts), shapley(worth, len(parts), seed=_SEED)


def training_rows(repo: Repo, version: ModelVersion, limit: int) -> pa.Table:
    """Return rows that a model learnt from, drawn by chance but the same each time, with their keys.

    Raises
    ------
    UsageError
        If the model was trained elsewhere.
    """
    keys = Models(repo).rows(version.id)
    data = repo.at(version.facts["commit"])[version.facts["dataset"]]
    if keys.num_rows > limit:
        chosen = np.random.default_rng(_SEED).choice(keys.num_rows, limit, replace=False)
        keys = keys.take(pa.array(np.sort(chosen)))
    return data.take(data.keys_of(keys) if data.key else keys.column("key").to_pylist())


@dataclass(frozen=True, kw_only=True)
class PredictionExplained:
    """The answers to three questions about a prediction that was made.

    Parameters
    ----------
    model : ModelVersion
        The version that made it.
    prediction : mapping
        Its row in the log, with ``_truth`` where it is known.
    why : Explained or None
        Why it was made; None where the inputs were not kept.
    why_not : str
        Where it is None, the reason.
    decisions : tuple of mapping
        How that version came into use.
    learnt_from : int
        How many rows it learnt from.
    alike : pyarrow.Table or None
        Those of them that are most like what was asked, with ``_distance``.
    """

    model: ModelVersion
    prediction: Mapping[str, Any]
    why: Explained | None
    why_not: str
    decisions: tuple[Mapping[str, Any], ...]
    learnt_from: int
    alike: pa.Table | None

    def to_dict(self) -> dict[str, Any]:
        """Return it as JSON-able values."""
        facts = self.model.facts
        named = ("recipe", "label", "features", "options", "scores", "environment")
        return {
            "prediction": dict(self.prediction),
            "model": self.model.id,
            "why": self.why.to_dict() if self.why else None,
            "why_not": self.why_not,
            "trained": {name: facts.get(name) for name in named},
            "decisions": [dict(one) for one in self.decisions],
            "data": {
                "dataset": facts.get("dataset"),
                "commit": facts.get("commit"),
                "tag": self.model.data_tag if facts.get("commit") else None,
                "rows": self.learnt_from,
                "alike": self.alike.to_pylist() if self.alike is not None else [],
            },
        }


def explain_prediction(repo: Repo, id: str, *, model: str | None = None) -> PredictionExplained:
    """Say why a prediction was made, how its model was trained, and on which rows of which commit.

    Parameters
    ----------
    repo : Repo
        The repository.
    id : str
        The prediction's name, as the answer gave it.
    model : str, optional
        The model; all logs are searched by default.

    Raises
    ------
    NotFound
        If no log has it, or the model version was removed.
    """
    found, name = _found(repo, id, model)
    version = Models(repo)[f"{name}@{found['_version']}"]
    fitted, signature = Models(repo).load(version.id)
    decisions = tuple(one.to_dict() for one in Models(repo).decisions(name) if one.version == version.version)
    why, why_not, alike, learnt_from = None, "", None, 0
    kept = [one for one in signature.inputs.names if one in found]
    if not version.facts.get("commit"):
        why_not = "the model was trained elsewhere, so no rows are known to compare with"
    else:
        learnt_from = Models(repo).rows(version.id).num_rows
    if len(kept) < len(signature.inputs) and not why_not:
        why_not = "its inputs were not kept in the log"
    if not why_not:
        row = pa.table(
            [pa.array([found[field.name]], _type_of(found[field.name], field)) for field in signature.inputs],
            names=signature.inputs.names,
        )
        if row.schema.types != signature.inputs.types:
            why_not = "its inputs were masked in the log"
        else:
            why = Explainer(repo, version, fitted, signature).explain(row)
            if abs(why.answer - _answer(found, signature)) > 1e-3:
                why_not = "some of its inputs were masked in the log, so the model now says something else"
                why = None
            alike = _alike(repo, version, row)
    return PredictionExplained(
        model=version,
        prediction=found,
        why=why,
        why_not=why_not,
        decisions=decisions,
        learnt_from=learnt_from,
        alike=alike,
    )


def _found(repo: Repo, id: str, model: str | None) -> tuple[dict[str, Any], str]:
    names = (
        [model]
        if model
        else [
            branch.removeprefix(_LOG_PREFIX) for branch in repo.branches() if branch.startswith(_LOG_PREFIX)
        ]
    )
    for name in names:
        log = PredictionLog(repo, name)
        try:
            return log.find(id), name
        except NotFound:
            if model:
                raise
    raise NotFound(
        f"No log has a prediction {id!r}; there are logs of {', '.join(names) or 'no model'}. It may have "
        "been removed: see --keep-days of hw serve.",
        kind="prediction",
        name=id,
    )


def _type_of(value: Any, field: pa.Field) -> pa.DataType:
    return pa.string() if isinstance(value, str) and not pa.types.is_temporal(field.type) else field.type


def _answer(found: Mapping[str, Any], signature: Signature) -> float:
    return float(max(found["_probability"])) if signature.classes else float(found["_predicted"])


def _alike(repo: Repo, version: ModelVersion, row: pa.Table) -> pa.Table | None:
    """Return the training rows nearest to a row: the mean over fields of differences, each between 0 and 1.

    Gower (1971). A general coefficient of similarity and some of its properties. Biometrics 27.
    """
    rows = training_rows(repo, version, _COMPARED)
    features = rows.select(row.column_names)
    encoder = TableEncoder.learn(features)
    if not encoder.names:
        return None
    theirs, own = encoder.matrix(features), encoder.matrix(row)[0]
    with np.errstate(invalid="ignore"):
        width = np.nanmax(theirs, axis=0, initial=-np.inf) - np.nanmin(theirs, axis=0, initial=np.inf)
    width = np.where(np.isfinite(width) & (width > 0), width, 1.0)
    far = np.abs(theirs - own) / width
    far = np.where(np.asarray(encoder.categorical), far != 0, np.minimum(far, 1.0))
    far = np.where(
        np.isnan(theirs) & np.isnan(own), 0.0, np.where(np.isnan(theirs) | np.isnan(own), 1.0, far)
    )
    distance = far.mean(axis=1)
    near = np.argsort(distance, kind="stable")[:_NEAR]
    return rows.take(pa.array(near)).append_column("_distance", pa.array(distance[near]))
