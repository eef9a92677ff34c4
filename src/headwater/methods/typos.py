"""Put typing errors into texts: neighbouring keys, swapped, missing and doubled letters, at a given rate.

Models that are trained on clean text alone fail on text as people type it.

References
----------
Belinkov, Bisk (2018). Synthetic and natural noise both break neural machine translation. ICLR.
arXiv:1711.02173 (the kinds of noise).
Damerau (1964). A technique for computer detection and correction of spelling errors.
doi:10.1145/363958.363994 (four kinds of single errors make up most typing errors).
"""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from typing import Literal, get_args

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.schema import plain_type

__all__ = ["Typo", "add_typos"]

Typo = Literal["substitute", "swap", "drop", "duplicate"]
I64 = NDArray[np.int64]
U32 = NDArray[np.uint32]

# Keys of a QWERTY keyboard with the letters and digits that touch them.
_LAYOUT = """
1:2q 2:13qw 3:24we 4:35er 5:46rt 6:57ty 7:68yu 8:79ui 9:80io 0:9op
q:12wa w:23qeas e:34wrsd r:45etdf t:56ryfg y:67tugh u:78yihj i:89uojk o:90ipkl p:0ol
a:qwsz s:weadzx d:ersfxc f:rtdgcv g:tyfhvb h:yugjbn j:uihknm k:iojlm l:opk
z:asx x:sdzc c:dfxv v:fgcb b:ghvn n:hjbm m:jkn
"""


def add_typos(
    texts: pa.Array | pa.ChunkedArray,
    *,
    rate: float,
    rng: np.random.Generator,
    kinds: Sequence[Typo] = ("substitute", "swap", "drop", "duplicate"),
) -> tuple[pa.Array, I64]:
    """Return texts with typing errors.

    Parameters
    ----------
    texts : pyarrow.Array or pyarrow.ChunkedArray
        Strings. Null and empty ones stay as they are, and none becomes empty.
    rate : float
        The probability of an error at each letter or digit, from 0 to 1. Blanks, punctuation and letters
        with combining marks are left alone.
    rng : numpy.random.Generator
        The source of randomness.
    kinds : sequence of {"substitute", "swap", "drop", "duplicate"}
        Which errors, equally likely. A letter that is on no QWERTY key is doubled instead of substituted;
        one that cannot be swapped or dropped is left as it is.

    Returns
    -------
    tuple
        The texts as strings, and how many errors each got.

    Notes
    -----
    Time is linear in characters, all rows at once.
    """
    unknown = set(kinds) - set(get_args(Typo))
    if not 0 <= rate <= 1 or not kinds or unknown:
        raise UsageError(
            f"rate {rate} must lie between 0 and 1, and kinds be among {', '.join(get_args(Typo))}."
        )
    column = texts.cast(plain_type(texts.type)).cast(pa.large_string())
    flat = (
        pa.concat_arrays(column.chunks or [pa.array([], pa.large_string())])
        if _is_chunked(column)
        else column
    )
    codes = np.frombuffer(
        "".join(pc.drop_null(flat).to_pylist()).encode("utf-32-le", "surrogatepass"), np.uint32
    )
    lengths = np.asarray(pc.fill_null(pc.utf8_length(flat), 0), np.int64)
    row = np.repeat(np.arange(lengths.size), lengths)
    place = np.arange(codes.size)

    eligible = _is_eligible(codes)
    hit = eligible & (rng.random(codes.size) < rate)
    kind = rng.integers(0, len(kinds), codes.size)
    swaps = hit & _chosen(kind, kinds, "swap") & _can_swap(codes, row, eligible)
    swaps[1:] &= ~swaps[:-1]  # of two overlapping swaps the first stays
    partner = np.zeros_like(hit)
    partner[1:] = swaps[:-1]
    free = hit & ~partner
    substitutes = free & _chosen(kind, kinds, "substitute")
    typed, on_keyboard = _neighbour_keys(codes, rng)
    doubles = (free & _chosen(kind, kinds, "duplicate")) | (substitutes & ~on_keyboard)
    substitutes &= on_keyboard
    drops = free & _chosen(kind, kinds, "drop")
    drops &= (np.bincount(row[~drops], minlength=lengths.size) > 0)[row]

    out = np.where(substitutes, typed, codes)
    order = place + swaps - partner
    repeats = 1 + doubles.astype(np.int64) - drops
    out, owner = np.repeat(out[order], repeats), np.repeat(row, repeats)
    errors = np.bincount(row[swaps | substitutes | doubles | drops], minlength=lengths.size)
    return _to_arrow(out, owner, flat), errors.astype(np.int64)


def _chosen(kind: I64, kinds: Sequence[Typo], name: Typo) -> NDArray[np.bool_]:
    return kind == list(kinds).index(name) if name in kinds else np.zeros(kind.size, np.bool_)


def _is_eligible(codes: U32) -> NDArray[np.bool_]:
    """Return which characters are letters or digits that stand for themselves."""
    occurs = np.zeros(int(codes.max(initial=0)) + 1, np.bool_)
    occurs[codes] = True
    is_letter, is_joiner = np.zeros_like(occurs), np.zeros_like(occurs)
    for code in np.flatnonzero(occurs).tolist():
        group = unicodedata.category(chr(code))
        is_letter[code], is_joiner[code] = group[0] in "LN", group[0] == "M" or group == "Cf"
    alone, joins = is_letter[codes], is_joiner[codes]
    alone[:-1] &= ~joins[1:]
    alone[1:] &= ~joins[:-1]
    return np.asarray(alone, np.bool_)


def _can_swap(codes: U32, row: I64, eligible: NDArray[np.bool_]) -> NDArray[np.bool_]:
    able = np.zeros(codes.size, np.bool_)
    able[:-1] = eligible[:-1] & eligible[1:] & (row[:-1] == row[1:]) & (codes[:-1] != codes[1:])
    return able


def _neighbour_keys(codes: U32, rng: np.random.Generator) -> tuple[U32, NDArray[np.bool_]]:
    """Return a random neighbouring key of each character, in its case, and whether it has one."""
    table = np.zeros((128, 6), np.uint32)
    number = np.zeros(128, np.int64)
    for key, _, near in (entry.partition(":") for entry in _LAYOUT.split()):
        for one, others in {key: near, key.upper(): near.upper()}.items():
            number[ord(one)] = len(others)
            table[ord(one), : len(others)] = [ord(other) for other in others]
    code = np.where(codes < 128, codes, 0)
    pick = (rng.random(codes.size) * number[code]).astype(np.int64)
    return table[code, pick], number[code] > 0


def _to_arrow(codes: U32, owner: I64, like: pa.Array) -> pa.Array:
    data = codes.tobytes().decode("utf-32-le", "surrogatepass").encode()
    width = 1 + (codes >= 0x80).astype(np.int64) + (codes >= 0x800) + (codes >= 0x10000)
    size = np.bincount(owner, width, minlength=len(like)).astype(np.int64)
    offsets = np.concatenate([np.zeros(1, np.int64), np.cumsum(size)])
    present = pa.LargeStringArray.from_buffers(len(like), pa.py_buffer(offsets), pa.py_buffer(data))
    return pc.if_else(like.is_valid(), present, pa.scalar(None, pa.large_string())).cast(pa.string())


def _is_chunked(column: pa.Array | pa.ChunkedArray) -> bool:
    return isinstance(column, pa.ChunkedArray)
