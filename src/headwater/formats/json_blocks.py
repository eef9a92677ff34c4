"""JSON text in blocks of whole values, and values that are malformed, named by their line.

A value is a line of JSON Lines, or an element of an array; elements are counted, as they may span lines.
"""

from __future__ import annotations

import contextlib
import json
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.json

from headwater.core.errors import InputError
from headwater.formats.records import Problem
from headwater.formats.text import input_error, is_compressed, line_blocks, require_utf8, utf8_chunks

__all__ = [
    "Conflict",
    "Layout",
    "Malformed",
    "Values",
    "column_of",
    "find_layout",
    "parse",
    "texts_of",
    "values",
    "without_columns",
    "without_malformed",
]

Layout = Literal["lines", "array", "objects"]

_TWICE = "a key comes twice in it"
LARGEST_VALUE = 256 << 20
DEEPEST = 32
_TOO_DEEP = f"it is nested more than {DEEPEST} levels deep"
ELEMENTS_AT_ONCE = 8192


@dataclass(frozen=True)
class Values:
    """A block of JSON values; ``numbers`` says which line of the file, or which element, each of them is."""

    data: bytes
    texts: pa.StringArray
    numbers: tuple[int, ...] | range
    unit: Literal["line", "element"]


class Malformed(ValueError):
    """A value is not a JSON object: ``at`` is its place in the block."""

    def __init__(self, at: int, reason: str) -> None:
        super().__init__(reason)
        self.at = at
        self.reason = reason


class Conflict(ValueError):
    """The values of a column have different types; ``path`` is None where Arrow does not say which."""

    def __init__(self, path: str | None, reason: str = "", at: int | None = None) -> None:
        super().__init__(reason)
        self.path = path
        self.reason = reason
        self.at = at


def find_layout(path: Path, encoding: str | None, *, may_span_lines: bool) -> Layout:
    """Return how the values of a file are laid out, from its beginning.

    Raises
    ------
    InputError
        If the file is empty or not JSON.
    """
    head = b""
    for chunk in utf8_chunks(path, encoding, size=1 << 16):
        head += chunk
        if head.lstrip() and (b"\n" in head.lstrip() or len(head) > 4 << 20):
            break
    start = head.lstrip()
    if not start:
        raise input_error(
            path.name, "the file is empty", mend="it needs one JSON object a line, or an array of them"
        )
    if start.startswith(b"["):
        return "array"
    if start.startswith(b"{") and may_span_lines and not _is_json(start.splitlines()[0]):
        return "objects"
    return "lines"


def values(path: Path, encoding: str | None, layout: Layout) -> Iterator[Values]:
    """Yield the values of a file in blocks."""
    if layout == "lines":
        for line, data in line_blocks(path, encoding):
            require_utf8(data, path.name, line=line)
            yield _lines(line, data)
        return
    first = 1
    for texts in _elements(path, encoding, layout):
        yield Values(_joined(texts), texts, range(first, first + len(texts)), "element")
        first += len(texts)


def parse(block: Values, schema: pa.Schema | None, *, infer: bool = False) -> pa.Table:
    """Parse a block of objects.

    Parameters
    ----------
    block : Values
        The objects.
    schema : pyarrow.Schema, optional
        Types of known columns.
    infer : bool
        Whether to find the types of other columns; they are left out otherwise.

    Returns
    -------
    pyarrow.Table
        One row an object.

    Raises
    ------
    Malformed
        If a value is not an object in JSON.
    Conflict
        If a column has values of different types.
    """
    if len(block.texts) == 0:
        return pa.table({}) if schema is None else schema.empty_table()
    if _breaks_arrow(block.texts):
        raise _first_malformed(block) or Malformed(0, "it is not a JSON object")
    try:
        table = pa.json.read_json(
            pa.BufferReader(block.data),
            read_options=pa.json.ReadOptions(use_threads=False, block_size=len(block.data) + 1),
            parse_options=pa.json.ParseOptions(
                explicit_schema=schema, unexpected_field_behavior="infer" if infer else "ignore"
            ),
        )
    except pa.ArrowInvalid as error:
        raise _exact(_translated(str(error)), block) from error
    if len(table) != len(block.texts):
        raise _first_malformed(block) or Malformed(0, "there is more than one value on it")
    return table


def texts_of(block: Values, names: Sequence[str]) -> dict[str, pa.Array]:
    """Return columns of a block as text: strings as they are, other values as JSON, null as null."""
    if not names:
        return {}
    pointers = ["/" + name.replace("~", "~0").replace("/", "~1") for name in names]
    picked = ", ".join(f"v ->> $p{at} AS c{at}" for at in range(len(names)))
    found = _sql(
        f"SELECT {picked} FROM incoming", block, {f"p{at}": text for at, text in enumerate(pointers)}
    )
    return {name: _whole(found.column(at)) for at, name in enumerate(names)}


def without_columns(block: Values, names: Iterable[str]) -> Values:
    """Return a block whose objects lack some keys."""
    patch = json.dumps(dict.fromkeys(names))
    texts = _whole(
        _sql("SELECT json_merge_patch(v, $patch)::VARCHAR FROM incoming", block, {"patch": patch}).column(0)
    )
    return Values(_joined(texts), texts, block.numbers, block.unit)


def column_of(block: Values, conflict: Conflict) -> str | None:
    """Return the column that a conflict is in; Arrow gives a path, in which a slash may be part of a key."""
    if conflict.path is None or conflict.at is None:
        return None
    keys = json.loads(block.texts[conflict.at].as_py())
    fitting = [key for key in keys if f"{conflict.path}/".startswith(f"{key}/")]
    return max(fitting, key=len, default=None)


def without_malformed(block: Values) -> tuple[Values, list[Problem]]:
    """Return the block without the values that are not JSON objects, and what is wrong with each of those."""
    problems: dict[int, str] = {}
    for at, text in enumerate(block.texts.to_pylist()):  # only ever for a block known to have one
        reason = _malformed_reason(text)
        if reason is not None:
            problems[at] = reason
    while True:
        keep = np.setdiff1d(np.arange(len(block.texts)), list(problems))
        texts = block.texts.take(pa.array(keep))
        rest = Values(_joined(texts), texts, tuple(block.numbers[at] for at in keep.tolist()), block.unit)
        try:
            parse(rest, None, infer=True)
        except Malformed as error:  # by Arrow's rules, which are stricter than Python's
            problems[int(keep[error.at])] = error.reason
        except Conflict:
            break
        else:
            break
    found = [
        Problem(block.numbers[at], reason, block.texts[at].as_py().strip()[:120])
        for at, reason in sorted(problems.items())
    ]
    return rest, found


def _lines(first: int, data: bytes) -> Values:
    """Return the lines of a block that are not blank, as text, without copying where none is."""
    if not data.endswith(b"\n"):
        data += b"\n"
    breaks = np.flatnonzero(np.frombuffer(data, np.uint8) == ord("\n")).astype(np.int32)
    offsets = np.concatenate([np.zeros(1, np.int32), breaks + 1])
    texts = pa.StringArray.from_buffers(len(breaks), pa.py_buffer(offsets), pa.py_buffer(data))
    numbers: tuple[int, ...] | range = range(first, first + len(breaks))
    has_text = pc.not_equal(pc.ascii_trim_whitespace(texts), "")
    if not pc.all(has_text, min_count=0).as_py():
        texts = texts.filter(has_text)
        numbers = tuple((np.flatnonzero(has_text.to_numpy(zero_copy_only=False)) + first).tolist())
    return Values(data, texts, numbers, "line")


def _elements(path: Path, encoding: str | None, layout: Layout) -> Iterator[pa.StringArray]:
    style = "array" if layout == "array" else "unstructured"
    with _as_plain_utf8(path, encoding) as plain, duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        found = connection.sql(
            "SELECT json::VARCHAR AS v FROM read_json_objects($path, format = $style, compression = 'none', "
            "maximum_object_size = $most)",
            params={"path": str(plain), "style": style, "most": LARGEST_VALUE},
        )
        try:
            for batch in found.to_arrow_reader(ELEMENTS_AT_ONCE):
                yield batch.column(0)
        except (duckdb.Error, OSError) as error:  # Arrow hands on what DuckDB says as an OSError
            raise _array_error(path, plain, str(error)) from error


@contextlib.contextmanager
def _as_plain_utf8(path: Path, encoding: str | None) -> Iterator[Path]:
    """Give the file itself, or a temporary copy that is UTF-8, not compressed and without byte order mark."""
    with path.open("rb") as file:
        has_mark = file.read(2) in (b"\xef\xbb", b"\xff\xfe", b"\xfe\xff")
    if encoding is None and not has_mark and not is_compressed(path):
        yield path
        return
    with tempfile.TemporaryDirectory(prefix="headwater-") as folder:
        plain = Path(folder) / "plain.json"
        with plain.open("wb") as file:
            file.writelines(utf8_chunks(path, encoding))
        yield plain


def _array_error(path: Path, plain: Path, said: str) -> InputError:
    """Name the line of a mistake in an array: Python's parser says it where the file is not too large for it."""
    if plain.stat().st_size <= LARGEST_VALUE:
        try:
            json.loads(plain.read_bytes())
        except json.JSONDecodeError as error:
            return input_error(path.name, _plain_reason(error), line=error.lineno, mend="mend the file")
        except RecursionError:
            return input_error(path.name, _TOO_DEEP, mend="mend the file")
        except UnicodeDecodeError:
            return input_error(path.name, "it is not UTF-8", mend="name the encoding with --encoding")
    reason = said.partition("Malformed JSON in file")[2].partition(", ")[2] or said
    return input_error(path.name, f"it is not JSON ({reason.strip()})", mend="mend the file")


_CHANGED = re.compile(r"Column\((.*)\) changed from (\w+) to (\w+) in row (\d+)", re.DOTALL)
_IN_ROW = re.compile(r"JSON parse error: (.*?)\.? in row (\d+)$", re.DOTALL)


def _translated(said: str) -> Malformed | Conflict:
    changed = _CHANGED.search(said)
    if changed and not changed[1]:
        return Malformed(int(changed[4]), "it is not a JSON object")
    if changed:
        return Conflict(changed[1][1:], f"{changed[2]}, then {changed[3]}", int(changed[4]))
    in_row = _IN_ROW.search(said)
    if in_row and in_row[1].endswith("was specified twice"):
        return Malformed(int(in_row[2]), _TWICE)
    if in_row:
        return Malformed(int(in_row[2]), f"it is not JSON: {in_row[1][:1].lower()}{in_row[1][1:]}")
    return Conflict(None, said)


def _sql(text: str, block: Values, params: dict[str, str]) -> pa.Table:
    """Run a query over the texts of a block, the column ``v`` of ``incoming``."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 1")
        connection.register("incoming", pa.table({"v": block.texts}))
        return connection.sql(text, params=params).to_arrow_table()


def _whole(column: pa.ChunkedArray) -> pa.Array:
    return column.combine_chunks()


def _joined(texts: pa.StringArray) -> bytes:
    return "\n".join(texts.to_pylist()).encode()


def _breaks_arrow(texts: pa.StringArray) -> bool:
    """Say whether Arrow's parser must not see these: null as a whole value, or deep nesting, ends the process."""
    if not pc.all(pc.starts_with(pc.ascii_ltrim_whitespace(texts), "{")).as_py():
        return True
    opened = pc.add(pc.count_substring(texts, "{"), pc.count_substring(texts, "["))
    many = texts.filter(pc.greater(opened, DEEPEST))  # few, unless most values hold long lists
    return any(_depth(text.encode()) > DEEPEST for text in many.to_pylist())


def _depth(text: bytes) -> int:
    """Return how many objects and arrays of a JSON text are within each other, at most."""
    letters = np.frombuffer(_STRING.sub(b"", text), np.uint8)
    steps = np.isin(letters, _OPENING).astype(np.int32) - np.isin(letters, _CLOSING)
    return int(np.cumsum(steps).max(initial=0))


_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"', re.DOTALL)
_OPENING, _CLOSING = np.frombuffer(b"{[", np.uint8), np.frombuffer(b"}]", np.uint8)


def _exact(error: Malformed | Conflict, block: Values) -> Malformed | Conflict:
    """Return the error of the value at fault: to Arrow, one that breaks off goes on in the next line."""
    first = _first_malformed(block)
    if first is None or (isinstance(error, Malformed) and error.at == first.at):
        return error
    return first


def _first_malformed(block: Values) -> Malformed | None:
    for at, text in enumerate(block.texts.to_pylist()):  # only ever for a block known to be at fault
        reason = _malformed_reason(text)
        if reason is not None:
            return Malformed(at, reason)
    return None


def _malformed_reason(text: str) -> str | None:
    if _depth(text.encode()) > DEEPEST:
        return _TOO_DEEP
    try:
        found = json.loads(text, object_pairs_hook=_object)
    except ValueError as error:
        is_more = isinstance(error, json.JSONDecodeError) and error.msg == "Extra data"
        return "there is more than one value on it" if is_more else _plain_reason(error)
    return None if isinstance(found, dict) else "it is not a JSON object"


def _is_json(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):  # one nested too deep is named when it is read
        return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError(_TWICE)
    return found


def _plain_reason(error: ValueError) -> str:
    if not isinstance(error, json.JSONDecodeError):
        return str(error)
    return f"it is not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
