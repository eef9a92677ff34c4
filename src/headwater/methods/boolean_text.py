"""Yes and no in several languages, as booleans."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError

__all__ = ["NO_WORDS", "YES_WORDS", "to_boolean"]

# fmt: off
YES_WORDS = (
    "true", "t", "yes", "y", "1", "1.0", "on", "ja", "j", "wahr", "oui", "o", "vrai", "si", "sí", "s", "sì",
    "verdadero", "vero", "sim", "verdadeiro", "waar", "tak", "да", "✓", "✔", "☑",
)
"""Words for true, in lower case: English, German, French, Spanish, Italian, Portuguese, Dutch, Polish, Russian."""

NO_WORDS = (
    "false", "f", "no", "n", "0", "0.0", "off", "nein", "falsch", "non", "faux", "falso", "não", "nao", "nee",
    "onwaar", "nie", "нет", "✗", "✘", "☐",
)
"""Words for false, in lower case."""
# fmt: on


def to_boolean(
    texts: pa.Array, *, true: Sequence[str] = YES_WORDS, false: Sequence[str] = NO_WORDS
) -> pa.Array:
    """Return texts as booleans, upper and lower case being alike; null where a text is neither.

    Raises
    ------
    UsageError
        If a word stands for both.

    Examples
    --------
    >>> to_boolean(pa.array(["Yes", "nein", "perhaps"])).to_pylist()
    [True, False, None]
    """
    yes, no = ([word.casefold().strip() for word in words] for words in (true, false))
    both = sorted(set(yes) & set(no))
    if both:
        raise UsageError(f"The word {both[0]!r} stands for true and for false. Name it once.")
    bare = pc.utf8_lower(pc.utf8_trim_whitespace(texts))
    is_yes, is_no = (pc.is_in(bare, value_set=pa.array(words, bare.type)) for words in (yes, no))
    return pc.if_else(pc.or_(is_yes, is_no), is_yes, pa.scalar(None, pa.bool_()))
