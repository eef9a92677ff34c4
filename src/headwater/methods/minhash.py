"""MinHash: short signatures of sets, whose agreement estimates how much two sets have in common, and their bands."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.core.hashing import U64, mix

__all__ = ["bands_for", "hash_bands", "jaccard", "minhash"]

I64 = NDArray[np.int64]
F64 = NDArray[np.float64]
U32 = NDArray[np.uint32]

_SEED = 0x5EED
_BLOCK = 1 << 20
_PAIRS = 1 << 16
_SALT = np.uint64(0xA24BAED4963EE407)
_ODD = np.uint32(1)
_HALF = np.uint64(32)
_SURE = 0.99
_POWERS = (8, 12)
_BITS_AT_ONCE = 1 << 24
_ROUNDING = 1e-6


def minhash(owner: I64, hashes: U64, rows: int, *, size: int = 64) -> U32:
    """Return the signatures of sets.

    Parameters
    ----------
    owner : numpy.ndarray of int64
        The set that each element belongs to, ascending.
    hashes : numpy.ndarray of uint64
        The elements, well mixed. One that comes twice counts once.
    rows : int
        How many sets.
    size : int
        Numbers in a signature.

    Returns
    -------
    numpy.ndarray of uint32, shape (size, rows)
        Two signatures agree at a place with the probability that is the Jaccard similarity of their sets, but for
        collisions of 32-bit hashes. Those of empty sets mean nothing.

    Notes
    -----
    The i-th number is the smallest of ``a_i low + high`` modulo 2**32 over the elements, where low and high are the
    halves of a hash and ``a_i`` is odd. All sets are worked on at once; time O(size · elements), memory some
    megabytes beside the result.

    References
    ----------
    Broder (1997). On the resemblance and containment of documents. doi:10.1109/SEQUEN.1997.666900
    """
    out = np.full((size, rows), np.iinfo(np.uint32).max, np.uint32)
    factors = np.random.default_rng(_SEED).integers(0, 1 << 32, size, np.uint32) | _ODD
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    first = 0
    while first < len(starts):
        last = max(int(np.searchsorted(starts, starts[first] + _BLOCK)), first + 1)
        stop = starts[last] if last < len(starts) else len(owner)
        at, some = starts[first:last], hashes[starts[first] : stop]
        low, high = some.astype(np.uint32), (some >> _HALF).astype(np.uint32)
        here, spare = owner[at], np.empty_like(low)
        for place, factor in enumerate(factors):
            np.multiply(low, factor, out=spare)
            spare += high
            out[place, here] = np.minimum.reduceat(spare, at - starts[first])
        first = last
    return out


def bands_for(threshold: float, *, size: int = 64) -> int:
    """Return into how many bands to part a signature so that pairs at the threshold are hardly ever missed.

    Parameters
    ----------
    threshold : float
        A Jaccard similarity above 0, at most 1.
    size : int
        Numbers in a signature.

    Returns
    -------
    int
        The fewest bands b with r = size / b rows for which 1 − (1 − threshold^r)^b is at least 0.99; ``size``
        where none is.

    Examples
    --------
    >>> bands_for(0.8), bands_for(0.5)
    (16, 32)
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"A similarity of {threshold} is none to look for: give one above 0 and at most 1.")
    for count in range(1, size + 1):
        if size % count == 0 and 1 - (1 - threshold ** (size // count)) ** count >= _SURE:
            return count
    return size


def hash_bands(signatures: U32, bands: int) -> U32:
    """Return for each band of each signature a hash: rows that share one are candidates.

    Returns
    -------
    numpy.ndarray of uint32, shape (bands, rows)

    References
    ----------
    Leskovec, Rajaraman, Ullman (2020). Mining of massive datasets, section 3.4. doi:10.1017/9781108684163
    """
    parts = signatures.reshape(bands, -1, signatures.shape[1])
    out = np.empty((bands, signatures.shape[1]), np.uint32)
    for band, numbers in zip(out, parts, strict=True):
        total = np.zeros(signatures.shape[1], np.uint64)
        for values in numbers:
            total = mix(total ^ values)
        band[:] = total >> _HALF
    return out


def jaccard(owner: I64, hashes: U64, left: I64, right: I64, *, least: float = 0.0) -> F64:
    """Return the Jaccard similarity of pairs of sets: the share of elements in both among those in either.

    Parameters
    ----------
    owner, hashes : numpy.ndarray
        The sets, as for `minhash`; in any order.
    left, right : numpy.ndarray of int64
        The sets of each pair.
    least : float
        From 0 to 1. Pairs below it may count as 0: most of them are told by bitmaps of their sets, which is cheap.

    Returns
    -------
    numpy.ndarray of float64
        From 0 to 1; 0 where a set is empty. Of pairs that reach ``least`` always the similarity itself.

    Notes
    -----
    Sets of similarity J differ in (1 − J) / (1 + J) times the sum of their sizes of elements, and two bitmaps of them
    in no more bits than the sets in elements. So no pair that reaches ``least`` is passed over.
    """
    if not len(left):
        return np.zeros(0)
    rows = int(max(left.max(), right.max(), owner.max(initial=0))) + 1
    if least > 0:
        near = np.flatnonzero(_may_reach(owner, hashes, left, right, rows, least))
        wanted = np.zeros(rows, np.bool_)
        wanted[left[near]] = wanted[right[near]] = True
        those, out = wanted[owner], np.zeros(len(left))
        out[near] = jaccard(owner[those], hashes[those], left[near], right[near])
        return out
    salts = mix(np.arange(rows, dtype=np.uint64) ^ _SALT)
    # A set and an element make one number, so that the elements of all sets are looked up at once.
    keys = hashes + salts[owner]
    order = np.argsort(keys)
    members = keys[order]
    fresh = np.concatenate([np.ones(min(len(members), 1), np.bool_), members[1:] != members[:-1]])
    members, kept = members[fresh], np.sort(order[fresh])
    kept = kept[np.argsort(owner[kept], kind="stable")]
    elements, sizes = hashes[kept], np.bincount(owner[kept], minlength=rows)
    starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])
    out = np.zeros(len(left))
    for begin in range(0, len(left), _PAIRS):
        a, b = left[begin : begin + _PAIRS], right[begin : begin + _PAIRS]
        counts = sizes[a]
        pair = np.repeat(np.arange(len(a)), counts)
        place = np.arange(len(pair)) - np.repeat(np.cumsum(counts) - counts, counts)
        wanted = elements[starts[a][pair] + place] + salts[b][pair]
        at = np.minimum(np.searchsorted(members, wanted), max(len(members) - 1, 0))
        shared = np.bincount(pair[members[at] == wanted], minlength=len(a))
        out[begin : begin + len(a)] = shared / np.maximum(sizes[a] + sizes[b] - shared, 1)
    return out


def _may_reach(owner: I64, hashes: U64, left: I64, right: I64, rows: int, least: float) -> NDArray[np.bool_]:
    """Return which pairs differ in so few bits that their similarity may be ``least``."""
    sizes = np.bincount(owner, minlength=rows)
    power = int(np.clip(np.ceil(np.log2(2 * max(len(owner), 1) / rows)), *_POWERS))
    maps = np.zeros((rows, (1 << power) // 64), np.uint64)
    order = np.argsort(owner, kind="stable") if (np.diff(owner) < 0).any() else slice(None)
    owners, bits = owner[order], (hashes[order] >> np.uint64(64 - power)).astype(np.int64)
    step = max(_BITS_AT_ONCE >> power, 1)
    for begin in range(0, rows, step):
        first, last = np.searchsorted(owners, (begin, begin + step))
        flags = np.zeros((min(step, rows - begin), 1 << power), np.bool_)
        flags[owners[first:last] - begin, bits[first:last]] = True
        maps[begin : begin + step] = np.packbits(flags, axis=1).view(np.uint64)
    share = (1 - least) / (1 + least)
    out = np.zeros(len(left), np.bool_)
    for begin in range(0, len(left), _PAIRS):
        a, b = left[begin : begin + _PAIRS], right[begin : begin + _PAIRS]
        differ = np.bitwise_count(maps[a] ^ maps[b]).sum(axis=1, dtype=np.int64)
        out[begin : begin + _PAIRS] = differ <= share * (sizes[a] + sizes[b]) + _ROUNDING
    return out
