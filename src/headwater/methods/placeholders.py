"""Texts that people write where a value is missing, and how surely they mean it."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["PLACEHOLDERS", "is_placeholder", "placeholder_chance"]

# fmt: off
PLACEHOLDERS = frozenset({
    "?", "??", "???", "-", "--", "---", ".", "..", "/", "\\", "#", "*", "n/a", "na", "n.a.", "n.a", "n.d.",
    "#n/a", "#na", "#value!", "#null!", "#div/0!", "nan", "null", "(null)", "<null>", "nil", "none",
    "(none)", "<none>", "missing", "(missing)", "<missing>", "unknown", "(unknown)", "<unknown>",
    "undefined", "unspecified", "tbd", "tba", "xxx", "(blank)", "(empty)", "<empty>", "nodata",
    "not available", "not applicable", "no data", "not specified", "not known",
})
"""Texts, in lower case, that people write where a value is missing."""

_WORDS = frozenset({
    "na", "nan", "nil", "none", "missing", "unknown", "undefined", "unspecified", "xxx", "tbd", "tba",
    "not applicable", "not specified", "not known", "/", "*", ".", "..", "#", "-",
})
# fmt: on
_SURE = 0.95
_DOUBTFUL = 0.4


def is_placeholder(texts: pa.Array) -> pa.Array:
    """Return which texts stand for a missing value: those of `PLACEHOLDERS`, and those that are empty or blank."""
    bare = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    known = pa.array(["", *sorted(PLACEHOLDERS)])
    return pc.and_(texts.is_valid(), pc.is_in(bare, value_set=known))


def placeholder_chance(texts: pa.Array, *, among_numbers: bool) -> NDArray[np.float64]:
    """Return how probably each text stands for a missing value.

    Parameters
    ----------
    texts : pyarrow.Array of string
        Distinct values of a column.
    among_numbers : bool
        Whether the other values are numbers or times: there every placeholder is one. Among texts some are
        words like others ("none" may be an answer, "NA" Namibia), and get less than one half.

    Examples
    --------
    >>> placeholder_chance(pa.array(["N/A", "none", "red"]), among_numbers=False).tolist()
    [0.95, 0.4, 0.0]
    """
    lower = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    chance = np.zeros(len(texts))
    chance[np.asarray(pc.is_in(lower, pa.array(sorted(PLACEHOLDERS), lower.type)))] = _SURE
    if not among_numbers:
        chance[np.asarray(pc.is_in(lower, pa.array(sorted(_WORDS), lower.type)))] = _DOUBTFUL
    return chance
