"""One model as it is served: its version in use, one on trial for a few requests, one that answers in the shadow."""

from __future__ import annotations

import json
import logging
import re
import secrets
import threading
import time
import zlib
from collections.abc import Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

import pyarrow as pa

from headwater.core.errors import HeadwaterError, InputError, NotFound, UsageError
from headwater.models.prediction_log import PredictionLog
from headwater.models.registered import ModelVersion
from headwater.models.registry import Models
from headwater.recipes.base import F64, Fitted
from headwater.recipes.model_file import Signature
from headwater.serving.batching import Batcher
from headwater.serving.explaining import Explainer
from headwater.serving.inputs import Inputs, Read
from headwater.serving.journal import Journal, Mask, Said, journal_place

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Answer", "Endpoint", "OnBad", "Served", "carried_fields", "mask_of"]

logger = logging.getLogger(__name__)

OnBad = Literal["refuse", "quarantine"]
_OPEN = frozenset({"", "public", "internal"})
_SHARES = 10_000
_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,128}")


@dataclass(frozen=True)
class Served:
    """A version that is loaded."""

    version: ModelVersion
    model: Fitted
    signature: Signature
    inputs: Inputs
    batcher: Batcher
    explainer: Explainer

    @classmethod
    def load(cls, repo: Repo, name: str) -> Served:
        """Load a version.

        Raises
        ------
        NotFound
            If there is none of that name.
        """
        version = Models(repo)[name]
        model, signature = Models(repo).load(version.id)
        inputs = Inputs(version, signature, carried_fields(repo, version))
        explainer = Explainer(repo, version, model, signature)
        return cls(version, model, signature, inputs, Batcher(model.predict), explainer)

    def told(self, said: F64) -> list[Any]:
        """Return the classes, or the numbers, that answers say."""
        if not self.signature.classes:
            return [float(one) for one in said[:, 0]]
        return [self.signature.classes[place] for place in said.argmax(axis=1)]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to a request: what was said of its good rows.

    Parameters
    ----------
    served : Served
        The version that answered.
    read : Read
        The rows, and what was wrong with others.
    ids : tuple of str
        The names of the predictions, of the good rows.
    said : numpy.ndarray of float, shape (n, k)
        What the model said.
    """

    served: Served
    read: Read
    ids: tuple[str, ...]
    said: F64


class Endpoint:
    """A model that answers requests.

    Parameters
    ----------
    repo : Repo
        The repository.
    name : str
        The model, or one version of it, as in `Models`; where it names a stage or an alias, `refresh` follows it.
    canary, shadow : str, optional
        Another version that answers a share of the requests; one whose answers are only logged.
    canary_share : float
        The share, between 0 and 1. Requests with the same id get the same version.
    on_bad : {"refuse", "quarantine"}
        Whether a request with a bad row is refused, or its other rows are answered and the bad one is set apart.
    mask : Mask, optional
        What of the inputs is not logged; by default what the contract classifies.
    is_logged : bool
        Whether predictions are logged.
    **journal : Any
        As in `Journal`: ``every_s``, ``keep_days``.

    Raises
    ------
    UsageError
        If the canary or shadow takes other fields, is another model, or the share is not between 0 and 1.
    """

    def __init__(
        self,
        repo: Repo,
        name: str,
        *,
        canary: str | None = None,
        canary_share: float = 0.1,
        shadow: str | None = None,
        on_bad: OnBad = "refuse",
        mask: Mask | None = None,
        is_logged: bool = True,
        **journal: Any,
    ) -> None:
        if not 0 <= canary_share <= 1:
            raise UsageError(f"The share of the canary is {canary_share}; it lies between 0 and 1.")
        self._repo, self._ref, self.on_bad = repo, name, on_bad
        self.name = name.partition("@")[0]
        self.primary = Served.load(repo, name)
        self.canary_share = canary_share
        self.canary = self._beside(canary, "canary")
        self.shadow = self._beside(shadow, "shadow")
        self.mask = mask if mask is not None else mask_of(self.primary.version)
        self.journal: Journal | None = None
        if is_logged:
            log = PredictionLog(repo, self.name)
            shadowing = self._shadowed if self.shadow else None
            self.journal = Journal(log, journal_place(repo), self.mask, shadow=shadowing, **journal)
        self._feedback = threading.Lock()

    def route(self, request: str) -> tuple[Served, str]:
        """Return the version that answers a request, and its role."""
        if self.canary is not None and zlib.crc32(request.encode()) % _SHARES < self.canary_share * _SHARES:
            return self.canary, "canary"
        return self.primary, "live"

    def submit(self, served: Served, table: pa.Table) -> Future[F64]:
        """Let the model look at rows; see `Batcher.submit`."""
        return served.batcher.submit(table.select(served.inputs.features.names))

    def ids(self, rows: int) -> tuple[str, ...]:
        """Return names for new predictions; they begin with the time, so that those of a time lie together."""
        start = f"{int(time.time() * 1000):011x}{secrets.token_hex(6)}"
        return (start,) if rows == 1 else tuple(f"{start}-{row}" for row in range(rows))

    def keep(self, answer: Answer, *, role: str, began: datetime, latency_ms: float, request: str) -> None:
        """Log an answer."""
        if self.journal is None or not answer.ids:
            return
        self.journal.add(
            Said(
                features=answer.read.table,
                said=answer.said,
                signature=answer.served.signature,
                ids=answer.ids,
                version=answer.served.version.version,
                time=began,
                role=role,
                latency_ms=latency_ms,
                request=request,
            )
        )

    def set_apart(self, read: Read, rows: Sequence[Any]) -> None:
        """Keep rows that broke the input contract, as far as they may be kept."""
        if self.journal is None:
            return
        by_row: dict[int, list[dict[str, Any]]] = {}
        for one in read.problems:
            by_row.setdefault(one.row, []).append({"field": one.field, "message": one.message})
        now = datetime.now(UTC)
        hidden = self.mask.columns if self.mask.keeps_inputs else {*self.primary.inputs.schema.names}
        self.journal.add_refused(
            [
                {
                    "_id": name,
                    "_time": now,
                    "row": json.dumps(self.mask.plain(rows[row]), default=str),
                    "problems": json.dumps(
                        [one for one in found if one["field"] not in hidden]
                        or [{"field": one["field"], "message": "masked"} for one in found]
                    ),
                }
                for name, (row, found) in zip(self.ids(len(by_row)), by_row.items(), strict=True)
            ]
        )

    def add_feedback(self, given: Any) -> int:
        """Keep what was true: a list of ``{"id": …, "truth": …}``; it is committed when this returns.

        Raises
        ------
        UsageError
            If it is no such list, or a truth is no class of the model, or no number.
        """
        if (
            not isinstance(given, list)
            or not given
            or not all(isinstance(one, dict) and one.get("id") for one in given)
        ):
            raise UsageError('Feedback is a list as in {"feedback": [{"id": "…", "truth": …}]}.')
        truth = truths(self.primary.signature, [one.get("truth") for one in given])
        ids = [str(one["id"]) for one in given]
        last = {name: place for place, name in enumerate(ids)}
        with self._feedback:
            chosen = pa.array(list(last.values()))
            return PredictionLog(self._repo, self.name).add_feedback(list(last), truth.take(chosen))

    def refresh(self) -> bool:
        """Load the version that the name now means, if it is another; say whether it was.

        Requests that are being answered are answered by the version before.
        """
        found = Models(self._repo)[self._ref]
        if found.id == self.primary.version.id:
            return False
        before, self.primary = self.primary, Served.load(self._repo, found.id)
        before.batcher.close()
        return True

    def close(self) -> None:
        """Answer what waits, write the log, and end."""
        for one in (self.primary, self.canary, self.shadow):
            if one is not None:
                one.batcher.close()
        if self.journal is not None:
            self.journal.close()

    @cached_property
    def schema(self) -> dict[str, Any]:
        """What a row must look like, as a JSON Schema."""
        return self.primary.inputs.json_schema()

    def _beside(self, name: str | None, role: str) -> Served | None:
        if name is None:
            return None
        if name.partition("@")[0] != self.name:
            raise UsageError(
                f"The {role} {name!r} is no version of {self.name!r}: write {self.name}@VERSION."
            )
        found = Served.load(self._repo, name)
        if found.inputs.features != self.primary.inputs.features or found.signature.classes != (
            self.primary.signature.classes
        ):
            raise UsageError(
                f"{found.version.id} takes other fields or gives other classes than {self.primary.version.id}, so it "
                f"cannot be its {role}."
            )
        return found

    def _shadowed(self, entries: Sequence[Said]) -> Said | None:
        """Return what the shadow says of what was asked."""
        if self.shadow is None:
            return None
        features = pa.concat_tables([one.features for one in entries])
        try:
            said = self.shadow.model.predict(features.select(self.shadow.inputs.features.names))
        except Exception as error:  # noqa: BLE001 - a shadow must not stop the log of what was said
            logger.warning(
                "The shadow %s failed: %s: %s", self.shadow.version.id, type(error).__name__, error
            )
            return None
        return Said(
            features=features,
            said=said,
            signature=self.shadow.signature,
            ids=[name for one in entries for name in one.ids],
            version=self.shadow.version.version,
            time=entries[-1].time,
            role="shadow",
        )


def truths(signature: Signature, values: Sequence[Any]) -> pa.Array:
    """Return what was true as a column: classes of the model, or numbers.

    Raises
    ------
    UsageError
        If one is neither.
    """
    if signature.classes:
        texts = [one if isinstance(one, str) else json.dumps(one) for one in values]
        unknown = [one for one in texts if one not in signature.classes]
        if unknown:
            known = ", ".join(signature.classes[:20])
            raise UsageError(f"{unknown[0]!r} is no class of the model. Its classes are: {known}.")
        return pa.array(texts, pa.string())
    bad = [one for one in values if isinstance(one, bool) or not isinstance(one, int | float) or one != one]
    if bad:
        raise UsageError(f"The truth {bad[0]!r} is no number, and the model predicts numbers.")
    return pa.array([float(one) for one in values], pa.float64())


def carried_fields(repo: Repo, version: ModelVersion) -> pa.Schema:
    """Return the fields that a request may have beside the features: keys and groups of the training data."""
    facts = version.facts
    if not facts.get("commit"):
        return pa.schema([])
    try:
        data = repo.at(facts["commit"])[facts["dataset"]]
    except (NotFound, InputError):
        return pa.schema([])
    groups = (facts.get("options") or {}).get("groups") or ()
    return pa.schema([one for one in data.schema if one.name in {*groups, *data.key}])


def mask_of(version: ModelVersion, columns: Sequence[str] = (), *, key: bytes = b"") -> Mask:
    """Return what may not be logged as it is: columns that are named, or that the contract classifies."""
    contract = version.contract
    promised = contract.columns if contract else ()
    classified = [one.name for one in promised if one.classification.lower() not in _OPEN]
    return Mask(columns=frozenset([*columns, *classified]), key=key)


def request_id(given: str | None) -> str:
    """Return the id that a request came with, or a new one where it has none that can be used."""
    return given if given and _REQUEST_ID.fullmatch(given) else secrets.token_hex(16)


def watch(endpoints: Sequence[Endpoint], every_s: float, stop: threading.Event) -> None:
    """Follow the registry until asked to stop: a promotion or a rollback reaches the server by itself."""
    while not stop.wait(every_s):
        for one in endpoints:
            try:
                if one.refresh():
                    logger.info("%s is served now.", one.primary.version.id)
            except HeadwaterError as error:
                logger.warning("%s stays in use: %s", one.primary.version.id, error)
