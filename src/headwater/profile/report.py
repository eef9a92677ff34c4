"""The profile of a dataset: what is in every column, how columns go together, how the label is spread."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa

from headwater.core.progress import SILENT, Progress
from headwater.core.schema import require_columns
from headwater.core.types import type_name
from headwater.engine.base import Executor
from headwater.methods.histogram import round_edges
from headwater.profile.cache import ByteCache
from headwater.profile.columns import Counts, Extent, Moments
from headwater.profile.distinct import Distinct
from headwater.profile.groups import Groups
from headwater.profile.kinds import Kind, as_python, kind_of
from headwater.profile.measure import Measured, measure
from headwater.profile.quantiles import Quantiles, QuantilesState
from headwater.profile.shapes import Shapes
from headwater.profile.standard import comoments_of, standard_measures
from headwater.profile.top import TopValues
from headwater.reading.dataset import Dataset

__all__ = ["SHARES", "ColumnProfile", "Histogram", "Profile", "TopValue", "profile"]

SHARES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
"""The quantiles of a profile."""
_BINS = 24
_TOP = 10
_SHAPES = 5
_CLASSES = 50
_TEXT = 80
_FORMAT = 0.01
_FARTHEST = 1e300


@dataclass(frozen=True, slots=True, kw_only=True)
class TopValue:
    """A frequent value and how many rows have it; ``exact`` unless the count is the least it can be."""

    value: Any
    count: int
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Histogram:
    """Counts of values between edges; the few beyond the first and last edge are counted apart."""

    edges: tuple[Any, ...]
    counts: tuple[int, ...]
    below: int = 0
    above: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class ColumnProfile:
    """What is in a column. Fields that make no sense for its kind are None or empty.

    Parameters
    ----------
    name, type, kind : str
        The column, its type's name, and its kind (`headwater.profile.kinds.Kind`).
    rows, missing : int
        Rows, and those that lack a value (null or NaN).
    distinct : float
        Number of distinct values; an estimate with the interval ``distinct_interval`` where they are many.
    counts : mapping of str to int
        Whatever else was counted: zeros, negative, infinite, true, empty, blank, padded.
    minimum, maximum : Any
        The least and greatest value of numbers and times.
    mean, std : float
        Mean and standard deviation of numbers.
    quantiles : mapping of str to Any
        Values by share (``"0.5"`` is the median), for numbers and times.
    histogram : Histogram
        Of numbers and times.
    top : tuple of TopValue
        The most frequent values.
    lengths : mapping of str to float
        ``minimum``, ``median`` and ``maximum`` length of text, binary and lists.
    formats : mapping of str to float
        Share of text by recognised format (``email``, ``date``, …).
    shapes : tuple of (str, int, str)
        The most frequent shapes of text: shape, count among the values looked at, example.
    """

    name: str
    type: str
    kind: str
    rows: int
    missing: int
    distinct: float
    distinct_interval: tuple[float, float]
    counts: Mapping[str, int] = field(default_factory=dict)
    minimum: Any = None
    maximum: Any = None
    mean: float | None = None
    std: float | None = None
    quantiles: Mapping[str, Any] = field(default_factory=dict)
    histogram: Histogram | None = None
    top: tuple[TopValue, ...] = ()
    lengths: Mapping[str, float] = field(default_factory=dict)
    formats: Mapping[str, float] = field(default_factory=dict)
    shapes: tuple[tuple[str, int, str], ...] = ()

    @property
    def missing_fraction(self) -> float:
        """Share of rows that lack a value; 0 of no rows."""
        return self.missing / self.rows if self.rows else 0.0

    @property
    def distinct_is_exact(self) -> bool:
        """Whether the number of distinct values is not an estimate."""
        return self.distinct_interval[0] == self.distinct_interval[1]


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What is in a dataset.

    Parameters
    ----------
    dataset, ref : str, str or None
        What was described; ``ref`` is the commit.
    rows : int
        Number of rows.
    key : tuple of str
        The key columns.
    columns : tuple of ColumnProfile
        In the order of the schema.
    correlated : tuple of str
        The columns whose ``correlations`` were computed.
    correlations : tuple of tuple of float
        Pearson's correlation of each pair, over rows that have both; None where it is not defined.
    label : str, optional
        The label.
    classes : tuple of TopValue
        Its values and their counts; empty where it is a quantity.
    scanned_rows : int
        Rows that had to be read; the rest was known from earlier.
    """

    dataset: str
    ref: str | None
    rows: int
    key: tuple[str, ...]
    columns: tuple[ColumnProfile, ...]
    correlated: tuple[str, ...] = ()
    correlations: tuple[tuple[float | None, ...], ...] = ()
    label: str | None = None
    classes: tuple[TopValue, ...] = ()
    scanned_rows: int = 0

    def __getitem__(self, column: str) -> ColumnProfile:
        for one in self.columns:
            if one.name == column:
                return one
        raise KeyError(column)

    def __repr__(self) -> str:
        lines = [f"Profile of {self.dataset!r}: {self.rows:,} rows, {len(self.columns)} columns"]
        for one in self.columns:
            distinct = f"{'' if one.distinct_is_exact else '~'}{one.distinct:,.0f} distinct"
            lines.append(f"  {one.name}: {one.type}, {one.missing_fraction:.1%} missing, {distinct}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        from headwater.profile.html import to_html

        return f'<iframe srcdoc="{_quoted(to_html(self))}" style="width:100%;height:640px;border:0"></iframe>'

    def strongest(self, number: int = 10) -> list[tuple[str, str, float]]:
        """Return the pairs of columns with the strongest correlations, strongest first."""
        pairs = [
            (a, b, value)
            for i, a in enumerate(self.correlated)
            for j, b in enumerate(self.correlated[:i])
            if (value := self.correlations[i][j]) is not None
        ]
        return sorted(pairs, key=lambda pair: (-abs(pair[2]), pair[0], pair[1]))[:number]

    def to_html(self) -> str:
        """Return the profile as one self-contained HTML page."""
        from headwater.profile.html import to_html

        return to_html(self)

    def to_dict(self) -> dict[str, Any]:
        """Return the profile as JSON-able values."""
        out: dict[str, Any] = _plain(asdict(self))
        for entry, one in zip(out["columns"], self.columns, strict=True):
            entry["missing_fraction"] = one.missing_fraction
        return out


def profile(
    dataset: Dataset,
    *,
    label: str | None = None,
    executor: Executor | None = None,
    cache: ByteCache | None = None,
    progress: Progress = SILENT,
) -> Profile:
    """Describe a dataset.

    Parameters
    ----------
    dataset : Dataset
        The rows.
    label : str, optional
        The label; by default the one of its contract.
    executor, cache, progress : optional
        As for `headwater.profile.measure.measure`.

    Returns
    -------
    Profile

    Raises
    ------
    NotFound
        If there is no such label column.
    """
    if label is None and dataset.contract is not None:
        label = dataset.contract.label
    wanted = standard_measures(dataset.schema, key=dataset.key)
    classes = None
    if label is not None:
        require_columns(dataset.schema, [label], where=f"dataset {dataset.name!r}")
        if kind_of(dataset.schema.field(label).type).is_countable:
            classes = Groups(by=(label,), capacity=_CLASSES)
            wanted.append(classes)
    measured = measure(dataset, wanted, executor=executor, cache=cache, progress=progress, exact=wanted)
    comoments = comoments_of(dataset.schema, dataset.key)
    correlations = np.zeros((0, 0)) if comoments is None else measured[comoments].correlations()
    return Profile(
        dataset=dataset.name,
        ref=dataset.commit,
        rows=dataset.num_rows,
        key=dataset.key,
        columns=tuple(
            _column(one, measured, dataset.num_rows, is_key=dataset.key == (one.name,))
            for one in dataset.schema
        ),
        correlated=() if comoments is None else comoments.of,
        correlations=tuple(tuple(_finite(value) for value in row) for row in correlations.tolist()),
        label=label,
        classes=() if classes is None else _classes(classes, measured),
        scanned_rows=measured.scanned_rows,
    )


def _column(one: pa.Field, measured: Measured, rows: int, *, is_key: bool) -> ColumnProfile:
    name, kind = one.name, kind_of(one.type)
    tally = measured[Counts(column=name)]
    distinct = measured[Distinct(column=name)]
    facts: dict[str, Any] = {}
    if kind.is_ordered:
        facts |= _ordered(one, measured)
    if kind in (Kind.TEXT, Kind.BINARY, Kind.LIST):
        lengths = measured[Quantiles(column=name, of="length")]
        if lengths.count:
            low, middle, high = lengths.quantile([0.0, 0.5, 1.0]).tolist()
            facts["lengths"] = {"minimum": low, "median": middle, "maximum": high}
    if kind is Kind.TEXT:
        shapes = measured[Shapes(column=name)]
        facts["formats"] = {key: share for key, share in shapes.formats().items() if share >= _FORMAT}
        facts["shapes"] = tuple((s.shape, s.count, s.example) for s in shapes.top(_SHAPES))
    if kind.is_countable:
        top = measured[TopValues(column=name)].top(_TOP)
        facts["top"] = tuple(
            TopValue(value=_short(value), count=low, exact=low == high) for value, low, high in top
        )
    known = ("rows", "nulls", "nan")
    missing = tally["nulls"] + tally.counts.get("nan", 0)
    # There cannot be more than there are values; where the column is the key, there are as many.
    most = float(rows - missing)
    low, high = (most, most) if is_key else (min(bound, most) for bound in distinct.interval(0.95))
    return ColumnProfile(
        name=name,
        type=type_name(one.type),
        kind=str(kind),
        rows=rows,
        missing=missing,
        distinct=most if is_key else min(float(round(distinct.estimate)), most),
        distinct_interval=(low, high),
        counts={key: count for key, count in tally.counts.items() if key not in known},
        **facts,
    )


def _ordered(one: pa.Field, measured: Measured) -> dict[str, Any]:
    extent = measured[Extent(column=one.name)]
    quantiles = measured[Quantiles(column=one.name)]
    if extent.low is None or not quantiles.count:
        return {}
    facts: dict[str, Any] = {
        "minimum": as_python(extent.low, one.type),
        "maximum": as_python(extent.high, one.type),
        "quantiles": {
            str(share): as_python(value, one.type)
            for share, value in zip(SHARES, quantiles.quantile(SHARES).tolist(), strict=True)
        },
        "histogram": _histogram(quantiles, one.type),
    }
    moments = measured[Moments(column=one.name)]
    if kind_of(one.type).is_numeric and moments.count:
        facts |= {"mean": moments.mean, "std": _finite(moments.std)}
    return facts


def _histogram(quantiles: QuantilesState, type_: pa.DataType) -> Histogram | None:
    whole = quantiles.whole
    finite = whole.points[np.isfinite(whole.points)]
    if not len(finite):
        return None
    # Not so far apart that the distance is infinite.
    least, greatest = np.clip(finite[[0, -1]], -_FARTHEST, _FARTHEST).tolist()
    low, high = quantiles.quantile([0.005, 0.995]).tolist()
    # A few far values must not press all others into one bar.
    if (
        not (abs(low) <= _FARTHEST and abs(high) <= _FARTHEST)
        or greatest - least <= 3 * (high - low)
        or low == high
    ):
        low, high = least, greatest
    if kind_of(type_) is Kind.INTEGER and high - low < _BINS:
        edges = np.arange(math.floor(low), math.floor(high) + 2) - 0.5
    elif kind_of(type_) is Kind.TIME:
        edges = np.linspace(low, high, _BINS + 1) if high > low else np.array([low, low + 1])
    else:
        edges = round_edges(low, high, _BINS)
    counts = np.rint(quantiles.histogram(edges)).astype(np.int64)
    below = int(np.rint(whole.ranks(edges[:1])[0][0]))
    above = max(quantiles.count - below - int(counts.sum()), 0)
    marks = edges if kind_of(type_) is not Kind.TIME else np.rint(edges)
    shown = (
        marks.tolist()
        if kind_of(type_) is not Kind.TIME
        else [as_python(edge, type_) for edge in marks.tolist()]
    )
    return Histogram(edges=tuple(shown), counts=tuple(counts.tolist()), below=below, above=above)


def _classes(groups: Groups, measured: Measured) -> tuple[TopValue, ...]:
    state = measured[groups]
    return tuple(TopValue(value=_short(values[0]), count=count) for values, count in state.items())


def _short(value: Any) -> Any:
    if isinstance(value, str) and len(value) > _TEXT:
        return value[: _TEXT - 1] + "…"
    return value


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _plain(value: Any) -> Any:
    """Return a JSON-able form."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, float):
        return _finite(value)
    if value is None or isinstance(value, str | int | bool):
        return value
    return (
        value.hex()
        if isinstance(value, bytes)
        else value.isoformat()
        if hasattr(value, "isoformat")
        else str(value)
    )


def _quoted(text: str) -> str:
    from html import escape

    return escape(text, quote=True)
