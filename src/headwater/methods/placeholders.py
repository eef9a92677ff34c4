"""Texts that people write where a value is missing."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

__all__ = ["PLACEHOLDERS", "is_placeholder"]

# fmt: off
PLACEHOLDERS = frozenset({
    "?", "??", "???", "-", "--", "---", ".", "..", "/", "\\", "#", "*", "n/a", "na", "n.a.", "n.a", "n.d.",
    "#n/a", "#na", "#value!", "#null!", "#div/0!", "nan", "null", "(null)", "<null>", "nil", "none",
    "(none)", "<none>", "missing", "(missing)", "<missing>", "unknown", "(unknown)", "<unknown>",
    "undefined", "unspecified", "tbd", "tba", "xxx", "(blank)", "(empty)", "<empty>", "nodata",
    "not available", "not applicable", "no data", "not specified", "not known",
})
# fmt: on
"""Texts, in lower case, that people write where a value is missing."""


def is_placeholder(texts: pa.Array) -> pa.Array:
    """Return which texts stand for a missing value: those of `PLACEHOLDERS`, and those that are empty or blank."""
    bare = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    known = pa.array(["", *sorted(PLACEHOLDERS)])
    return pc.and_(texts.is_valid(), pc.is_in(bare, value_set=known))
