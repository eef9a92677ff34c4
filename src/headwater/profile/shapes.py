"""What texts look like: digits as 9, letters as a and A, the rest as it is; and which formats they follow."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.profile.base import Measure
from headwater.profile.batch import Batch
from headwater.profile.codec import decode, encode
from headwater.profile.columns import require_kind

__all__ = ["FORMATS", "Shape", "Shapes", "ShapesState", "shapes_of"]

LONGEST = 64
"""Characters up to which a text has a shape; what is longer is prose."""
_SAMPLED = 8192
_KEPT = 256

FORMATS: Mapping[str, str] = {
    "integer": r"[-+]?\d+",
    "number": r"[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:[eE][-+]?\d+)?",
    "date": r"\d{4}[-/]\d{1,2}[-/]\d{1,2}|\d{1,2}[./-]\d{1,2}[./-]\d{4}",
    "time": r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?:Z|[+-]\d{2}:?\d{2})?|\d{1,2}:\d{2}(?::\d{2})?",
    "email": r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}",
    "URL": r"(?:https?|ftp|s3)://\S+",
    "UUID": r"[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}",
    "IP address": r"\d{1,3}(?:\.\d{1,3}){3}",
    "percentage": r"[-+]?\d+(?:[.,]\d+)?\s?%",
    "amount of money": r"[$€£¥]\s?\d[\d.,]*|\d[\d.,]*\s?[$€£¥]",
    "phone number": r"\+?\(?\d[\d\s().-]{7,}\d",
}
"""Formats by name, each a regular expression for the whole text; the first that fits counts."""

_LONG = "(long text)"
_CLASSES = np.arange(256, dtype=np.uint8)
_CLASSES[ord("0") : ord("9") + 1] = ord("9")
_CLASSES[ord("a") : ord("z") + 1] = ord("a")
_CLASSES[ord("A") : ord("Z") + 1] = ord("A")
_CLASSES[[9, 10, 11, 12, 13]] = ord(" ")
_CLASSES[128:] = ord("a")


@dataclass(frozen=True, slots=True)
class Shape:
    """One shape: how many values have it, and one of them."""

    shape: str
    count: int
    example: str


@dataclass(frozen=True, slots=True)
class ShapesState:
    """The most frequent shapes of the values seen, of which there may be fewer than rows.

    Parameters
    ----------
    shapes : dict of str to (int, str)
        Count and example by shape.
    seen : int
        Values that were looked at, repetitions counted.
    """

    shapes: Mapping[str, tuple[int, str]]
    seen: int
    stale_rows: int = 0

    def top(self, number: int | None = None) -> list[Shape]:
        """Return the most frequent shapes."""
        ordered = sorted(self.shapes.items(), key=lambda item: (-item[1][0], item[0]))
        return [Shape(shape, count, example) for shape, (count, example) in ordered[:number]]

    def formats(self) -> dict[str, float]:
        """Return the share of values that follow each known format, judged by one example a shape."""
        counts: dict[str, int] = {}
        for count, example in self.shapes.values():
            name = next((name for name, rule in FORMATS.items() if re.fullmatch(rule, example.strip())), None)
            if name is not None:
                counts[name] = counts.get(name, 0) + count
        ordered = sorted(counts.items(), key=lambda item: -item[1])
        return {name: count / self.seen for name, count in ordered}

    def merge(self, other: Self) -> Self:
        """Return the shapes of both sets of values."""
        both = dict(self.shapes)
        for shape, (count, example) in other.shapes.items():
            before = both.get(shape, (0, example))
            both[shape] = (before[0] + count, min(before[1], example))
        return replace(
            self,
            shapes=_most(both),
            seen=self.seen + other.seen,
            stale_rows=self.stale_rows + other.stale_rows,
        )

    def subtract(self, part: Self) -> Self:
        """Not offered: the shapes are those of a sample."""
        raise NotImplementedError("shapes are measured again, not subtracted: use aged()")

    def aged(self, rows: int) -> Self:
        """Return the same shapes with ``rows`` more rows gone."""
        return replace(self, stale_rows=self.stale_rows + rows)

    def to_bytes(self) -> bytes:
        """Return a binary form."""
        shapes = [[shape, count, example] for shape, (count, example) in self.shapes.items()]
        return encode("shapes", 1, {"shapes": shapes, "seen": self.seen, "stale": self.stale_rows})

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Read the form that `to_bytes` gives."""
        fields = decode("shapes", 1, data)
        shapes = {shape: (count, example) for shape, count, example in fields["shapes"]}
        return cls(shapes, fields["seen"], fields["stale"])


@dataclass(frozen=True, kw_only=True)
class Shapes(Measure[ShapesState]):
    """The shapes of a text column, from up to 8,192 distinct values a chunk."""

    id: ClassVar[str] = "column.shapes"
    version: ClassVar[int] = 1
    invertible: ClassVar[bool] = False

    column: str

    @property
    def columns(self) -> tuple[str, ...]:
        """The column."""
        return (self.column,)

    def validate(self, schema: pa.Schema) -> None:
        """Require a text column."""
        require_kind(schema, self.column, "a shape", text=True)

    def measure(self, batch: Batch, values: Mapping[str, Any]) -> ShapesState:
        """Classify."""
        counted = batch.value_counts(self.column)
        texts, counts = counted.values, counted.counts
        if len(texts) > _SAMPLED:
            # The same ones whatever the order of the rows: those with the smallest hashes.
            chosen = np.sort(np.argpartition(batch.value_hashes(self.column), _SAMPLED)[:_SAMPLED])
            texts, counts = texts.take(pa.array(chosen)), counts[chosen]
        if len(texts) == 0:
            return ShapesState({}, 0)
        return ShapesState(_most(_grouped(texts, counts)), int(counts.sum()))

    def load(self, data: bytes) -> ShapesState:
        """Read a state."""
        return ShapesState.from_bytes(data)


def shapes_of(texts: pa.Array) -> pa.Array:
    """Return the shape of each text, a run of letters shortened to one.

    Examples
    --------
    >>> shapes_of(pa.array(["AB-1234", "jo@x.org", "Jo Smith"])).to_pylist()
    ['A-9999', 'a@a.a', 'Aa Aa']
    """
    array = texts.cast(pa.large_string())
    _, offsets_buffer, data = array.buffers()
    offsets = np.frombuffer(offsets_buffer, np.int64)[array.offset :][: len(array) + 1]
    if data is None or offsets[-1] == offsets[0]:
        return array
    classes = _CLASSES[np.frombuffer(data, np.uint8)[offsets[0] : offsets[-1]]]
    offsets = offsets - offsets[0]
    letter = (classes == ord("a")) | (classes == ord("A"))
    starts = np.zeros(len(classes) + 1, np.bool_)
    starts[offsets] = True
    keep = ~letter | starts[:-1]
    keep[1:] |= classes[1:] != classes[:-1]
    running = np.concatenate([[0], np.cumsum(keep)])
    shortened = running[offsets].astype(np.int64)
    buffers = [None, pa.py_buffer(shortened), pa.py_buffer(classes[keep])]
    return pa.Array.from_buffers(pa.large_string(), len(array), buffers)


def _grouped(texts: pa.Array, counts: NDArray[np.int64]) -> dict[str, tuple[int, str]]:
    short = np.asarray(pc.less_equal(pc.utf8_length(texts), LONGEST))
    out: dict[str, tuple[int, str]] = {}
    if not short.all():
        prose = texts.filter(pa.array(~short))
        out[_LONG] = (int(counts[~short].sum()), pc.min(prose).as_py()[: LONGEST * 2])
        texts, counts = texts.filter(pa.array(short)), counts[short]
    if len(texts):
        table = pa.table({"shape": shapes_of(texts), "text": texts, "count": counts})
        grouped = table.group_by("shape", use_threads=False).aggregate([("count", "sum"), ("text", "min")])
        columns = (grouped[name].to_pylist() for name in ("shape", "count_sum", "text_min"))
        out.update((shape, (count, text)) for shape, count, text in zip(*columns, strict=True))
    return out


def _most(shapes: dict[str, tuple[int, str]]) -> dict[str, tuple[int, str]]:
    ordered = sorted(shapes.items(), key=lambda item: (-item[1][0], item[0]))
    return dict(ordered[:_KEPT])
