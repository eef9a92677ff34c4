"""Hide personal values: redact, mask in part, or replace by keyed pseudonyms; each distinct value once.

A pseudonym is personal data still for whoever holds the key (GDPR, recital 26); a plain hash without a key
can be undone by trying out all phone numbers, which is why there is none here.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Callable, Sequence
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type

__all__ = ["MASKED", "mask_part", "mask_spans", "pseudonymise", "redact"]

MASKED = "masked"
"""The tag of a column that says how it was masked; of such a column the name says nothing any more."""

Values: TypeAlias = pa.Array | pa.ChunkedArray


def redact(values: Values, *, replacement: str | None = "[redacted]") -> pa.Array:
    """Replace every value by the same text.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        Values of any type.
    replacement : str or None
        What stands in their place; None makes them null.

    Returns
    -------
    pyarrow.Array
        Strings; nulls stay null.
    """
    return pc.if_else(
        _flat(values).is_valid(), pa.scalar(replacement, pa.string()), pa.scalar(None, pa.string())
    )


def pseudonymise(values: Values, *, key: bytes, domain: str = "", length: int = 16) -> pa.Array:
    """Replace every value by a keyed pseudonym: equal values get equal ones, and only the key links them.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        Values that have a text form (strings, numbers, dates, bytes).
    key : bytes
        A secret of at least 16 bytes.
    domain : str, optional
        Makes pseudonyms of different domains unlinkable, such as the name of a column; columns that are
        to be joined share one.
    length : int, default 16
        Hexadecimal digits, from 8 to 64. Two of n distinct values collide with a probability of about
        n^2 / 2^(4 length + 1).

    Returns
    -------
    pyarrow.Array
        Strings; nulls stay null.

    References
    ----------
    Krawczyk, Bellare, Canetti (1997). HMAC: keyed-hashing for message authentication. RFC 2104.
    """
    if len(key) < 16:
        raise UsageError(f"The key for pseudonyms has {len(key)} bytes; use at least 16 random ones.")
    if not 8 <= length <= 64:
        raise UsageError(f"length is {length}; pseudonyms have 8 to 64 hexadecimal digits.")
    inner = hmac.new(key, f"{len(domain.encode())}:{domain}:".encode(), hashlib.sha256)

    def replace(distinct: pa.Array) -> pa.Array:
        return pa.array([_digest(inner, text)[:length] for text in distinct.to_pylist()], pa.string())

    return _once_each(values, replace)


def mask_part(values: Values, *, keep_start: int = 0, keep_end: int = 4, mask: str = "*") -> pa.Array:
    """Replace the letters and digits of every value but those at its ends; separators stay.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        Values that have a text form.
    keep_start, keep_end : int
        How many characters to keep, at least 0. A value that is no longer than both together is masked
        whole.
    mask : str, default "*"
        One character.

    Returns
    -------
    pyarrow.Array
        Strings; nulls stay null.

    Examples
    --------
    >>> import pyarrow as pa
    >>> mask_part(pa.array(["4111-1111-1111-1234", "42"])).to_pylist()
    ['****-****-****-1234', '**']
    """
    if keep_start < 0 or keep_end < 0 or len(mask) != 1:
        raise UsageError("keep_start and keep_end must not be negative, and mask is one character.")

    def replace(distinct: pa.Array) -> pa.Array:
        length = pc.utf8_length(distinct)
        short = pc.less_equal(length, keep_start + keep_end)
        start = pc.utf8_slice_codeunits(distinct, 0, keep_start)
        rest = pc.utf8_slice_codeunits(distinct, keep_start)
        end = pc.utf8_slice_codeunits(rest, -keep_end) if keep_end else pc.utf8_slice_codeunits(rest, 0, 0)
        middle = pc.utf8_slice_codeunits(rest, 0, -keep_end) if keep_end else rest
        parted = pc.binary_join_element_wise(start, _stars(middle, mask), end, "")
        return pc.if_else(short, _stars(distinct, mask), parted)

    return _once_each(values, replace)


def mask_spans(texts: Values, spans: pa.Table, replacements: Sequence[str] | None = None) -> pa.Array:
    """Replace parts of texts.

    Parameters
    ----------
    texts : pyarrow.Array or pyarrow.ChunkedArray
        Strings.
    spans : pyarrow.Table
        ``row``, ``start``, ``end`` and ``kind``, sorted and without overlaps: what ``pii.find_spans``
        returns.
    replacements : sequence of str, optional
        What stands in the place of each span; by default its kind, as ``<email>``.

    Returns
    -------
    pyarrow.Array
        Strings; texts without a span are as they were.
    """
    flat = _flat(texts).cast(pa.string())
    news = [f"<{kind}>" for kind in spans["kind"].to_pylist()] if replacements is None else list(replacements)
    if len(news) != spans.num_rows:
        raise UsageError(f"{spans.num_rows} spans need as many replacements; got {len(news)}.")
    if not news:
        return flat
    rows, start, end = (spans[name].to_numpy() for name in ("row", "start", "end"))
    touched, first = np.unique(rows, return_index=True)
    last = np.append(first[1:], rows.size)
    masked = []
    for text, low, high in zip(
        flat.take(pa.array(touched)).to_pylist(), first.tolist(), last.tolist(), strict=True
    ):
        parts, done = [], 0
        for i in range(low, high):
            parts += [text[done : start[i]], news[i]]
            done = int(end[i])
        masked.append("".join([*parts, text[done:]]))
    is_touched = np.zeros(len(flat), np.bool_)
    is_touched[touched] = True
    return pc.replace_with_mask(flat, pa.array(is_touched), pa.array(masked, pa.string()))


def _digest(inner: hmac.HMAC, text: str) -> str:
    state = inner.copy()
    state.update(text.encode())
    return state.hexdigest()


def _stars(texts: pa.Array, mask: str) -> pa.Array:
    return pc.replace_substring_regex(texts, r"[\pL\pN\pM\pS]", mask.replace("\\", "\\\\"))


def _once_each(values: Values, replace: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply a function to the distinct values, as strings, and put its results back in place."""
    encoded = _flat(values).cast(pa.string()).dictionary_encode()
    return replace(encoded.dictionary).take(encoded.indices)


def _flat(values: Values) -> pa.Array:
    plain = values.cast(plain_type(values.type))
    if isinstance(plain, pa.ChunkedArray):
        plain = plain.combine_chunks()
    return pa.concat_arrays(plain.chunks) if isinstance(plain, pa.ChunkedArray) else plain
