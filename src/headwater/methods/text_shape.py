r"""The shapes of text values, such as ``Aa-9``, and the pattern that all values of a shape match.

A column has few shapes where values follow a format, and rare shapes are where they do not. The idea is that
of pattern profiling in Raman, Hellerstein (2001), Potter's Wheel, VLDB.
"""

from __future__ import annotations

import re

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type

__all__ = ["count_words", "pieces", "shape", "shape_pattern"]

_CLASSES = {"9": r"\p{N}", "A": r"\p{Lu}", "a": r"[\p{Ll}\p{Lt}\p{Lm}\p{Lo}\p{M}]", " ": r"\s"}


def shape(values: pa.Array | pa.ChunkedArray, *, collapse: bool = True, longest: int = 40) -> pa.Array:
    """Return the shape of each value: its digits as 9, capitals as A, other letters as a.

    Parameters
    ----------
    values : pyarrow.Array or pyarrow.ChunkedArray
        Strings.
    collapse : bool, default True
        Whether a run of one kind becomes one character.
    longest : int, default 40
        Longer shapes are cut there and end in an ellipsis.

    Returns
    -------
    pyarrow.Array
        Strings of the same length as ``values``; null where the value is. Other characters stand for
        themselves; every blank is a space.

    Notes
    -----
    Time is linear in characters: four passes of RE2 over the distinct values.

    Examples
    --------
    >>> import pyarrow as pa
    >>> shape(pa.array(["Ab-123", "ÉCOLE 7b", ""])).to_pylist()
    ['Aa-9', 'A 9a', '']
    >>> shape(pa.array(["2026-11-23"]), collapse=False).to_pylist()
    ['9999-99-99']
    """
    if longest < 1:
        raise UsageError(f"longest is {longest}; give at least 1.")
    column = values.cast(plain_type(values.type)).cast(pa.string())
    flat = (
        pa.concat_arrays(column.chunks or [pa.array([], pa.string())])
        if isinstance(column, pa.ChunkedArray)
        else column
    )
    encoded = flat.dictionary_encode()
    out = encoded.dictionary
    for sign, characters in _CLASSES.items():
        out = pc.replace_substring_regex(out, f"{characters}{'+' if collapse else ''}", sign)
    cut = pc.binary_join_element_wise(pc.utf8_slice_codeunits(out, 0, longest), "…", "")
    return pc.if_else(pc.greater(pc.utf8_length(out), longest), cut, out).take(encoded.indices)


def shape_pattern(of: str, *, collapsed: bool = True) -> str:
    r"""Return the RE2 pattern that the values of a shape match, and no others.

    Parameters
    ----------
    of : str
        A shape, not cut short.
    collapsed : bool, default True
        Whether it is a collapsed one.

    Returns
    -------
    str
        An anchored pattern.

    Examples
    --------
    >>> shape_pattern("Aa-9"), shape_pattern("99:99", collapsed=False)
    ('^\\p{Lu}+[\\p{Ll}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+\\-\\p{N}+$', '^\\p{N}{2}:\\p{N}{2}$')
    """
    parts = []
    for run in re.finditer(r"(.)\1*", of, re.DOTALL):
        sign, length = run[1], len(run[0])
        if sign not in _CLASSES:
            parts.append(re.escape(run[0]))
        elif collapsed:
            parts.append(f"{_CLASSES[sign]}+")
        else:
            parts.append(_CLASSES[sign] + (f"{{{length}}}" if length > 1 else ""))
    return f"^{''.join(parts)}$"


def count_words(values: pa.Array | pa.ChunkedArray) -> pa.Array | pa.ChunkedArray:
    """Return how many words, parted by blanks, each text has; null where it is null."""
    return pc.count_substring_regex(values, r"\S+")


def pieces(texts: pa.Array, *, shortest: int = 25) -> tuple[pa.Array, NDArray[np.int64]]:
    """Return the lines and sentences of texts that have several, each once a text.

    Parameters
    ----------
    texts : pyarrow.Array
        Strings.
    shortest : int, default 25
        Characters that a piece has at least; shorter ones come by chance.

    Returns
    -------
    tuple
        The pieces as strings, without blanks around them, and for each the position of its text.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found, owners = pieces(pa.array(["Fine. All rights reserved.", "Poor! All rights reserved."]), shortest=10)
    >>> found.to_pylist(), owners.tolist()
    (['All rights reserved.', 'All rights reserved.'], [0, 1])
    """
    long = np.flatnonzero(np.asarray(pc.fill_null(pc.utf8_length(texts), 0)) > shortest + 1)
    parted = pc.split_pattern_regex(texts.take(pa.array(long)).cast(pa.string()), r"[\r\n]+|[.!?]+\s+")
    found = pc.utf8_trim_whitespace(parted.flatten())
    owners = np.asarray(pc.list_parent_indices(parted), np.int64)
    several = np.asarray(pc.list_value_length(parted)) > 1
    kept = several[owners] & np.asarray(pc.greater_equal(pc.utf8_length(found), shortest))
    found, owners = found.filter(pa.array(kept)), owners[kept]
    # A piece that comes twice in one text counts once.
    encoded = found.dictionary_encode()
    pairs = owners * max(len(encoded.dictionary), 1) + np.asarray(encoded.indices, np.int64)
    first = np.sort(np.unique(pairs, return_index=True)[1])
    return found.take(pa.array(first)), long[owners[first]]
