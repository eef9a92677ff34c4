"""Mend texts: wrong encodings undone, one Unicode form, no markup or control characters, plain quotes, single blanks.

References
----------
Unicode Standard Annex 15 (normalisation forms). HTML Living Standard, section 13.5 (named character references).
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass
from typing import Literal, get_args

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import UsageError, require_choice
from headwater.core.extras import require
from headwater.methods.text_flaws import shown_as

__all__ = ["Case", "Encoding", "Mending", "UnicodeForm", "ascii_folded", "mend_texts", "undo_double_encoding"]

Encoding = Literal["", "double", "ftfy"]
UnicodeForm = Literal["", "NFC", "NFKC", "NFD", "NFKD"]
Case = Literal["", "lower", "upper", "title", "sentence"]

_MOST_ROUNDS = 8
_QUOTES = {
    "[\u2018\u2019\u201a\u201b\u02bc\u2032]": "'",
    "[\u201c\u201d\u201e\u201f\u00ab\u00bb\u2033]": '"',
    "[\u2010\u2011\u2012\u2013\u2014\u2212]": "-",
    "\u2026": "...",
}
# Letters of scripts that join need the zero width joiners, and emoji need the variation selector.
_CONTROLS = (
    "[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f\u0080-\u009f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060"
    "\u2066-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff]"
)
_TAG = r"</?[A-Za-z][A-Za-z0-9:-]*(?:\s[^<>]*)?/?>|<!--.*?-->|<![A-Za-z][^<>]*>"
_BREAKS = r"(?i)<(?:br|/p|/div|/li|/tr|/h[1-6])\s*/?>"
# UTF-8 bytes of two and more read as Windows-1252: a lead byte, then bytes of 0x80 to 0xbf.
_FIRST, _REST = shown_as(0xC2, 0xF4), shown_as(0x80, 0xBF)
_SUSPECT = f"[{_FIRST}][{_REST}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Mending:
    """What is done to texts, in this order, over and over until nothing changes.

    Parameters
    ----------
    html : bool
        Take tags out and resolve entities: ``&eacute;`` is ``é``. A tag that ends a line becomes a line break.
    encoding : {"", "double", "ftfy"}
        Undo UTF-8 that was read as Windows-1252 or Latin-1: ``cafÃ©`` is ``café``. ``ftfy`` does so with the library
        of that name, which knows many more encodings.
    unicode : {"", "NFC", "NFKC", "NFD", "NFKD"}
        The normalisation form. NFC writes ``é`` as one character; NFKC also makes ``ﬁ`` into ``fi``.
    control : bool
        Take control characters and invisible marks out, other than line breaks and tabs.
    quotes : bool
        Write curly quotes, dashes and ellipses in ASCII.
    spaces : {"", "trim", "collapse", "one_line"}
        Take white space off the ends; also make each run of blanks one blank, and keep line breaks; or make each run
        of any white space one blank.
    case : {"", "lower", "upper", "title", "sentence"}
        Change upper and lower case.
    """

    html: bool = False
    encoding: Encoding = ""
    unicode: UnicodeForm = ""
    control: bool = False
    quotes: bool = False
    spaces: Literal["", "trim", "collapse", "one_line"] = ""
    case: Case = ""

    def __post_init__(self) -> None:
        require_choice("encoding", self.encoding, get_args(Encoding))
        require_choice("unicode", self.unicode, get_args(UnicodeForm))
        require_choice("spaces", self.spaces, ("", "trim", "collapse", "one_line"))
        require_choice("case", self.case, get_args(Case))
        if not any(
            (self.html, self.encoding, self.unicode, self.control, self.quotes, self.spaces, self.case)
        ):
            raise UsageError(
                "There is nothing to mend: give html, encoding, unicode, control, quotes, spaces or case."
            )


def mend_texts(texts: pa.Array, mending: Mending) -> pa.Array:
    """Return texts mended; mending them again changes nothing.

    Examples
    --------
    >>> mend_texts(pa.array(["cafÃ©  &amp; bar"]), Mending(html=True, encoding="double", spaces="trim")).to_pylist()
    ['café  & bar']
    """
    mended = texts
    moving = pa.array(range(len(texts)), pa.int64())
    for _ in range(_MOST_ROUNDS):
        before = mended.take(moving)
        after = _once(before, mending)
        changed = pc.fill_null(pc.not_equal(before, after), False)
        moving = moving.filter(changed)
        if not len(moving):
            return mended
        mask = pc.is_in(pa.array(range(len(texts)), pa.int64()), value_set=moving)
        mended = pc.replace_with_mask(mended, mask, after.filter(changed))
    # What has not come to rest after so many rounds is left as it was.
    mask = pc.is_in(pa.array(range(len(texts)), pa.int64()), value_set=moving)
    return pc.replace_with_mask(mended, mask, texts.take(moving))


def undo_double_encoding(text: str) -> str:
    """Return text with UTF-8 that was read as Windows-1252 or Latin-1 read as UTF-8, where that makes sense.

    Only runs of characters that are UTF-8 as a whole are changed, so that ``Ã`` in a Portuguese word stays.

    Examples
    --------
    >>> undo_double_encoding("naÃ¯ve â€“ SÃO")
    'naïve – SÃO'
    """
    for _ in range(_MOST_ROUNDS):
        fixed = _RUN.sub(_decoded, text)
        if fixed == text:
            return text
        text = fixed
    return text


_RUN = re.compile(f"[{_FIRST}{_REST}]{{2,}}")


def _decoded(match: re.Match[str]) -> str:
    run = match.group()
    try:
        return bytes(_byte(letter) for letter in run).decode("utf-8")
    except UnicodeDecodeError:
        # Within the run, characters of two to four bytes stand among others.
        return _PIECE.sub(_piece, run)


def _piece(match: re.Match[str]) -> str:
    try:
        return bytes(_byte(letter) for letter in match.group()).decode("utf-8")
    except UnicodeDecodeError:
        return match.group()


_PIECE = re.compile(f"[\u00c2-\u00df][{_REST}]|[\u00e0-\u00ef][{_REST}]{{2}}|[\u00f0-\u00f4][{_REST}]{{3}}")


def _byte(letter: str) -> int:
    try:
        return letter.encode("cp1252")[0]
    except UnicodeEncodeError:
        return ord(letter)


def _once(texts: pa.Array, mending: Mending) -> pa.Array:
    if mending.html:
        texts = pc.replace_substring_regex(texts, _BREAKS, "\n")
        texts = pc.replace_substring_regex(texts, _TAG, "")
        texts = _each(texts, "&[#A-Za-z0-9]+;", html.unescape)
    if mending.encoding == "double":
        texts = _each(texts, _SUSPECT, undo_double_encoding)
    elif mending.encoding == "ftfy":
        ftfy = require("ftfy", extra="clean", purpose="The encoding 'ftfy'")
        texts = _each(texts, "[^\u0001-\u007f]", ftfy.fix_encoding)
    if mending.unicode:
        texts = pc.utf8_normalize(texts, form=mending.unicode)
    if mending.control:
        texts = pc.replace_substring_regex(texts, _CONTROLS, "")
    if mending.quotes:
        for pattern, plain in _QUOTES.items():
            texts = pc.replace_substring_regex(texts, pattern, plain)
    if mending.spaces in ("collapse", "one_line"):
        if mending.spaces == "collapse":
            texts = pc.replace_substring_regex(texts, r"\r\n?", "\n")
        white = r"[\s\v\p{Z}]+" if mending.spaces == "one_line" else r"[\t\p{Zs}]+"
        texts = pc.replace_substring_regex(texts, white, " ")
    if mending.spaces:
        texts = pc.utf8_trim_whitespace(texts)
    if mending.case:
        texts = _CASES[mending.case](texts)
    return texts


def _each(texts: pa.Array, pattern: str, function: object) -> pa.Array:
    """Apply a function of one text to those that hold the pattern."""
    mask = pc.fill_null(pc.match_substring_regex(texts, pattern), False)
    if not pc.any(mask).as_py():
        return texts
    done = [function(text) for text in texts.filter(mask).to_pylist()]  # type: ignore[operator]
    return pc.replace_with_mask(texts, mask, pa.array(done, texts.type))


def _sentence(texts: pa.Array) -> pa.Array:
    return pc.utf8_capitalize(texts)


_CASES = {"lower": pc.utf8_lower, "upper": pc.utf8_upper, "title": pc.utf8_title, "sentence": _sentence}


def ascii_folded(text: str) -> str:
    """Return text without accents: letters with marks lose them, and a few others become their usual spelling.

    Examples
    --------
    >>> ascii_folded("Straße in Ærø, Łódź")
    'Strasse in AEro, Lodz'
    """
    plain = unicodedata.normalize("NFKD", text)
    bare = "".join(letter for letter in plain if not unicodedata.combining(letter))
    return bare.translate(_LETTERS)


_LETTERS = str.maketrans(
    {
        "ß": "ss", "Æ": "AE", "æ": "ae", "Œ": "OE", "œ": "oe", "Ø": "O", "ø": "o", "Ł": "L", "ł": "l", "Đ": "D",
        "đ": "d", "Þ": "Th", "þ": "th", "ı": "i",
    }
)  # fmt: skip
