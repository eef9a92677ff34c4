"""Find personal data by its form: in texts, with the place of each find, and in columns.

Patterns find what has a form (mail addresses, card and phone numbers, ...). Names of people and places
have none, and need a language model: patterns alone find a small part of the personal data in free text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import NotFound
from headwater.core.schema import plain_type
from headwater.methods.pii_kinds import KINDS, Kind, classify_name

__all__ = ["Detection", "classify_name", "detect", "find_spans"]

I64 = NDArray[np.int64]

_SCHEMA = pa.schema(
    {"row": pa.int64(), "start": pa.int64(), "end": pa.int64(), "kind": pa.string(), "value": pa.string()}
)
_BEFORE, _AFTER = 60, 25
_MANY = 30
_GAP = "\x00"


@dataclass(frozen=True)
class Detection:
    """Personal data of one kind in one column.

    Parameters
    ----------
    kind : str
        What it is, such as ``"email"``.
    basis : {"values", "name"}
        Whether values have the form, or only the column's name says so.
    count : int
        Rows that hold it.
    fraction : float
        Of the rows that are not null.
    rows : numpy.ndarray of int64
        Their positions, rising.
    """

    kind: str
    basis: Literal["values", "name"]
    count: int
    fraction: float
    rows: I64


def find_spans(
    texts: pa.Array | pa.ChunkedArray, *, kinds: Iterable[str] | None = None, assume: Iterable[str] = ()
) -> pa.Table:
    """Return where personal data stands in texts.

    Parameters
    ----------
    texts : pyarrow.Array or pyarrow.ChunkedArray
        Strings.
    kinds : iterable of str, optional
        Which kinds to look for; all by default.
    assume : iterable of str, optional
        Kinds that need no word near them to be believed, because something else says what they are.

    Returns
    -------
    pyarrow.Table
        ``row`` (position in ``texts``), ``start`` and ``end`` (in characters, end excluded), ``kind``,
        ``value``. Spans do not overlap: the kind that is checked harder wins, in the order of ``KINDS``.

    Notes
    -----
    Time is linear in the characters of the texts that a cheap RE2 pattern lets through; each pattern runs
    once over all of these joined, and checksums run on candidates only.
    """
    column = _strings(texts)
    known = [kind.id for kind in KINDS]
    for kind_id in (*(kinds or ()), *assume):
        if kind_id not in known:
            raise NotFound.among("kind", kind_id, known, where="kinds of personal data with a form")
    wanted = set(known if kinds is None else kinds)
    parts = [_find_kind(column, kind, kind.id in set(assume)) for kind in KINDS if kind.id in wanted]
    return _without_overlaps(pa.concat_tables([_SCHEMA.empty_table(), *parts]), known)


def detect(
    values: pa.Array | pa.ChunkedArray, *, name: str = "", kinds: Iterable[str] | None = None
) -> list[Detection]:
    """Return the kinds of personal data in one column, most rows first.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        Strings or whole numbers; of other types only the name counts.
    name : str, optional
        The column's name.
    kinds : iterable of str, optional
        Which kinds to look for; all by default.

    Returns
    -------
    list of Detection
        A kind with a check digit counts only when more of the values of its form pass than chance would
        let pass (1 in 10 for Luhn). Kinds that only the name gives have all rows that are not null.

    Notes
    -----
    Each distinct value is looked at once.
    """
    called = classify_name(name)
    named = set() if called is None else {called}
    if kinds is not None:
        named &= set(kinds)
    present = len(values) - values.null_count
    if present == 0:
        return []
    found: list[Detection] = []
    if _has_text(values.type):
        encoded = _strings(values).combine_chunks().dictionary_encode()
        if isinstance(encoded, pa.ChunkedArray):
            encoded = encoded.combine_chunks()
        forms = {kind.id for kind in KINDS}
        looked_for = forms if kinds is None else forms & set(kinds)
        if not _is_text(values.type):
            looked_for &= named | {"credit_card"}
        distinct = encoded.dictionary
        spans = find_spans(distinct, kinds=looked_for, assume=forms & named)
        indices = np.asarray(pc.fill_null(encoded.indices, -1))
        for kind in KINDS:
            hits = np.unique(spans.filter(pc.equal(spans["kind"], kind.id))["row"].to_numpy())
            if hits.size == 0 or (kind.id not in named and _by_chance(distinct, kind, hits.size)):
                continue
            rows = np.flatnonzero(np.isin(indices, hits))
            if kind.id in named and rows.size < present / 2:
                continue  # the name covers the rows whose form is unusual too
            found.append(Detection(kind.id, "values", rows.size, rows.size / present, rows))
    for kind_id in named:
        if kind_id not in {detection.kind for detection in found}:
            rows = np.flatnonzero(np.asarray(pc.is_valid(values)))
            found.append(Detection(kind_id, "name", rows.size, rows.size / present, rows))
    return sorted(found, key=lambda detection: -detection.count)


def _find_kind(column: pa.ChunkedArray, kind: Kind, assumed: bool) -> pa.Table:
    found = [_SCHEMA.empty_table()]
    if kind.strict is not None:
        found.append(_search(column, _matching(column, kind.prefilter), kind, kind.strict, None))
    if kind.loose is not None and assumed:
        found.append(_search(column, _matching(column, "[0-9]"), kind, kind.loose, None))
    elif kind.loose is not None and kind.context is not None:
        near = _matching(column, f"(?i){kind.context.pattern}") & _matching(column, "[0-9][^a-zA-Z]{5,}[0-9]")
        found.append(_search(column, near, kind, kind.loose, kind.context))
    return pa.concat_tables(found)


def _matching(column: pa.ChunkedArray, pattern: str) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(pc.match_substring_regex(column, pattern), False), np.bool_)


def _search(
    column: pa.ChunkedArray,
    wanted: NDArray[np.bool_],
    kind: Kind,
    pattern: re.Pattern[str],
    context: re.Pattern[str] | None,
) -> pa.Table:
    candidates = np.flatnonzero(wanted)
    if candidates.size == 0:
        return _SCHEMA.empty_table()
    texts = column.take(pa.array(candidates)).to_pylist()
    joined = _GAP.join(texts)
    spans = [match.span() for match in pattern.finditer(joined)]
    if context is not None:
        spans = [span for span in spans if _is_meant(joined, *span, context)]
    values = [joined[start:end] for start, end in spans]
    if kind.check is not None and values:
        valid = kind.check(values)
        spans = [span for span, ok in zip(spans, valid, strict=True) if ok]
        values = [value for value, ok in zip(values, valid, strict=True) if ok]
    starts = np.cumsum([0] + [len(text) + 1 for text in texts[:-1]])
    begin, end = np.array(spans, np.int64).reshape(-1, 2).T
    owner = np.searchsorted(starts, begin, side="right") - 1
    columns = [candidates[owner], begin - starts[owner], end - starts[owner], pa.repeat(kind.id, begin.size)]
    return pa.table([*columns, pa.array(values, pa.string())], schema=_SCHEMA)


def _is_meant(joined: str, start: int, end: int, context: re.Pattern[str]) -> bool:
    """Return whether a word within the same text, near the span, says what it is."""
    before = joined[max(0, start - _BEFORE) : start].rpartition(_GAP)[2]
    after = joined[end : end + _AFTER].partition(_GAP)[0]
    return context.search(before) is not None or context.search(after) is not None


def _without_overlaps(spans: pa.Table, order: list[str]) -> pa.Table:
    """Drop spans that overlap one of an earlier kind, or an earlier or longer one of their own."""
    spans = spans.sort_by([("row", "ascending"), ("start", "ascending")])
    row, start, end = (spans[name].to_numpy() for name in ("row", "start", "end"))
    stride = int(end.max(initial=0)) + 1
    reach = np.maximum.accumulate(row * stride + end)
    contested = np.unique(row[1:][(row * stride + start)[1:] < reach[:-1]])
    rank = np.asarray(pc.index_in(spans["kind"], value_set=pa.array(order)))
    keep = np.ones(row.size, np.bool_)
    for owner in contested.tolist():
        first, last = np.searchsorted(row, [owner, owner + 1])
        places = first + np.lexsort(((start - end)[first:last], start[first:last], rank[first:last]))
        taken: list[int] = []
        for i in places.tolist():
            keep[i] = all(end[i] <= start[j] or end[j] <= start[i] for j in taken)
            taken += [i] if keep[i] else []
    return spans.filter(pa.array(keep))


def _by_chance(distinct: pa.Array, kind: Kind, valid: int) -> bool:
    """Return whether no more of many values pass the check than random ones of the form would."""
    if kind.chance == 0:
        return False
    tried = int(pc.sum(pc.match_substring_regex(distinct, kind.prefilter)).as_py() or 0)
    return tried >= _MANY and kind.is_chance(valid, tried)


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(plain_type(kind)))


def _has_text(kind: pa.DataType) -> bool:
    return _is_text(kind) or pa.types.is_integer(plain_type(kind))


def _strings(values: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    chunks = values.chunks if isinstance(values, pa.ChunkedArray) else [values]
    plain = [chunk.cast(plain_type(chunk.type)).cast(pa.string()) for chunk in chunks]
    return pa.chunked_array(plain, pa.string())
