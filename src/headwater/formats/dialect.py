"""How a delimited text is written: its delimiter, line break and header, found from its beginning."""

from __future__ import annotations

import codecs
import csv
import io
import itertools
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from headwater.core.errors import UsageError
from headwater.core.text import clipped
from headwater.formats.base import ReadOptions
from headwater.formats.records import first_record
from headwater.formats.text import input_error, require_utf8

__all__ = ["DELIMITERS", "Dialect", "find_dialect", "name_columns"]

DELIMITERS = (",", "\t", ";", "|")
SAMPLE_BYTES = 256 << 10
SAMPLE_RECORDS = 200
_MARKS = (*DELIMITERS, "^", "~", ":", "\x1f", "\x01")
_HINT = re.compile(
    rb'"?sep=([\x01-\x7f])"?(?:\r\n?|\n)', re.IGNORECASE
)  # the first line of some files of Excel's


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a delimited text is written.

    ``start`` is the number of bytes before the first record of data, ``line`` the number of its line.
    """

    delimiter: str
    newline: bytes
    names: tuple[str, ...]
    start: int
    line: int
    notes: tuple[str, ...] = ()


def find_dialect(head: bytes, file: str, *, options: ReadOptions, delimiter: str | None = None) -> Dialect:
    """Return how the text that begins with ``head`` is written.

    The delimiter is the one that splits most of the first records into as many fields as the header, where
    that is more than one.

    Parameters
    ----------
    head : bytes
        The beginning of the text, in UTF-8, with the whole header.
    file : str
        For messages.
    options : ReadOptions
        ``delimiter``, ``header`` and ``encoding`` are used.
    delimiter : str, optional
        What the format prescribes.

    Returns
    -------
    Dialect

    Raises
    ------
    InputError
        If the text is empty, not text, or its header is malformed.
    """
    hint = _HINT.match(head)
    if hint is not None:
        wanted = options if options.delimiter is not None else replace(options, delimiter=hint[1].decode())
        found = find_dialect(head[hint.end() :], file, options=wanted)
        return replace(found, start=found.start + hint.end(), line=found.line + 1)
    _require_text(head, file, options)
    newline = b"\r" if b"\r" in head and b"\n" not in head else b"\n"
    chosen = options.delimiter
    if chosen is None:
        chosen = delimiter or _delimiter(head, newline)
    if len(chosen) != 1 or not chosen.isascii() or chosen in '"\r\n':
        raise UsageError(f"The delimiter {chosen!r} is not one ASCII character.", delimiter=chosen)
    begin, end = _record(head, chosen, newline, file)
    line = 1 + head.count(newline, 0, begin)
    require_utf8(head[begin:end], file, line=line, newline=newline)
    text = head[begin:end].decode().rstrip("\r\n")
    try:
        fields = next(csv.reader(io.StringIO(text, newline=""), delimiter=chosen))
    except csv.Error as error:
        mend = "it may be no delimited text: name its format with --input-format"
        raise input_error(file, f"the header cannot be read ({error})", line=line, mend=mend) from error
    notes = tuple(_doubt(text, mark) for mark in _MARKS if mark in text)[:1] if len(fields) == 1 else ()
    if not options.header:
        names = tuple(f"column_{position}" for position in range(1, len(fields) + 1))
        return Dialect(chosen, newline, names, begin, line, notes)
    if '"' not in text:
        fields = [field.strip() for field in fields]
    names, more = name_columns(fields, file, line)
    return Dialect(chosen, newline, names, end, line + head.count(newline, begin, end), (*notes, *more))


def name_columns(fields: list[str], file: str, line: int) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of the columns, one made up for each column without, and notes on those.

    Raises
    ------
    InputError
        If two columns have the same name.
    """
    fields = list(fields)
    notes = []
    taken = {field for field in fields if field}
    for position, field in enumerate(fields):
        if not field:
            name = f"column_{position + 1}"
            while name in taken:
                name += "_"
            taken.add(name)
            fields[position] = name
            notes.append(f"Column {position + 1} has no name in the header; it is called {name!r}.")
    twice = (
        sorted({field for field in fields if fields.count(field) > 1})
        if len(set(fields)) < len(fields)
        else []
    )
    if twice:
        named = ", ".join(repr(name) for name in twice[:10])
        raise input_error(
            file,
            f"the header names these columns more than once: {named}",
            line=line,
            mend="rename them",
            columns=twice,
        )
    return tuple(fields), tuple(notes)


def _require_text(head: bytes, file: str, options: ReadOptions) -> None:
    if not head.strip():
        raise input_error(
            file, "the file is empty", mend="it needs at least a line with the names of the columns"
        )
    start = head[:4096]
    if b"\0" not in start or options.encoding is not None:
        return
    high, low = start[::2].count(0), start[1::2].count(0)
    if max(high, low) > max(len(start) // 8, 8 * min(high, low)):
        guess = "utf-16-be" if high > low else "utf-16-le"
        raise input_error(
            file, "it looks like UTF-16 text", line=1, mend=f"name the encoding: --encoding {guess}"
        )
    try:
        codecs.utf_8_decode(start)  # a character may be cut off at the end
    except UnicodeDecodeError as error:
        raise input_error(file, "it is not text", mend="name its format with --input-format") from error


def _doubt(text: str, mark: str) -> str:
    return f"There is one column, {clipped(text)!r}; if {mark!r} parts its fields, say so with --delimiter."


def _delimiter(head: bytes, newline: bytes) -> str:
    best, most = DELIMITERS[0], (0.0, 0)
    for candidate in DELIMITERS:
        counts = [
            len(fields) for fields in itertools.islice(_sample(head, candidate, newline), SAMPLE_RECORDS)
        ]
        if not counts or counts[0] == 1:
            continue
        rows = counts[1:]
        share = sum(count == counts[0] for count in rows) / len(rows) if rows else 1.0
        if share > 0 and (share, counts[0]) > most:
            best, most = candidate, (share, counts[0])
    return best


def _sample(head: bytes, delimiter: str, newline: bytes) -> Iterator[list[str]]:
    sample = head[:SAMPLE_BYTES]
    if len(head) > len(sample):
        sample = sample[: sample.rfind(newline) + 1] or sample
    lines = sample.decode("utf-8", "replace").replace("\0", "").splitlines(keepends=True)
    try:
        yield from (fields for fields in csv.reader(lines, delimiter=delimiter) if fields)
    except csv.Error:  # a field longer than the module's limit: what came before has to do
        return


def _record(head: bytes, delimiter: str, newline: bytes, file: str) -> tuple[int, int]:
    found = first_record(head, delimiter, newline)
    if found is None:
        raise input_error(file, "a quote in the header is never closed", line=1, mend="close it")
    return found
