"""Cut delimited text into blocks of whole records, and say exactly what is wrong with a malformed one.

The quick way looks at the quotes of a block all at once: in well-formed text every other quote opens a field
and follows a delimiter or line break, and the rest close one. A block that breaks this rule is gone through
field by field, which finds quotes that only look odd (``5" pipe``) and those that are wrong.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["Block", "Problem", "blocks", "first_record", "record_lines"]

LONGEST_RECORD = 64 << 20

_QUOTE = ord('"')
_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Problem:
    """A malformed line: its number from 1, why, and the start of its text."""

    line: int
    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Whole records, from line ``line`` of the file on; ``problem`` is a line left out just before them."""

    data: bytes
    line: int
    problem: Problem | None = None


def blocks(
    chunks: Iterable[bytes], delimiter: str, newline: bytes = b"\n", *, line: int = 1
) -> Iterator[Block]:
    """Yield the chunks of a text as blocks of whole records.

    Parameters
    ----------
    chunks : iterable of bytes
        The text in UTF-8.
    delimiter : str
        One character.
    newline : bytes
        The last byte of a line break.
    line : int
        Number of the first line.

    Yields
    ------
    Block
        Blocks in order. A line with a misplaced quote, or with a NUL byte, is in none: the block after it
        (which may be empty) carries the problem.
    """
    scanner = _Scanner(delimiter, newline)
    carry: list[bytes] = []
    pending = 0
    for chunk in chunks:
        carry.append(chunk)
        pending += len(chunk)
        is_full = pending > LONGEST_RECORD
        if is_full or newline in chunk:
            data = b"".join(carry)
            used, found = scanner.cut(data, line, is_full=is_full)
            yield from found
            line += data.count(newline, 0, used)
            carry, pending = [data[used:]], len(data) - used
    data = b"".join(carry)
    if data:
        yield from scanner.cut(data, line, is_end=True)[1]


def record_lines(
    block: Block, delimiter: str, newline: bytes = b"\n", *, blank: bool = False
) -> NDArray[np.int64]:
    """Return the line number of every record of a block.

    Parameters
    ----------
    block : Block
        As `blocks` yields.
    delimiter : str
        One character.
    newline : bytes
        The last byte of a line break.
    blank : bool
        Whether an empty line is a record.

    Returns
    -------
    numpy.ndarray of int64, shape (records,)
        Line numbers from 1 in the file.
    """
    data = block.data if block.data.endswith(newline) else block.data + newline
    text = np.frombuffer(data, np.uint8)
    ends = _record_ends(data, delimiter, newline)
    starts = np.concatenate([[0], ends[:-1]])
    breaks = np.flatnonzero(text == newline[0])
    lines: NDArray[np.int64] = np.searchsorted(breaks, starts) + block.line
    length = ends - starts - 1
    is_empty = (length == 0) | ((length == 1) & (text[starts] == ord("\r")))
    return lines if blank else lines.compress(~is_empty)


def first_record(data: bytes, delimiter: str, newline: bytes = b"\n") -> tuple[int, int] | None:
    """Return where the first record that is not an empty line begins and ends, or None if a quote stays open."""
    begin = next(iter(re.finditer(rb"[^\r\n]", data))).start()
    at = begin
    while True:
        end = data.find(newline, at) + 1 or len(data)
        field = _field(delimiter).search(data, at, end)
        if field is None:
            return begin, end
        whole = _field(delimiter).match(data, field.start())
        if whole is None or not whole.group(1):
            return None
        at = whole.end()


class _Scanner:
    """Cuts text at ends of records."""

    def __init__(self, delimiter: str, newline: bytes) -> None:
        self.delimiter = delimiter
        self.newline = newline
        self.beside = np.zeros(256, bool)
        self.beside[[*delimiter.encode(), ord("\n"), ord("\r")]] = True

    def cut(
        self, data: bytes, line: int, *, is_full: bool = False, is_end: bool = False
    ) -> tuple[int, list[Block]]:
        """Return how many bytes are used up, and the blocks in them.

        Where the data ends (``is_end``) or is all that may be held (``is_full``), an open quote is a mistake.
        """
        quotes = np.flatnonzero(np.frombuffer(data, np.uint8) == _QUOTE)
        if self._is_plain(data, quotes) and not ((is_end or is_full) and len(quotes) % 2):
            end = len(data) if is_end else self._last_end(data, quotes)
            found = [Block(data[:end], line)] if end else []
        else:
            end, found = self._careful(data, line, is_final=is_end or is_full, is_end=is_end)
        if is_full and end == 0:
            reason = f"it is longer than {LONGEST_RECORD >> 20} MiB"
            end, found = len(data), [Block(b"", line, Problem(line, reason, _shown(data[:_SHOWN])))]
        return end, [part for block in found for part in self._without_nul(block)]

    def _is_plain(self, data: bytes, quotes: NDArray[np.int64]) -> bool:
        """Say whether every other quote opens a field and the rest close one, doubled quotes aside."""
        if not len(quotes):
            return True
        text = np.frombuffer(data, np.uint8)
        opening, closing = quotes[0::2], quotes[1::2]
        doubled = closing[: len(opening) - 1] + 1 == opening[1:]
        opens = self.beside[text[np.maximum(opening - 1, 0)]]
        opens[0] |= opening[0] == 0
        opens[1:] |= doubled
        closes = self.beside[text[np.minimum(closing + 1, len(data) - 1)]]
        closes[: len(doubled)] |= doubled
        if len(closes):
            closes[-1] |= closing[-1] + 1 == len(data)
        return bool(opens.all() and closes.all())

    def _last_end(self, data: bytes, quotes: NDArray[np.int64]) -> int:
        """Return the end of the last line break outside quotes, 0 where there is none."""
        end = len(data)
        while (at := data.rfind(self.newline, 0, end)) >= 0:
            before = int(np.searchsorted(quotes, at))
            if before % 2 == 0:
                return at + 1
            end = int(quotes[before - 1])
        return 0

    def _careful(self, data: bytes, line: int, *, is_final: bool, is_end: bool) -> tuple[int, list[Block]]:
        """Go through the quoted fields one by one; leave out lines where a quote is misplaced."""
        found: list[Block] = []
        pattern = _field(self.delimiter)
        problem: Problem | None = None
        start = record = at = 0  # of the block, of the record, of what is still to be looked at
        while (field := pattern.search(data, at)) is not None:
            record = max(record, data.rfind(self.newline, at, field.start()) + 1)
            is_open = not field.group(1)
            if is_open and not is_final:
                break
            if not is_open and (field.end() == len(data) or self.beside[data[field.end()]]):
                at = field.end()
                continue
            if not is_final and data.find(self.newline, record) < 0:
                break  # the rest of the line is still to come
            found.append(Block(data[start:record], line, problem))
            line += data.count(self.newline, start, record)
            start = at = data.find(self.newline, record) + 1 or len(data)
            problem = Problem(
                line, self._reason(data[record : field.end()], field), _shown(data[record:start])
            )
            line += 1
            record = start
        if field is None:
            record = len(data) if is_end else max(record, data.rfind(self.newline, at) + 1)
        if record > start or problem is not None:
            found.append(Block(data[start:record], line, problem))
        return record, found

    def _reason(self, record: bytes, field: re.Match[bytes]) -> str:
        """Say what is wrong with the quoted field at the end of a record."""
        before = record[: len(record) - len(field.group())]
        column = 1 + _field(self.delimiter).sub(b"", before).count(self.delimiter.encode())
        if not field.group(1):
            return f"the quote that opens field {column} is never closed"
        below = field.group().count(self.newline)
        if below:
            lines = "line" if below == 1 else "lines"
            return f"the quote that opens field {column} is closed only {below} {lines} below, in the middle of a field"
        return f"field {column} goes on after its closing quote"

    def _without_nul(self, block: Block) -> Iterator[Block]:
        """Split a block at records with NUL bytes, which are left out."""
        if 0 not in block.data:
            yield block
            return
        data, line, problem = block.data, block.line, block.problem
        ends = _record_ends(data, self.delimiter, self.newline)
        nulls = np.flatnonzero(np.frombuffer(data, np.uint8) == 0)
        start = 0
        for record in np.unique(np.searchsorted(ends, nulls, side="right")).tolist():
            begin = int(ends[record - 1]) if record else 0
            end = int(ends[record]) if record < len(ends) else len(data)
            yield Block(data[start:begin], line, problem)
            line += data.count(self.newline, start, begin)
            problem = Problem(line, "it has a NUL byte", _shown(data[begin:end]))
            line += data.count(self.newline, begin, end)
            start = end
        yield Block(data[start:], line, problem)


def _record_ends(data: bytes, delimiter: str, newline: bytes) -> NDArray[np.int64]:
    """Return where records end: just after the line breaks that are in no quoted field."""
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == newline[0])
    spans = np.asarray(_quoted_spans(data, delimiter), np.int64).reshape(-1, 2)
    if len(spans):
        at = np.searchsorted(spans[:, 0], breaks) - 1
        inside = (at >= 0) & (breaks < spans[np.maximum(at, 0), 1])
        breaks = breaks[~inside]
    return breaks + 1


def _quoted_spans(data: bytes, delimiter: str) -> list[tuple[int, int]]:
    if b'"' not in data:
        return []
    return [field.span() for field in _field(delimiter).finditer(data)]


@lru_cache(maxsize=16)
def _field(delimiter: str) -> re.Pattern[bytes]:
    """Return the pattern of a quoted field; its group is empty where the field has no end."""
    mark = re.escape(delimiter.encode())
    return re.compile(rb"(?<![^\r\n" + mark + rb'])"(?:[^"]++|"")*+("?)')


def _shown(text: bytes) -> str:
    plain = text.decode("utf-8", "replace").rstrip("\r\n")
    return plain if len(plain) <= _SHOWN else plain[:_SHOWN] + "…"
