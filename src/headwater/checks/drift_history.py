"""Drift over a history: for each column when its distribution changed, and how; `headwater.api.Repo.drift`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.checks.comparing import Summary, categories, missing_of, ordered
from headwater.checks.drift_windows import Window, commit_windows, row_windows, time_windows
from headwater.core.errors import UsageError
from headwater.core.progress import SILENT, Progress
from headwater.core.schema import require_columns
from headwater.methods.change_points import ChangeKind, change_kind, excess_distance
from headwater.profile.base import Measure
from headwater.profile.columns import Counts
from headwater.profile.kinds import kind_of
from headwater.profile.quantiles import Quantiles, QuantilesState
from headwater.profile.tally import Tally
from headwater.profile.top import TopState, TopValues
from headwater.versions.repo import Repo

__all__ = ["ColumnDrift", "DriftHistory", "WindowFacts", "drift_history"]

F64 = NDArray[np.float64]

_LEAST = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFacts:
    """One window: what it is called, its rows, and the commit that brought it, with its message."""

    label: str
    rows: int
    about: str = ""
    commit: str | None = None

    def to_dict(self) -> dict[str, Any]:
        """Return the window as JSON-able values."""
        return {"label": self.label, "rows": self.rows, "about": self.about, "commit": self.commit}


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnDrift:
    """How the distribution of a column changed.

    Parameters
    ----------
    column : str
        The column.
    kind : {"none", "sudden", "gradual", "recurring"}
        How.
    starts : tuple of int
        The windows with which another distribution begins.
    size : float
        The largest Jensen-Shannon distance between two stretches of windows, from 0 to 1.
    distances : tuple of float or None
        The distance of each window from the windows before the first change (from all, without one), less what
        chance would make of it; None where a window does not have the column.
    what : str
        What changed most at the first change.
    """

    column: str
    kind: ChangeKind
    starts: tuple[int, ...] = ()
    size: float = 0.0
    distances: tuple[float | None, ...] = ()
    what: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftHistory:
    """Drift of a dataset over windows.

    Parameters
    ----------
    dataset : str
        Its name.
    ref : str
        The commit it was followed up to.
    by : str
        What the windows are: ``"commits"``, or the width that was asked for.
    windows : tuple of WindowFacts
        The windows, the oldest first.
    columns : tuple of ColumnDrift
        The columns, those that changed most first.
    """

    dataset: str
    ref: str
    by: str
    windows: tuple[WindowFacts, ...]
    columns: tuple[ColumnDrift, ...]

    def changed(self) -> list[ColumnDrift]:
        """Return the columns whose distribution changed."""
        return [column for column in self.columns if column.kind != "none"]

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON-able values."""
        return {
            "dataset": self.dataset,
            "ref": self.ref,
            "by": self.by,
            "windows": [window.to_dict() for window in self.windows],
            "columns": [
                {
                    "column": one.column,
                    "kind": one.kind,
                    "size": round(one.size, 6),
                    "starts": [{"window": start, **self.windows[start].to_dict()} for start in one.starts],
                    "what": one.what,
                    "distances": [None if d is None else round(d, 6) for d in one.distances],
                }
                for one in self.columns
            ],
        }

    def to_html(self) -> str:
        """Return a page with a picture, columns by windows; see `headwater.checks.drift_html`."""
        from headwater.checks.drift_html import to_html

        return to_html(self)


def drift_history(
    repo: Repo,
    dataset: str,
    *,
    ref: str | None = None,
    since: str | None = None,
    window: str | int | None = None,
    time: str | None = None,
    columns: Sequence[str] = (),
    limit: int = 100,
    least: float = _LEAST,
    progress: Progress = SILENT,
) -> DriftHistory:
    """Follow the distribution of each column over a history.

    Parameters
    ----------
    repo : Repo
        The repository.
    dataset : str
        The dataset.
    ref : str, optional
        The version to look at, and back from; the one we are at by default.
    since : str, optional
        Look back to this commit only.
    window : str or int, optional
        Instead of what each commit brought, compare spans of time (``"7d"``, by ``time``) or so many rows
        (``1000``) of this one version.
    time : str, optional
        Points in time; by default the column that the contract calls the time.
    columns : sequence of str
        Columns to follow; by default all that can be counted, but for the key and the time.
    limit : int
        The most commits, the newest.
    least : float
        The Jensen-Shannon distance from which on a change counts.
    progress : Progress
        Told about the work.

    Returns
    -------
    DriftHistory

    Raises
    ------
    UsageError
        If windows are asked for that there cannot be.

    Notes
    -----
    All windows of a column are counted over the same bins (the deciles or most frequent values of all of them), and
    cut into stretches by `headwater.methods.change_points.change_kind`.
    """
    head = repo.resolve(ref or "HEAD", dataset=dataset)
    here = repo.at(head)[dataset]
    contract = here.contract
    when = time or (contract.time if contract is not None else None)
    require_columns(here.schema, list(columns), where=f"dataset {dataset!r}")
    left_out = {*here.key, when}
    chosen = list(columns) or [
        field.name
        for field in here.schema
        if field.name not in left_out and not field.name.startswith("_") and _can_follow(field.type)
    ]
    for name in chosen:
        if not _can_follow(here.schema.field(name).type):
            raise UsageError(
                f"Column {name!r} is {here.schema.field(name).type}: its values cannot be counted."
            )

    def measures(schema: pa.Schema) -> list[Measure[Any]]:
        return [
            one
            for name in chosen
            if name in schema.names and _kind(schema, name) == _kind(here.schema, name)
            for one in _measures(here.schema, name)
        ]

    if window is None:
        stop = None if since is None else repo.resolve(since, dataset=dataset)
        windows = commit_windows(
            repo, dataset, measures, head=head, stop=stop, limit=limit, progress=progress
        )
    elif str(window).isdecimal():
        windows = row_windows(here, int(window), measures, cache=repo.cache, executor=repo.executor)
    else:
        if when is None:
            raise UsageError(
                f"Windows of {window} need a column of times: name it (--time), or give a number of rows."
            )
        windows = time_windows(here, when, str(window), measures, cache=repo.cache, executor=repo.executor)
    found = [_followed(name, here.schema, windows, least) for name in chosen]
    found.sort(key=lambda one: (one.kind == "none", -one.size))
    return DriftHistory(
        dataset=dataset,
        ref=head,
        by="commits" if window is None else f"{window} rows" if str(window).isdecimal() else str(window),
        windows=tuple(
            WindowFacts(label=one.label, rows=one.rows, about=one.about, commit=one.commit) for one in windows
        ),
        columns=tuple(found),
    )


def _can_follow(type_: pa.DataType) -> bool:
    return kind_of(type_).is_countable and not pa.types.is_null(type_)


def _kind(schema: pa.Schema, name: str) -> str:
    return str(kind_of(schema.field(name).type))


def _measures(schema: pa.Schema, name: str) -> list[Measure[Any]]:
    is_ordered = kind_of(schema.field(name).type).is_ordered
    return [Counts(column=name), Quantiles(column=name) if is_ordered else TopValues(column=name)]


def _followed(name: str, schema: pa.Schema, windows: Sequence[Window], least: float) -> ColumnDrift:
    """Count each window over the bins of all, and say how they changed."""
    tally, values = (one.key for one in _measures(schema, name))
    there = [place for place, one in enumerate(windows) if tally in one.states and values in one.states]
    if not there:
        return ColumnDrift(column=name, kind="none", distances=(None,) * len(windows))
    pooled: Any = windows[there[0]].states[values]
    for place in there[1:]:
        pooled = pooled.merge(windows[place].states[values])
    type_ = schema.field(name).type
    summaries = {
        place: _summary(windows[place].states[values], pooled, windows[place].states[tally], type_)
        for place in there
    }
    names = summaries[there[0]].names
    counts = np.zeros((len(windows), len(names)))
    for place, summary in summaries.items():
        counts[place] = summary.counts
    change = change_kind(counts, least=least)
    first = counts[: change.starts[0]].sum(axis=0) if change.starts else counts.sum(axis=0)
    distances = [
        excess_distance(first, counts[place]) if counts[place].any() and first.any() else None
        for place in range(len(windows))
    ]
    return ColumnDrift(
        column=name,
        kind=change.kind,
        starts=change.starts,
        size=change.size,
        distances=tuple(distances),
        what=_what(names, counts, change.starts) if change.starts else "",
    )


def _summary(state: Any, pooled: Any, tally: Any, type_: pa.DataType) -> Summary:
    assert isinstance(tally, Tally)
    if isinstance(pooled, QuantilesState):
        return ordered(state, pooled, missing_of(tally), type_)
    assert isinstance(pooled, TopState)
    return categories(state, pooled, missing_of(tally))


def _what(names: list[str], counts: F64, starts: tuple[int, ...]) -> str:
    """Return in words what changed most from before the first change to after it."""
    stop = starts[1] if len(starts) > 1 else len(counts)
    before, after = counts[: starts[0]].sum(axis=0), counts[starts[0] : stop].sum(axis=0)
    before, after = before / before.sum(), after / after.sum()
    place = int(np.abs(after - before).argmax())
    return f"{names[place]}: {before[place]:.0%} → {after[place]:.0%}"
