"""The prediction log of a model: what it was asked, what it said, and what was true, as datasets on a branch.

The branch ``predictions/NAME`` shares no history with the data. Its dataset ``predictions`` has a row for each
prediction: the features under their own names, and beside them columns that begin with ``_``, so that no recipe takes
them for features. ``feedback`` has the truth of those of which it came to be known.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import NotFound
from headwater.core.ids import CommitId
from headwater.core.schema import require_columns
from headwater.recipes.base import F64
from headwater.recipes.model_file import Signature
from headwater.store.commit import Provenance, save_commit

if TYPE_CHECKING:
    from headwater.reading.dataset import Dataset
    from headwater.versions.repo import Repo

__all__ = ["FEEDBACK", "LOSSES", "PREDICTIONS", "REFUSED", "PredictionLog", "log_branch", "log_rows"]

PREDICTIONS = "predictions"
FEEDBACK = "feedback"
REFUSED = "refused"
LOSSES = "losses"

_TIME = pa.timestamp("us", "UTC")
_REFUSED = pa.schema(
    [("_id", pa.string()), ("_time", _TIME), ("row", pa.string()), ("problems", pa.string())]
)
_LOSSES = pa.schema([("_id", pa.string()), ("_since", _TIME), ("_until", _TIME), ("rows", pa.int64())])
_ABOUT = ("_id", "_time", "_version", "_role", "_predicted", "_probability", "_latency_ms", "_request")
_SHADOW = "/shadow"


def log_branch(model: str) -> str:
    """Return the branch that the log of a model is on."""
    return f"predictions/{model}"


def log_rows(
    features: pa.Table,
    said: F64,
    signature: Signature,
    *,
    ids: Sequence[str],
    version: int,
    time: datetime | None = None,
    role: str = "live",
    latency_ms: float | None = None,
    request: str = "",
) -> pa.Table:
    """Return predictions as rows of the log.

    Parameters
    ----------
    features : pyarrow.Table
        What was asked, n rows; no more of it than may be kept.
    said : numpy.ndarray of float, shape (n, k)
        What the model said.
    signature : Signature
        Its classes and label.
    ids : sequence of str
        A name for each prediction, unlike any other's.
    version : int
        The model's version.
    time : datetime, optional
        When; now by default.
    role : {"live", "canary", "shadow"}
        Whether the answer was given to the caller, as one of a few, or to nobody.
    latency_ms : float, optional
        How long the answer took, in milliseconds.
    request : str
        The id of the request that asked, as its sender and other logs know it.

    Returns
    -------
    pyarrow.Table
        ``_id``, ``_time``, ``_version``, ``_role``, ``_predicted`` (the class, or the number), ``_probability`` (of
        each class, in the model's order), ``_latency_ms``, ``_request``, and the features. What a shadow said of a
        prediction has its id with ``/shadow`` behind.
    """
    rows = features.num_rows
    if signature.classes:
        best = pa.array(signature.classes, pa.string()).take(pa.array(said.argmax(axis=1)))
        flat = pa.array(said.astype("float32").ravel())
        offsets = (
            pa.array(range(0, said.size + 1, said.shape[1]), pa.int32())
            if rows
            else pa.array([0], pa.int32())
        )
        probability: pa.Array = pa.ListArray.from_arrays(offsets, flat)
    else:
        best, probability = pa.array(said[:, 0]), pa.nulls(rows, pa.list_(pa.float32()))
    when = (time or datetime.now(UTC)).astimezone(UTC)
    about = {
        "_id": pa.array([one + _SHADOW for one in ids] if role == "shadow" else ids, pa.string()),
        "_time": pa.array([when] * rows, _TIME),
        "_version": pa.array([version] * rows, pa.int64()),
        "_role": pa.array([role] * rows, pa.string()),
        "_predicted": best,
        "_probability": probability,
        "_latency_ms": pa.array([latency_ms] * rows, pa.float64()),
        "_request": pa.array([request or None] * rows, pa.string()),
    }
    kept = features.drop_columns([name for name in features.column_names if name in about])
    return pa.table({**about, **dict(zip(kept.column_names, kept.columns, strict=True))})


class PredictionLog:
    """The log of one model.

    Parameters
    ----------
    repo : Repo
        The repository.
    model : str
        Name of the model.
    """

    def __init__(self, repo: Repo, model: str) -> None:
        self.model = model
        self._repo = repo

    @property
    def exists(self) -> bool:
        """Whether anything was logged."""
        return PREDICTIONS in self._here()

    @property
    def predictions(self) -> Dataset:
        """The dataset of predictions, as it is now.

        Raises
        ------
        NotFound
            If nothing was logged.
        """
        here = self._here()
        if PREDICTIONS not in here:
            raise NotFound(
                f"Model {self.model!r} has no predictions in the log yet: `hw serve {self.model}` and "
                f"`hw models predict {self.model} FILE --log` write it.",
                kind="log",
                name=self.model,
            )
        return here[PREDICTIONS]

    def append(self, rows: pa.Table, *, again: bool = False) -> None:
        """Add predictions, as `log_rows` makes them, as one commit.

        Parameters
        ----------
        rows : pyarrow.Table
            The predictions.
        again : bool
            Some may be there already, as after an attempt of which the end is not known.
        """
        with self._here().transaction(f"{rows.num_rows:,} predictions of {self.model}") as tx:
            if again and PREDICTIONS in tx:
                tx.upsert(PREDICTIONS, rows, schema_change="safe")
            else:
                tx.append(PREDICTIONS, rows, key="_id", schema_change="safe")

    def append_refused(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Add rows that broke the input contract: ``_id``, ``_time``, ``row`` and ``problems`` as JSON text."""
        with self._here().transaction(f"{len(rows):,} rows that {self.model} could not take") as tx:
            tx.append(REFUSED, pa.Table.from_pylist(list(rows), schema=_REFUSED), key="_id")

    def append_loss(self, *, id: str, since: datetime, until: datetime, rows: int) -> None:
        """Add that a server was killed before it had logged its last predictions."""
        row = {"_id": id, "_since": since, "_until": until, "rows": rows}
        with self._here().transaction(f"{rows:,} predictions of {self.model} were lost") as tx:
            tx.append(LOSSES, pa.Table.from_pylist([row], schema=_LOSSES), key="_id")

    def dataset(self, name: str) -> pa.Table | None:
        """Return the rows of ``refused`` or ``losses``; None if there never were any."""
        here = self._here()
        return here[name].to_arrow() if name in here else None

    def find(self, id: str) -> dict[str, Any]:
        """Return one prediction, with ``_truth`` where it is known.

        Raises
        ------
        NotFound
            If it is not in the log.
        """
        quoted = id.replace("'", "''")
        rows = self.predictions.to_arrow(where=f"_id = '{quoted}'").to_pylist()
        if not rows:
            raise NotFound(
                f"The log of model {self.model!r} has no prediction {id!r}.", kind="prediction", name=id
            )
        here = self._here()
        told = here[FEEDBACK].to_arrow(where=f"_id = '{quoted}'").to_pylist() if FEEDBACK in here else []
        return {**rows[0], "_truth": told[0]["_truth"] if told else None}

    def add_feedback(self, ids: Sequence[str], truth: pa.Array, *, time: datetime | None = None) -> int:
        """Add what was true; said again of a prediction, the last word counts.

        Parameters
        ----------
        ids : sequence of str
            Names of predictions, with or without an entry in the log as yet.
        truth : pyarrow.Array
            The class or number of each.
        time : datetime, optional
            When it was known; now by default.

        Returns
        -------
        int
            How many.
        """
        when = (time or datetime.now(UTC)).astimezone(UTC)
        rows = pa.table({"_id": pa.array(ids, pa.string()), "_truth": truth})
        rows = rows.append_column("_known", pa.array([when] * len(rows), _TIME))
        with self._here().transaction(f"{rows.num_rows:,} truths of {self.model}") as tx:
            if FEEDBACK in tx:
                tx.upsert(FEEDBACK, rows)
            else:
                tx.append(FEEDBACK, rows, key="_id")
        return int(rows.num_rows)

    def window(
        self,
        since: datetime | None = None,
        until: datetime | None = None,
        *,
        columns: Sequence[str] | None = None,
        roles: Sequence[str] = ("live", "canary"),
    ) -> pa.Table:
        """Return the predictions of a time, with ``_truth`` where it is known, the oldest first.

        Parameters
        ----------
        since, until : datetime, optional
            From when on, and until before when.
        columns : sequence of str, optional
            Features; all by default.
        roles : sequence of str
            Which predictions.
        """
        log = self.predictions
        if columns is not None:
            require_columns(log.schema, list(columns), where=f"the log of {self.model!r}")
            columns = list(dict.fromkeys([*_ABOUT, *columns]))
        ends = [("_time >= ", since), ("_time < ", until)]
        times = [f"{word}TIMESTAMPTZ '{when.astimezone(UTC).isoformat()}'" for word, when in ends if when]
        rows = log.to_arrow(columns, where=" AND ".join(times) or None)
        rows = rows.filter(pc.is_in(rows.column("_role"), value_set=pa.array(roles)))
        rows = rows.sort_by([("_time", "ascending"), ("_id", "ascending")])
        here = self._here()
        if FEEDBACK not in here:
            return rows.append_column("_truth", pa.nulls(len(rows), rows.schema.field("_predicted").type))
        told = here[FEEDBACK].to_arrow(["_id", "_truth"])
        asked = pc.replace_substring_regex(rows.column("_id"), f"{_SHADOW}$", "")
        place = pc.index_in(asked, value_set=told.column("_id"))
        return rows.append_column(
            "_truth", told.column("_truth").combine_chunks().take(place.combine_chunks())
        )

    def retain(self, days: float, *, now: datetime | None = None) -> int:
        """Remove predictions that are older, with what was true of them, also from the log's history.

        The branch then begins with what is left, as one commit; `Repo.gc` frees the rest.

        Returns
        -------
        int
            How many predictions were removed.
        """
        if not self.exists:
            return 0
        limit = (now or datetime.now(UTC)) - timedelta(days=days)
        old = f"_time < TIMESTAMPTZ '{limit.astimezone(UTC).isoformat()}'"
        gone = self.predictions.to_arrow(["_id"], where=old).column("_id")
        here = self._here()
        if len(gone):
            with here.transaction(f"remove {len(gone):,} predictions of more than {days:g} days ago") as tx:
                tx.delete(PREDICTIONS, where=old)
                if FEEDBACK in tx:
                    known = set(gone.to_pylist()) & set(tx[FEEDBACK].to_arrow(["_id"]).column(0).to_pylist())
                    if known:
                        tx.delete(FEEDBACK, keys=pa.table({"_id": sorted(known)}))
        self._begin_anew(f"log of {self.model}, {days:g} days")
        return len(gone)

    def _begin_anew(self, message: str) -> None:
        """Let the branch hold what it holds as one commit without a past."""
        repo, branch = self._repo, log_branch(self.model)

        def step(head: CommitId | None) -> CommitId | None:
            if head is None or not repo.commit(head).parents:
                return head
            return save_commit(
                repo.objects,
                datasets=repo.commit(head).datasets,
                parents=(),
                author=repo.author,
                message=message,
                provenance=Provenance(kind="edit", id="retain"),
            ).id

        repo.refs.update("heads", branch, step, reason="retain", author=repo.author)

    def _here(self) -> Repo:
        return self._repo.orphan(log_branch(self.model))
