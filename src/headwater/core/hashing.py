"""A stable, vectorised 64-bit hash of Arrow values and rows.

The hash names rows in the row index and in fingerprints, so its values are part of the repository
format: they may not change. Equal values hash equally whatever their width (``int32`` 1, ``int64`` 1
and ``float64`` 1.0 agree), so that safe widening of a column leaves every row hash as it was. A null
hashes to 0 and adds nothing to its row, so that adding an all-null column leaves them too.

Rows combine by addition over columns, which makes the hash of a row independent of column order and
lets a column be added or taken away without reading the others.

References
----------
Steele, Lea, Flood (2014). Fast splittable pseudorandom number generators. doi:10.1145/2714064.2660195
(the finalizer ``mix``).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from blake3 import blake3
from numpy.typing import NDArray

from headwater.core.arrays import without_views

__all__ = [
    "U64",
    "ValueHash",
    "hash_array",
    "hash_columns",
    "hash_keys",
    "hash_parts",
    "is_one_to_one",
    "mix",
]

U64 = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_M1 = np.uint64(0xBF58476D1CE4E5B9)
_M2 = np.uint64(0x94D049BB133111EB)
_TEXT = np.uint64(0xD6E8FEB86659FD93)
_NAN = np.uint64(0x7FF8000000000000)
_EXACT = float(1 << 63)
_LOOP_WORDS = 12
_LONG_BYTES = 1 << 11
_SLICE_WORDS = 1 << 21
_PACK_WORDS = 1 << 15


def mix(values: U64) -> U64:
    """Scramble each 64-bit value; a bijection, so distinct values stay distinct."""
    out = values.copy()
    _mix_in_place(out, np.empty_like(out))
    return out


def _mix_in_place(values: U64, spare: U64) -> None:
    values += _GOLDEN
    values ^= np.right_shift(values, np.uint64(30), out=spare)
    values *= _M1
    values ^= np.right_shift(values, np.uint64(27), out=spare)
    values *= _M2
    values ^= np.right_shift(values, np.uint64(31), out=spare)


def hash_array(array: pa.Array | pa.ChunkedArray) -> U64:
    """Hash every value of an Arrow array.

    Parameters
    ----------
    array : pyarrow.Array or pyarrow.ChunkedArray
        Values of any Arrow type, nested types included.

    Returns
    -------
    numpy.ndarray of uint64, shape (n,)
        One hash a value; 0 for nulls.

    Notes
    -----
    Time is linear in bytes. Not cryptographic: two chosen values can be made to collide.
    """
    if isinstance(array, pa.ChunkedArray):
        if array.num_chunks == 1:
            return hash_array(array.chunk(0))
        parts = [hash_array(chunk) for chunk in array.chunks]
        return np.concatenate(parts) if parts else np.zeros(0, np.uint64)
    kind = array.type
    if isinstance(kind, pa.BaseExtensionType):
        return hash_array(array.storage)
    if pa.types.is_run_end_encoded(kind):
        return hash_array(pc.run_end_decode(array))
    if pa.types.is_dictionary(kind):
        return _through_dictionary(array)
    hashes = _hash_values(array)
    # 0 means null and nothing else: the one value in 2**64 that would hash to it gets another.
    hashes[hashes == 0] = 1
    if array.null_count:
        hashes[np.asarray(array.is_null())] = 0
    return hashes


def hash_columns(table: pa.Table | pa.RecordBatch, columns: Sequence[str] | None = None) -> U64:
    """Hash every row over named columns: the sum over columns of the mixed value hash.

    Parameters
    ----------
    table : pyarrow.Table or pyarrow.RecordBatch
        The rows.
    columns : sequence of str, optional
        The columns that count; all by default. Their order does not matter, their names do.

    Returns
    -------
    numpy.ndarray of uint64, shape (n,)
    """
    names = table.schema.names if columns is None else columns
    return hash_parts(((name, hash_array(table.column(name))) for name in names), table.num_rows)


def hash_parts(parts: Iterable[tuple[str, U64]], rows: int) -> U64:
    """Hash every row from the hashes of its values, given by column; see `hash_columns`."""
    total = np.zeros(rows, np.uint64)
    for name, hashes in parts:
        total += _mixed(hashes, _salt(name))
    return total


def hash_keys(table: pa.Table | pa.RecordBatch, key: Sequence[str]) -> U64:
    """Hash the key of every row; depends on the order of the key's columns, not on their names."""
    total = np.zeros(table.num_rows, np.uint64)
    for place, name in enumerate(key):
        total += _contribution(table.column(name), np.uint64(place + 1))
    return total


def is_one_to_one(kinds: Sequence[pa.DataType], hashes: U64) -> bool:
    """Say whether keys of these types are equal wherever they have one of these hashes in common.

    So it is for a key of one column of whole numbers, which are mixed by a bijection, but for two hashes:
    that of the value which would be taken for null, and 0, which null has.
    """
    if len(kinds) != 1 or not pa.types.is_integer(kinds[0]):
        return False
    shared = mix(np.array([1], np.uint64) ^ np.uint64(1))[0]
    return not bool(((hashes == 0) | (hashes == shared)).any())


def _contribution(array: pa.Array | pa.ChunkedArray, salt: np.uint64) -> U64:
    return _mixed(hash_array(array), salt)


def _mixed(hashes: U64, salt: np.uint64) -> U64:
    mixed = mix(hashes ^ salt)
    null = hashes == 0
    if null.any():
        mixed[null] = 0
    return mixed


def _salt(name: str) -> np.uint64:
    return np.uint64(int.from_bytes(blake3(name.encode()).digest(8), "little"))


def _hash_values(array: pa.Array) -> U64:
    kind = array.type
    if pa.types.is_null(kind):
        return np.zeros(len(array), np.uint64)
    if pa.types.is_boolean(kind):
        return mix(_numpy(array.cast(pa.uint8())).astype(np.uint64))
    if pa.types.is_unsigned_integer(kind):
        return mix(_numpy(array).astype(np.uint64))
    if pa.types.is_integer(kind):
        return mix(_numpy(array).astype(np.int64).view(np.uint64))
    if pa.types.is_floating(kind):
        return mix(_float_bits(_numpy(array).astype(np.float64)))
    if pa.types.is_date(kind):
        return _hash_values(array.cast(pa.timestamp("s" if pa.types.is_date32(kind) else "ms")))
    if pa.types.is_timestamp(kind) or pa.types.is_duration(kind):
        return _hash_instants(array.cast(pa.int64(), safe=False), kind.unit)
    if pa.types.is_time(kind):
        width = pa.int32() if pa.types.is_time32(kind) else pa.int64()
        return _hash_instants(array.cast(width).cast(pa.int64()), kind.unit)
    if pa.types.is_string(kind) or pa.types.is_binary(kind):
        return _hash_bytes(array, np.int32)
    if pa.types.is_large_string(kind) or pa.types.is_large_binary(kind):
        return _hash_bytes(array, np.int64)
    if pa.types.is_string_view(kind):
        return _hash_bytes(array.cast(pa.large_string()), np.int64)
    if pa.types.is_binary_view(kind):
        return _hash_bytes(array.cast(pa.large_binary()), np.int64)
    if pa.types.is_fixed_size_binary(kind):
        return _hash_bytes(array.cast(pa.large_binary()), np.int64)
    if pa.types.is_decimal(kind):
        return _hash_bytes(_decimal_text(array), np.int64)
    if pa.types.is_struct(kind):
        return _hash_struct(array)
    if pa.types.is_map(kind):
        return _hash_lists(array)
    if pa.types.is_fixed_size_list(kind):
        return _hash_fixed_lists(array)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind):
        return _hash_lists(array)
    if pa.types.is_list_view(kind) or pa.types.is_large_list_view(kind):
        return _hash_lists(without_views(array))
    raise TypeError(f"cannot hash values of type {kind}")


def _numpy(array: pa.Array) -> NDArray[Any]:
    """Return the values without a copy; what stands at nulls is arbitrary and masked by the caller."""
    data = array.buffers()[1]
    dtype = np.dtype(array.type.to_pandas_dtype())
    if data is None:
        return np.zeros(len(array), dtype)
    return np.frombuffer(data, dtype, count=len(array) + array.offset)[array.offset :]


def _float_bits(values: NDArray[np.float64]) -> U64:
    """Return the bits to hash: a whole number's integer bits, one NaN, and 0.0 for both zeros."""
    whole = (np.trunc(values) == values) & (np.abs(values) < _EXACT)
    bits = values.view(np.uint64).copy()
    bits[np.isnan(values)] = _NAN
    np.copyto(bits, np.where(whole, values, 0.0).astype(np.int64).view(np.uint64), where=whole)
    return bits


def _hash_instants(counts: pa.Array, unit: str) -> U64:
    """Hash (seconds, nanoseconds), so that the unit of a timestamp does not matter."""
    per_second = {"s": 1, "ms": 1_000, "us": 1_000_000, "ns": 1_000_000_000}[unit]
    whole, part = np.divmod(_numpy(counts), np.int64(per_second))
    part = part * np.int64(1_000_000_000 // per_second)
    return mix(mix(whole.view(np.uint64)) + part.view(np.uint64))


def _through_dictionary(array: pa.DictionaryArray) -> U64:
    values = hash_array(array.dictionary)
    if len(values) == 0:
        return np.zeros(len(array), np.uint64)
    codes = array.indices
    picked: U64 = values[np.asarray(codes.fill_null(0))]
    if codes.null_count:
        picked[np.asarray(codes.is_null())] = 0
    return picked


def _decimal_text(array: pa.Array) -> pa.Array:
    """Return decimals as text without zeros at the end of the fraction, so that the scale does not matter.

    Small numbers come as ``1.50E-9``; the number before the exponent is treated alike.
    """
    text = pc.replace_substring_regex(array.cast(pa.large_string()), r"(\.\d*?)0+(E.*)?$", r"\1\2")
    text = pc.replace_substring_regex(text, r"\.(E.*)?$", r"\1")
    return pc.replace_substring_regex(text, r"^-?0E.*$", "0")


def _hash_bytes(array: pa.Array, offset_type: type[np.signedinteger[Any]]) -> U64:
    """Hash byte strings: the sum over 8-byte words of the mixed word and place, mixed with the length."""
    count = len(array)
    _, offsets_buffer, data = array.buffers()
    if count == 0 or offsets_buffer is None:
        return np.zeros(count, np.uint64)
    offsets = np.frombuffer(offsets_buffer, offset_type)[array.offset : array.offset + count + 1].astype(
        np.int64
    )
    lengths = np.diff(offsets)
    total = np.zeros(count, np.uint64)
    if data is not None and data.size and offsets[-1] > offsets[0]:
        _add_words(
            total,
            _unaligned_words(data, int(offsets[0]), int(offsets[-1])),
            offsets[:-1] - offsets[0],
            lengths,
        )
    return mix(total ^ (lengths.view(np.uint64) * _TEXT))


def _unaligned_words(data: pa.Buffer, start: int, stop: int) -> U64:
    """View the bytes as a 64-bit word at every byte, the end padded with zeros."""
    size = stop - start
    padded = np.zeros(size + 8, np.uint8)
    padded[:size] = np.frombuffer(data, np.uint8, count=size, offset=start)
    return np.ndarray((size + 1,), np.dtype("<u8"), buffer=padded.data, strides=(1,))


def _add_words(total: U64, words: U64, starts: NDArray[np.int64], lengths: NDArray[np.int64]) -> None:
    long = lengths > _LONG_BYTES
    if long.any():
        _add_long(total, words, np.flatnonzero(long), starts, lengths)
    rows = np.flatnonzero((lengths > 0) & ~long)
    for place in range(_LOOP_WORDS):
        if rows.size == 0:
            return
        left = lengths[rows] - 8 * place
        whole = total.size == rows.size
        hashed = _hash_words(words[starts[rows] + 8 * place], left, np.full(1, place, np.uint64))
        if whole:
            total += hashed
        else:
            total[rows] += hashed
        rows = rows[left > 8]
    # Longer values: all their remaining words at once, in slices that bound the memory.
    counts = (lengths[rows] + 7) // 8 - _LOOP_WORDS
    ends = np.cumsum(counts)
    first = 0
    while first < rows.size:
        done = ends[first - 1] if first else 0
        last = max(first + 1, int(np.searchsorted(ends, done + _SLICE_WORDS, side="right")))
        some, n = rows[first:last], counts[first:last]
        local = np.cumsum(n)
        place_of = np.arange(local[-1]) - np.repeat(local - n, n) + _LOOP_WORDS
        owner = np.repeat(some, n)
        hashed = _hash_words(
            words[starts[owner] + 8 * place_of], lengths[owner] - 8 * place_of, place_of.astype(np.uint64)
        )
        total[some] += np.add.reduceat(hashed, local - n)
        first = last


def _add_long(
    total: U64, words: U64, rows: NDArray[np.int64], starts: NDArray[np.int64], lengths: NDArray[np.int64]
) -> None:
    """Add the words of long values: copied side by side, so that blocks that fit the processor's cache are mixed."""
    assert words.base is not None
    data = np.frombuffer(words.base, np.uint8)
    pack = _Pack()
    for row in rows.tolist():
        start = int(starts[row])
        pack.add(total, row, data[start : start + int(lengths[row])], 0)
    pack.flush(total)


class ValueHash:
    """The hash of one text or byte string that comes piece by piece; the same as `hash_array` gives it whole.

    Examples
    --------
    >>> hasher = ValueHash()
    >>> for piece in (b"ab", b"cdefghij", b"k"):
    ...     hasher.update(piece)
    >>> hasher.value() == int(hash_array(pa.array([b"abcdefghijk"]))[0])
    True
    """

    def __init__(self) -> None:
        self._pack = _Pack()
        self._total = np.zeros(1, np.uint64)
        self._carry = b""
        self._size = 0

    def update(self, piece: bytes | memoryview) -> None:
        """Take the next bytes."""
        self._size += len(piece)
        if self._carry:
            missing = 8 - len(self._carry)
            self._carry += bytes(piece[:missing])
            piece = piece[missing:]
            if len(self._carry) < 8:
                return
            self._add(np.frombuffer(self._carry, np.uint8), self._size - len(piece) - 8)
            self._carry = b""
        whole = len(piece) // 8 * 8
        if whole:
            self._add(np.frombuffer(piece, np.uint8, count=whole), self._size - len(piece))
        self._carry = bytes(piece[whole:])

    def value(self) -> int:
        """Return the hash of all bytes so far."""
        total = self._total.copy()
        self._pack.flush(total)
        self._total = total.copy()
        if self._carry:
            last = _Pack()
            last.add(total, 0, np.frombuffer(self._carry, np.uint8), self._size // 8)
            last.flush(total)
        hashed = mix(total ^ (np.array([self._size], np.uint64) * _TEXT))
        return int(hashed[0]) or 1

    def _add(self, data: NDArray[np.uint8], at: int) -> None:
        self._pack.add(self._total, 0, data, at // 8)


class _Pack:
    """Words of long values side by side, each with what its place adds; mixed and summed when there are enough."""

    def __init__(self) -> None:
        self._words = np.zeros(_PACK_WORDS, np.dtype("<u8"))
        self._bytes = self._words.view(np.uint8)
        self._spare = np.empty(_PACK_WORDS, np.uint64)
        self._salts = np.empty(_PACK_WORDS, np.uint64)
        self._places = np.arange(_PACK_WORDS, dtype=np.uint64) * _M2 + _TEXT
        self._used = 0
        self._rows: list[int] = []
        self._starts: list[int] = []

    def add(self, total: U64, row: int, data: NDArray[np.uint8], place: int) -> None:
        """Take the bytes of a value from a place on, counted in words."""
        while len(data):
            free = 8 * (_PACK_WORDS - self._used)
            piece, data = data[:free], data[free:]
            start, count = self._used, (len(piece) + 7) // 8
            self._words[start + count - 1] = 0
            self._bytes[8 * start : 8 * start + len(piece)] = piece
            if place:
                moved = np.array([place], np.uint64) * _M2
                np.add(self._places[:count], moved, out=self._salts[start : start + count])
            else:
                self._salts[start : start + count] = self._places[:count]
            self._rows.append(row)
            self._starts.append(start)
            self._used += count
            place += count
            if self._used == _PACK_WORDS:
                self.flush(total)

    def flush(self, total: U64) -> None:
        """Add what was taken to the totals of the rows."""
        if self._used:
            words = self._words[: self._used]
            words ^= self._salts[: self._used]
            _mix_in_place(words, self._spare[: self._used])
            np.add.at(total, self._rows, np.add.reduceat(words, self._starts))
        self._used, self._rows, self._starts = 0, [], []


def _hash_words(words: U64, left: NDArray[np.int64], place: U64) -> U64:
    """Mix each word with its place; ``left`` bytes are real, those beyond 8 belong to later words."""
    unused = np.clip(8 - left, 0, 7).astype(np.uint64) * np.uint64(8)
    masked = words & (np.uint64(0xFFFFFFFFFFFFFFFF) >> unused)
    return mix(masked ^ (place * _M2 + _TEXT))


def _hash_struct(array: pa.StructArray) -> U64:
    total = np.full(len(array), _GOLDEN)
    for position, field in enumerate(array.type):
        total += _contribution(array.field(position), _salt(field.name))
    return total


def _hash_fixed_lists(array: pa.FixedSizeListArray) -> U64:
    size = array.type.list_size
    child = array.values[array.offset * size : (array.offset + len(array)) * size]
    if size == 0:
        return np.full(len(array), mix(np.zeros(1, np.uint64))[0])
    places = mix(np.arange(size, dtype=np.uint64))
    items = mix(hash_array(child).reshape(len(array), size) ^ places)
    total = items.sum(axis=1, dtype=np.uint64)
    return mix(total ^ (np.full(1, size, np.uint64) * _TEXT))


def _hash_lists(array: pa.Array) -> U64:
    offsets = np.asarray(array.offsets).astype(np.int64)
    lengths = np.diff(offsets)
    child = hash_array(array.values[offsets[0] : offsets[-1]])
    starts = offsets[:-1] - offsets[0]
    places = np.arange(child.size) - np.repeat(starts, lengths)
    items = mix(child ^ mix(places.astype(np.uint64)))
    running = np.concatenate([np.zeros(1, np.uint64), np.cumsum(items, dtype=np.uint64)])
    total = running[starts + lengths] - running[starts]
    return mix(total ^ (lengths.view(np.uint64) * _TEXT))
