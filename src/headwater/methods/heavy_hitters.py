"""The most frequent values of a column, with bounds on their counts, in bounded space; mergeable.

While a column has no more distinct values than the capacity, the summary is its exact table of counts, to
which rows can be added and from which rows can be taken again. Beyond it, every count is an interval.

References
----------
Misra, Gries (1982). Finding repeated elements. Science of Computer Programming 2(2).
doi:10.1016/0167-6423(82)90012-0
Metwally, Agrawal, El Abbadi (2005). Efficient computation of frequent and top-k elements in data streams.
ICDT. doi:10.1007/978-3-540-30570-5_27 (the bound a value carries from when it entered).
Agarwal, Cormode, Huang, Phillips, Wei, Yi (2012). Mergeable summaries. PODS.
doi:10.1145/2213556.2213562 (the merge keeps the bound).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import CorruptObject, SchemaError, UsageError
from headwater.core.schema import plain_type

__all__ = ["HeavyHitters"]

_FORM = b"heavy-hitters-1"


class HeavyHitters:
    """Counts of the most frequent values.

    Parameters
    ----------
    capacity : int, default 1024
        How many values are kept. No count is off by more than ``total / (capacity + 1)``.

    Notes
    -----
    A value that is kept has a count between ``lower`` and ``upper``; one that is not kept has a count of
    at most ``error``. When more than ``capacity`` values are there, ``error`` becomes the
    (capacity + 1)-th largest upper bound and values not above it are dropped: Misra and Gries's
    decrement for a whole batch at once. Nulls are not counted; every NaN is one value, and so are both
    zeros. Time is linear in the values given; group them before (``values``, ``counts``) where possible.

    Examples
    --------
    >>> import pyarrow as pa
    >>> summary = HeavyHitters()
    >>> summary.update(pa.array(["b", "a", "b", None]))
    >>> summary.top(1).to_pylist()
    [{'value': 'b', 'lower': 2, 'upper': 2}]
    """

    __slots__ = ("_rows", "capacity", "error", "total")

    def __init__(self, capacity: int = 1024) -> None:
        if capacity < 1:
            raise UsageError(f"capacity is {capacity}; give a whole number from 1 up.")
        self.capacity = capacity
        self.total = 0
        self.error = 0
        # One row a value: `held` is its count since it entered; `credit` is how much of `error` came after that.
        self._rows: pa.Table | None = None

    @property
    def is_exact(self) -> bool:
        """Whether all values are kept with their true counts."""
        return self.error == 0

    def __len__(self) -> int:
        return 0 if self._rows is None else int(self._rows.num_rows)

    def update(self, values: pa.Array | pa.ChunkedArray, counts: NDArray[np.int64] | None = None) -> None:
        """Add values.

        Parameters
        ----------
        values : pyarrow.Array or pyarrow.ChunkedArray
            Values of any type that Arrow can group. A value may come several times.
        counts : numpy.ndarray of int64, optional
            How often each value occurs, at least 0; once by default.
        """
        self._add(_count(values, counts), 0)

    def merge(self, other: HeavyHitters) -> None:
        """Take in the counts of ``other``, which stays as it is; errors add up."""
        if other._rows is not None:
            self._add(other._rows, other.error, total=other.total)
        else:
            self.total, self.error = self.total + other.total, self.error + other.error

    def subtract(self, values: pa.Array | pa.ChunkedArray, counts: NDArray[np.int64] | None = None) -> None:
        """Take away values that had been added; exact when the summary is, else bounds stay valid.

        Parameters
        ----------
        values : pyarrow.Array or pyarrow.ChunkedArray
            Values that had been added before.
        counts : numpy.ndarray of int64, optional
            How often to take each away; once by default.

        Raises
        ------
        UsageError
            If a value is taken away more often than it can have been added; the summary stays as it was.
        """
        gone = _count(values, counts)
        if gone.num_rows == 0:
            return
        mine = _empty(gone) if self._rows is None else self._rows
        signed = gone.set_column(1, "held", pc.negate(gone["held"]))
        both = _group(
            mine.append_column("kept", _full(mine.num_rows, 1)),
            signed.append_column("kept", _full(gone.num_rows, 0)),
        )
        held, credit = _numpy(both, "held"), _numpy(both, "credit")
        kept = _numpy(both, "kept") > 0
        upper = held + self.error - credit
        if (upper < 0).any() or pc.sum(gone["held"]).as_py() > self.total:
            worst = both["value"][int(np.argmin(upper))].as_py()
            raise UsageError(f"Cannot take away {worst!r} more often than it was added.", value=worst)
        keep = kept & (upper > 0)
        held = np.maximum(held, 0)
        table = _table(both["value"], held, self.error - (upper - held))
        self._rows = table.filter(pa.array(keep))
        self.total -= int(pc.sum(gone["held"]).as_py())

    def copy(self) -> HeavyHitters:
        """Return an independent copy."""
        other = HeavyHitters(self.capacity)
        other._rows, other.total, other.error = self._rows, self.total, self.error
        return other

    def top(self, k: int | None = None) -> pa.Table:
        """Return the values with the highest counts.

        Parameters
        ----------
        k : int, optional
            How many at most; all that are kept by default.

        Returns
        -------
        pyarrow.Table
            ``value``, ``lower`` and ``upper`` (the true count lies between them, both included), highest
            lower bound first, then by value.
        """
        if self._rows is None:
            return pa.table(
                {"value": pa.nulls(0), "lower": pa.array([], pa.int64()), "upper": pa.array([], pa.int64())}
            )
        held = _numpy(self._rows, "held")
        upper = held + self.error - _numpy(self._rows, "credit")
        table = pa.table({"value": self._rows["value"], "lower": held, "upper": upper})
        order = [("lower", "descending"), ("upper", "descending"), ("value", "ascending")]
        return table.take(pc.sort_indices(table, sort_keys=order)[: len(table) if k is None else k])

    def to_bytes(self) -> bytes:
        """Return the state as bytes: an Arrow IPC stream."""
        rows = (
            _table(pa.nulls(0), np.zeros(0, np.int64), np.zeros(0, np.int64))
            if self._rows is None
            else self._rows
        )
        numbers = f"{self.capacity},{self.total},{self.error},{int(self._rows is not None)}"
        rows = rows.combine_chunks().replace_schema_metadata({_FORM: numbers})
        sink = pa.BufferOutputStream()
        with pa.ipc.new_stream(
            sink, rows.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
        ) as writer:
            writer.write_table(rows)
        return bytes(sink.getvalue())

    @classmethod
    def from_bytes(cls, data: bytes) -> HeavyHitters:
        """Return the summary whose ``to_bytes`` gave ``data``.

        Raises
        ------
        CorruptObject
            If ``data`` is not such bytes.
        """
        try:
            with pa.ipc.open_stream(data) as reader:
                rows = reader.read_all()
            numbers = (rows.schema.metadata or {})[_FORM].decode().split(",")
            capacity, total, error, has_rows = (int(number) for number in numbers)
        except (pa.ArrowInvalid, OSError, KeyError, ValueError) as problem:
            raise CorruptObject(
                f"These {len(data)} bytes are not a heavy-hitters summary: {problem}."
            ) from problem
        summary = cls(capacity)
        summary.total, summary.error = total, error
        summary._rows = rows.replace_schema_metadata(None) if has_rows else None
        return summary

    def _add(self, rows: pa.Table, error: int, *, total: int | None = None) -> None:
        self.total += int(pc.sum(rows["held"]).as_py() or 0) if total is None else total
        self.error += error
        self._rows = rows if self._rows is None or len(self) == 0 else _group(self._rows, rows)
        if len(self) > self.capacity:
            self._prune()

    def _prune(self) -> None:
        assert self._rows is not None
        held, credit = _numpy(self._rows, "held"), _numpy(self._rows, "credit")
        upper = held + self.error - credit
        threshold = int(np.partition(upper, -self.capacity - 1)[-self.capacity - 1])
        raised = threshold - self.error
        keep = upper > threshold
        self._rows = _table(self._rows["value"], held, credit + raised).filter(pa.array(keep))
        self.error = threshold


def _count(values: pa.Array | pa.ChunkedArray, counts: NDArray[np.int64] | None) -> pa.Table:
    """Return the distinct values with their counts, nulls and zero counts left out."""
    values = values.cast(plain_type(values.type))
    if pa.types.is_floating(values.type):
        zero, nan = pa.scalar(0, values.type), pa.scalar(float("nan"), values.type)
        values = pc.if_else(pc.is_nan(values), nan, pc.if_else(pc.equal(values, zero), zero, values))
    if counts is None and not pa.types.is_floating(values.type):  # for floats Arrow's grouping is faster
        tally = values.value_counts()
        values, counts = tally.field("values"), np.asarray(tally.field("counts"))
    number = np.ones(len(values), np.int64) if counts is None else np.asarray(counts, np.int64)
    if number.shape != (len(values),) or (number < 0).any():
        raise UsageError(f"{len(values)} values need as many counts, each at least 0; got {number.size}.")
    wanted = pc.and_(pc.is_valid(values), pa.array(number > 0))
    table = _table(values, number, np.zeros(len(values), np.int64)).filter(wanted)
    return _group(table)


def _group(*tables: pa.Table) -> pa.Table:
    """Return one row a value, the other columns summed."""
    try:
        table = pa.concat_tables(tables, promote_options="permissive")
        sums = [(name, "sum") for name in table.column_names[1:]]
        grouped = table.group_by("value", use_threads=False).aggregate(sums)
    except (pa.ArrowTypeError, pa.ArrowNotImplementedError) as error:
        kinds = " and ".join(str(table["value"].type) for table in tables)
        raise SchemaError(f"Values of type {kinds} cannot be counted together: {error}.") from error
    return grouped.rename_columns(table.column_names)


def _table(
    values: pa.Array | pa.ChunkedArray, held: NDArray[np.int64], credit: NDArray[np.int64]
) -> pa.Table:
    return pa.table({"value": values, "held": held, "credit": credit})


def _empty(like: pa.Table) -> pa.Table:
    return like.slice(0, 0)


def _full(length: int, value: int) -> pa.Array:
    return pa.array(np.full(length, value, np.int64))


def _numpy(table: pa.Table, name: str) -> NDArray[np.int64]:
    return np.asarray(table[name].to_numpy(), np.int64)
