r"""Flaws of texts that come from how they were stored or cut, not from who wrote them.

Text that was written in UTF-8 and read as Windows-1252 or Latin-1 shows each letter beyond ASCII as two or more:
``cafÃ©`` for ``café``. Such pairs come from the bytes of UTF-8: a lead byte from C2 to F4, then bytes from 80 to BF.

References
----------
The Unicode Standard 15.0, section 3.9, table 3-7 (well-formed byte sequences of UTF-8).
WHATWG (2025). Encoding Standard, index windows-1252 (which letter stands for which byte).
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

__all__ = ["FLAWS", "GARBLED", "flawed"]

FLAWS = ("garbled", "replaced", "control", "unreadable", "empty")
"""Letters decoded wrongly; U+FFFD; control characters; any of these; and punctuation alone."""


def shown_as(first: int, last: int) -> str:
    """Return the letters that bytes ``first`` to ``last`` show as in Windows-1252 or Latin-1, for a character class."""
    letters = {bytes([byte]).decode("cp1252", "ignore") or chr(byte) for byte in range(first, last + 1)}
    letters |= {chr(byte) for byte in range(first, last + 1)}
    return "".join(sorted(letters))


_NEXT = f"[{shown_as(0x80, 0xBF)}]"
GARBLED = "|".join(
    [
        # Lead bytes of two that begin Latin, Greek, Cyrillic, Hebrew or Arabic letters; then of three and four.
        f"[{shown_as(0xC3, 0xC5)}{shown_as(0xCE, 0xD1)}{shown_as(0xD7, 0xDB)}]{_NEXT}",
        f"{shown_as(0xC2, 0xC2)}[{shown_as(0xA0, 0xBF)}]",
        f"[{shown_as(0xE0, 0xEF)}]{_NEXT}{{2}}",
        f"{shown_as(0xF0, 0xF0)}{_NEXT}{{3}}",
    ]
)
"""A regular expression (RE2) for letters that are bytes of UTF-8 read as Windows-1252 or Latin-1."""
# Those that turn the direction of writing are among them: what they hide is read by machines alone.
_CONTROL = (
    r"[\x00-\x08\x0B\x0C\x0E-\x1F\x7F\x{80}-\x{84}\x{86}-\x{9F}\x{FFFE}\x{FFFF}"
    r"\x{202A}-\x{202E}\x{2066}-\x{2069}]"
)
_SAYS_NOTHING = r"^[^\p{L}\p{N}\p{S}]*[^\p{L}\p{N}\p{S}\p{Z}\t\n\r][^\p{L}\p{N}\p{S}]*$"


def flawed(texts: pa.Array | pa.ChunkedArray) -> dict[str, NDArray[np.bool_]]:
    """Return which texts have each flaw.

    Parameters
    ----------
    texts : pyarrow.Array or pyarrow.ChunkedArray
        Strings; null has no flaw.

    Returns
    -------
    dict of str to numpy.ndarray of bool
        One mask for each of `FLAWS`. A text that is blank has none.

    Notes
    -----
    Time is linear in characters; texts of ASCII alone cannot be garbled, and are passed over.

    Examples
    --------
    >>> import pyarrow as pa
    >>> found = flawed(pa.array(["café", "cafÃ©", "?!", "donâ€™t"]))
    >>> found["garbled"].tolist(), found["empty"].tolist()
    ([False, True, False, True], [False, False, True, False])
    """
    plain = texts.cast(pa.string())
    beyond = pc.invert(pc.string_is_ascii(plain))
    found = {
        "garbled": _where(plain, beyond, GARBLED),
        "replaced": _where(plain, beyond, "\ufffd"),
        "control": _mask(pc.match_substring_regex(plain, _CONTROL)),
    }
    return {
        **found,
        "unreadable": np.logical_or.reduce(list(found.values())),
        "empty": _mask(pc.match_substring_regex(plain, _SAYS_NOTHING)),
    }


def _where(texts: pa.Array, among: pa.Array, pattern: str) -> NDArray[np.bool_]:
    """Return which of some texts match."""
    out = np.zeros(len(texts), np.bool_)
    places = np.flatnonzero(_mask(among))
    if len(places):
        out[places] = _mask(pc.match_substring_regex(texts.take(pa.array(places)), pattern))
    return out


def _mask(answer: pa.Array | pa.ChunkedArray) -> NDArray[np.bool_]:
    return np.asarray(pc.fill_null(answer, False).to_numpy(zero_copy_only=False), np.bool_)
