"""Names of Arrow types, as people write them: ``timestamp``, ``decimal(10, 2)``, ``list<string>``."""

from __future__ import annotations

import re
from collections.abc import Callable

import pyarrow as pa

from headwater.core.errors import NotFound, UsageError

__all__ = ["parse_type", "type_name"]

_PLAIN: dict[str, pa.DataType] = {
    "null": pa.null(),
    "bool": pa.bool_(),
    "int8": pa.int8(),
    "int16": pa.int16(),
    "int32": pa.int32(),
    "int64": pa.int64(),
    "uint8": pa.uint8(),
    "uint16": pa.uint16(),
    "uint32": pa.uint32(),
    "uint64": pa.uint64(),
    "half": pa.float16(),
    "float": pa.float32(),
    "double": pa.float64(),
    "string": pa.string(),
    "large_string": pa.large_string(),
    "string_view": pa.string_view(),
    "binary": pa.binary(),
    "large_binary": pa.large_binary(),
    "binary_view": pa.binary_view(),
    "date": pa.date32(),
    "date64": pa.date64(),
    "interval": pa.month_day_nano_interval(),
    "uuid": pa.uuid(),
}
_NAMES = {kind: name for name, kind in _PLAIN.items()}
_ALIASES = {
    "boolean": "bool",
    "int": "int64",
    "integer": "int64",
    "long": "int64",
    "bigint": "int64",
    "float16": "half",
    "float32": "float",
    "float64": "double",
    "str": "string",
    "text": "string",
    "utf8": "string",
    "varchar": "string",
    "bytes": "binary",
    "date32": "date",
    "datetime": "timestamp",
    "numeric": "decimal",
    "decimal128": "decimal",
}
_SHAPED = ("timestamp", "time", "duration", "decimal", "list", "struct", "map", "dictionary", "fixed_binary")
_UNITS = ("s", "ms", "us", "ns")
_BARE = re.compile(r"[A-Za-z_]\w*")
_DEEPEST = 64


def parse_type(name: str) -> pa.DataType:
    """Return the Arrow type that ``name`` stands for.

    Plain types are ``bool``, ``int8`` to ``int64``, ``uint8`` to ``uint64``, ``half``, ``float``, ``double``,
    ``string``, ``binary``, ``date``, ``uuid``; others take arguments: ``timestamp[ms, UTC]`` (microseconds
    without zone by default), ``time[us]``, ``duration[us]``, ``decimal(10, 2)``, ``list<float>``,
    ``list<float>[384]`` for lists of one length, ``struct<a: int64, b: string>``, ``map<string, int64>``,
    ``dictionary<int32, string>``, ``fixed_binary[16]``. Common other names (``int``, ``text``, ``datetime``)
    are understood; upper and lower case are one, except in field names and zones.

    Parameters
    ----------
    name : str
        The name, as `type_name` or a person writes it.

    Returns
    -------
    pyarrow.DataType
        The type, with nullable children.

    Raises
    ------
    NotFound
        If there is no such type; the message suggests the nearest.
    UsageError
        If the arguments of a type are wrong or missing.

    Examples
    --------
    >>> str(parse_type("timestamp[ms, UTC]"))
    'timestamp[ms, tz=UTC]'
    >>> type_name(parse_type("struct<a: int, tags: list<text>>"))
    'struct<a: int64, tags: list<string>>'
    """
    parser = _Parser(name)
    kind = parser.type(0)
    parser.skip()
    if parser.at < len(name):
        raise parser.wrong("the name goes on after the type")
    return kind


def type_name(kind: pa.DataType) -> str:
    """Return the name of a type: ``parse_type(type_name(kind))`` is ``kind`` again.

    Metadata of fields, and which fields of a struct may be null, are not part of the name.

    Parameters
    ----------
    kind : pyarrow.DataType
        The type.

    Returns
    -------
    str
        Its name; for a type that has none here, Arrow's own.
    """
    if kind in _NAMES:
        return _NAMES[kind]
    for is_kind, write in _WRITERS:
        if is_kind(kind):
            return write(kind)
    return str(kind)


def _list_name(kind: pa.DataType) -> str:
    size = f"[{kind.list_size}]" if pa.types.is_fixed_size_list(kind) else ""
    prefix = "large_" if pa.types.is_large_list(kind) else ""
    return f"{prefix}list<{type_name(kind.value_type)}>{size}"


def _struct_name(kind: pa.DataType) -> str:
    return f"struct<{', '.join(f'{_quoted(field.name)}: {type_name(field.type)}' for field in kind)}>"


def _timestamp_name(kind: pa.DataType) -> str:
    if kind.tz is not None:
        return f"timestamp[{kind.unit}, {kind.tz}]"
    return "timestamp" if kind.unit == "us" else f"timestamp[{kind.unit}]"


def _decimal_name(kind: pa.DataType) -> str:
    arguments = f"({kind.precision}, {kind.scale})"
    return ("decimal" if kind.bit_width == 128 else f"decimal{kind.bit_width}") + arguments


def _quoted(name: str) -> str:
    return name if _BARE.fullmatch(name) else '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'


_WRITERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.DataType], str]], ...] = (
    (pa.types.is_timestamp, _timestamp_name),
    (pa.types.is_time, lambda kind: f"time[{kind.unit}]"),
    (pa.types.is_duration, lambda kind: f"duration[{kind.unit}]"),
    (pa.types.is_decimal, _decimal_name),
    (pa.types.is_fixed_size_binary, lambda kind: f"fixed_binary[{kind.byte_width}]"),
    (pa.types.is_list, _list_name),
    (pa.types.is_large_list, _list_name),
    (pa.types.is_fixed_size_list, _list_name),
    (pa.types.is_struct, _struct_name),
    (pa.types.is_map, lambda kind: f"map<{type_name(kind.key_type)}, {type_name(kind.item_type)}>"),
    (
        pa.types.is_dictionary,
        lambda kind: f"dictionary<{type_name(kind.index_type)}, {type_name(kind.value_type)}>",
    ),
)


class _Parser:
    """Reads one type name from left to right; ``at`` is the place in ``text``."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0

    def wrong(self, reason: str) -> UsageError:
        return UsageError(
            f"Type {self.text!r}: {reason}, at character {self.at + 1}. "
            "Write for example 'int64', 'timestamp[us, UTC]', 'decimal(10, 2)' or 'list<string>'.",
            type=self.text,
            at=self.at,
        )

    def type(self, depth: int) -> pa.DataType:
        if depth > _DEEPEST:
            raise self.wrong(f"more than {_DEEPEST} types inside each other")
        word = self.word()
        name = _ALIASES.get(word.lower(), word.lower())
        if name in _PLAIN:
            return _PLAIN[name]
        if name in ("timestamp", "duration", "time"):
            return self._timed(name)
        if name in ("decimal", "decimal32", "decimal64", "decimal256"):
            return self._decimal(name)
        if name == "fixed_binary":
            return pa.binary(self._size("the length in bytes"))
        if name in ("list", "large_list"):
            return self._list(name, depth)
        if name == "struct":
            return self._struct(depth)
        if name in ("map", "dictionary"):
            return self._pair(name, depth)
        if not word:
            raise self.wrong("the name of a type is missing")
        where = "" if word == self.text else repr(self.text)
        raise NotFound.among("type", word, [*_PLAIN, *_SHAPED], where=where)

    def skip(self) -> None:
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1

    def word(self) -> str:
        self.skip()
        found = _BARE.match(self.text, self.at)
        if found is None:
            return ""
        self.at = found.end()
        return found.group()

    def takes(self, mark: str) -> bool:
        self.skip()
        if not self.text.startswith(mark, self.at):
            return False
        self.at += len(mark)
        return True

    def expect(self, mark: str) -> None:
        if not self.takes(mark):
            raise self.wrong(f"{mark!r} is missing")

    def until(self, marks: str) -> str:
        start = self.at
        while self.at < len(self.text) and self.text[self.at] not in marks:
            self.at += 1
        return self.text[start : self.at].strip()

    def number(self, what: str) -> int:
        written = self.until(",)]>")
        if not re.fullmatch(r"-?\d{1,9}", written):
            raise self.wrong(f"{what} is not a whole number")
        return int(written)

    def _size(self, what: str) -> int:
        self.expect("[")
        size = self.number(what)
        self.expect("]")
        if size < 0:
            raise self.wrong(f"{what} is negative")
        return size

    def _timed(self, name: str) -> pa.DataType:
        unit, zone = "us", None
        if self.takes("["):
            unit = self.until(",]")
            if self.takes(","):
                zone = self.until("]").removeprefix("tz=").strip()
            self.expect("]")
        if unit not in _UNITS:
            raise self.wrong(f"the unit is {unit!r}, not one of {', '.join(_UNITS)}")
        if zone is not None and (name != "timestamp" or not zone):
            raise self.wrong(f"{name} takes no zone" if zone else "the zone is empty")
        if name == "timestamp":
            return pa.timestamp(unit, zone)
        if name == "duration":
            return pa.duration(unit)
        return pa.time32(unit) if unit in ("s", "ms") else pa.time64(unit)

    def _decimal(self, name: str) -> pa.DataType:
        self.expect("(")
        precision = self.number("the number of digits")
        scale = self.number("the number of decimals") if self.takes(",") else 0
        self.expect(")")
        make = {"decimal": pa.decimal128, "decimal32": pa.decimal32, "decimal64": pa.decimal64}.get(
            name, pa.decimal256
        )
        try:
            return make(precision, scale)
        except ValueError as error:
            raise self.wrong(str(error)) from error

    def _list(self, name: str, depth: int) -> pa.DataType:
        self.expect("<")
        item = self.type(depth + 1)
        self.expect(">")
        self.skip()
        if name == "list" and self.text.startswith("[", self.at):
            return pa.list_(item, self._size("the length of the lists"))
        return pa.list_(item) if name == "list" else pa.large_list(item)

    def _struct(self, depth: int) -> pa.DataType:
        self.expect("<")
        fields: list[pa.Field] = []
        while not self.takes(">"):
            if fields:
                self.expect(",")
            name = self._field_name()
            self.expect(":")
            fields.append(pa.field(name, self.type(depth + 1)))
        return pa.struct(fields)

    def _field_name(self) -> str:
        if not self.takes('"'):
            name = self.word()
            if not name:
                raise self.wrong("a field has no name")
            return name
        letters = []
        while self.at < len(self.text) and self.text[self.at] != '"':
            self.at += self.text[self.at] == "\\"
            letters.append(self.text[self.at : self.at + 1])
            self.at += 1
        self.expect('"')
        return "".join(letters)

    def _pair(self, name: str, depth: int) -> pa.DataType:
        self.expect("<")
        first = self.type(depth + 1)
        self.expect(",")
        second = self.type(depth + 1)
        self.expect(">")
        if name == "map":
            return pa.map_(first, second)
        if not pa.types.is_integer(first):
            raise self.wrong("the first type of a dictionary is that of its indices, an integer")
        return pa.dictionary(first, second)
