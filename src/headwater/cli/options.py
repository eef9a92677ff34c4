"""Kinds of option values that several commands take: columns, a schema, parameters, names with a ref."""

from __future__ import annotations

import re
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

Command = Callable[..., None]

__all__ = [
    "Size",
    "assignment",
    "column_name",
    "column_names",
    "column_types",
    "engine_options",
    "importable",
    "joined",
    "judging_options",
    "label_option",
    "reading",
    "reading_options",
    "role_options",
    "roles",
    "seed_option",
    "shell_word",
    "split_ref",
]


def column_names(text: str) -> tuple[str, ...]:
    """Return column names separated by commas; a name that holds a comma goes in double quotes.

    Raises
    ------
    click.BadParameter
        If a name is empty.
    """
    names = tuple(
        bare.strip() if quoted is None else quoted.replace('""', '"')
        for quoted, bare in (match.groups() for match in _NAME.finditer(text + ","))
    )
    if not all(names):
        raise click.BadParameter(f"{text!r} holds an empty column name.")
    return names


def column_name(text: str) -> str:
    """Return one column name as it is.

    Raises
    ------
    click.BadParameter
        If it is empty, as a variable of a script may be.
    """
    if not text:
        raise click.BadParameter("a column name is empty.")
    return text


def column_types(text: str) -> dict[str, str]:
    """Return column → type of ``age:int64,price:decimal(10,2)``; commas inside brackets belong to a type.

    Raises
    ------
    click.BadParameter
        If a part has no type.
    """
    out = {}
    for part in _outside_brackets(text, ","):
        *name, kind = _outside_brackets(part, ":")
        if not "".join(name).strip() or not kind.strip():
            raise click.BadParameter(f"{part.strip()!r} is no COLUMN:TYPE, for example age:int64.")
        out[":".join(name).strip()] = kind.strip()
    return out


def assignment(text: str) -> tuple[str, Any]:
    """Return name and value of ``NAME=VALUE``; the value is read as JSON where it is JSON, else as text.

    Raises
    ------
    click.BadParameter
        If there is no name or no equals sign.
    """
    name, equals, value = text.partition("=")
    if not equals or not name.strip():
        raise click.BadParameter(f"{text!r} is no NAME=VALUE.")
    return name.strip(), _value(value)


class Size(click.ParamType[int]):
    """A number of bytes: ``500MB``, ``10GB``."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Read the text."""
        if isinstance(value, int):
            return value
        match = re.fullmatch(r"(\d{1,6})\s*([kmgt]?)b?", str(value).strip().lower())
        if match is None:
            self.fail(f"{value!r} is not a size: write 500MB or 10GB.", param, ctx)
        return int(match[1]) * _UNITS[match[2]]


_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}
_NAME = re.compile(r'\s*(?:"((?:[^"]|"")*)"\s*|([^,]*)),')


def joined(values: tuple[tuple[str, ...], ...]) -> tuple[str, ...]:
    """Return the names of an option given any number of times, once each."""
    return tuple(dict.fromkeys(name for names in values for name in names))


def role_options(key_help: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the options that say what columns are for; see `roles`.

    Parameters
    ----------
    key_help : str
        What ``--key`` means to the command.
    """
    columns: dict[str, Any] = {"type": column_names, "metavar": "COL,…", "multiple": True}
    return _adding(
        click.option("--key", help=key_help, **columns),
        label_option("The column that a model learns to predict."),
        click.option("--sensitive", help="Sensitive features, such as sex or race.", **columns),
        click.option(
            "--time",
            type=column_name,
            metavar="COL",
            help="The column that says when a row's event happened.",
        ),
    )


def label_option(help: str) -> Callable[[Command], Command]:
    """Return a decorator that adds ``--label``."""
    return click.option("--label", type=column_name, metavar="COL", help=help)


def seed_option(help: str) -> Callable[[Command], Command]:
    """Return a decorator that adds ``--seed``, within what every generator of random numbers takes."""
    kind = click.IntRange(0, 2**31 - 1)
    return click.option("--seed", type=kind, default=0, show_default=True, metavar="INTEGER", help=help)


def roles(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return label, sensitive features and time of the role options; None for what was not given."""
    return {
        "label": options["label"],
        "sensitive": joined(options["sensitive"]) or None,
        "time": options["time"],
    }


def judging_options(function: Command) -> Command:
    """Add the options that say which findings are shown: ``limit`` and ``everything``."""
    return _adding(
        click.option(
            "-n",
            "--limit",
            type=click.IntRange(min=0),
            default=10,
            show_default=True,
            help="Findings to show; 0 for all.",
        ),
        click.option("--all", "everything", is_flag=True, help="Show findings that pass, too."),
    )(function)


def engine_options(function: Command) -> Command:
    """Add the options that say where the work on chunks is done; the session is told, not the command."""
    return _adding(
        click.option(
            "--engine",
            metavar="NAME",
            envvar="HEADWATER_ENGINE",
            expose_value=False,
            callback=_tell,
            help="Where the work is done: local (the default), ray, or ray://HOST:PORT.",
        ),
        click.option(
            "--workers",
            type=click.IntRange(min=1),
            expose_value=False,
            callback=_tell,
            help="Chunks to work on at once; as many as there is room for by default.",
        ),
    )(function)


def reading_options(*format_options: str) -> Callable[[Command], Command]:
    """Return a decorator that adds the options that say how a file is read.

    Parameters
    ----------
    *format_options : str
        What the option for the file's format is called; ``--input-format``, as messages say, is among them.
    """
    return _adding(
        click.option(
            *format_options,
            "input_format",
            metavar="FORMAT",
            help="Format of the file; its content and suffix say it by default.",
        ),
        click.option(
            "--schema",
            type=column_types,
            metavar="COL:TYPE,…",
            help="Types that are not to be inferred.",
        ),
        click.option("--query", metavar="SQL", help="What to read from a database."),
        click.option("--table", metavar="NAME", help="A table of a database, or a sheet of a workbook."),
        click.option("--encoding", metavar="NAME", help="Encoding of text; UTF-8 by default."),
        click.option(
            "--delimiter",
            metavar="CHAR",
            help=r"Between the fields of a CSV, \t for a tab; found out by default.",
        ),
        click.option("--no-header", is_flag=True, help="The first line of a CSV or sheet is data."),
        click.option(
            "--null", "nulls", multiple=True, metavar="TEXT", help="Text that means null, such as NA."
        ),
        click.option(
            "--on-bad-lines",
            type=click.Choice(["error", "skip"]),
            default="error",
            show_default=True,
            help="Lines or files that cannot be read: stop, or leave them out and say which.",
        ),
    )


def reading(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return those of the reading options that were given, as `headwater.formats.read.read` takes them."""
    given = {name: options[name] for name in ("schema", "query", "table", "encoding", "delimiter")}
    if given["delimiter"] == r"\t":
        given["delimiter"] = "\t"
    given["format"] = options["input_format"]
    given["header"], given["null_values"] = not options["no_header"], options["nulls"]
    given["on_bad_lines"] = options["on_bad_lines"]
    defaults = {"header": True, "null_values": (), "on_bad_lines": "error"}
    return {name: value for name, value in given.items() if value is not None and value != defaults.get(name)}


def shell_word(text: str) -> str:
    """Return text as one word of a shell, in the quotes that read best."""
    if "'" in text and not re.search(r"[$`\\!]", text):  # these mean something inside double quotes
        return '"' + text.replace('"', '\\"') + '"'
    return shlex.quote(text)


def split_ref(name: str) -> tuple[str, str | None]:
    """Return dataset and ref of ``NAME@REF``; without a ref, None."""
    dataset, at, ref = name.partition("@")
    return dataset, ref if at else None


def _tell(context: click.Context, parameter: click.Parameter, value: Any) -> None:
    if value is None:
        return
    assert parameter.name is not None
    setattr(context.obj, parameter.name, value)
    if parameter.name == "engine":
        source = context.get_parameter_source(parameter.name)
        context.obj.is_engine_asked = source is not ParameterSource.ENVIRONMENT


def _adding(*options: Callable[[Command], Command]) -> Callable[[Command], Command]:
    """Return a decorator that adds options, listed in this order."""

    def decorate(function: Command) -> Command:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


def _outside_brackets(text: str, separator: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for match in re.finditer(r"[\[\](){}<>,:]", text):
        mark = match.group()
        if mark == separator and depth == 0:
            parts.append(text[start : match.start()])
            start = match.end()
        else:
            depth += (mark in "[({<") - (mark in "])}>")
    return [*parts, text[start:]]


def _value(text: str) -> Any:
    import json

    try:
        return json.loads(text)
    except ValueError:
        return text


def importable(context: click.Context, parameter: click.Parameter, name: str | None) -> str | None:
    """Let a recipe or an encoder of the user's be a module in the current directory, as ``python -m`` does."""
    here = str(Path.cwd())
    if name and ":" in name and here not in sys.path:
        sys.path.append(here)
    return name
