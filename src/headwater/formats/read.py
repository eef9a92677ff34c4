"""Read anything: a file, a pattern, a folder, a URL, a database, or several of them, as one stream of Arrow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import NotFound, UsageError
from headwater.core.types import parse_type
from headwater.formats.base import FileMemory, OnBadLines, ReadOptions, Source
from headwater.formats.detect import detect, reader_named
from headwater.formats.infer import EXACT_IN_DOUBLE
from headwater.formats.locate import Place, locate
from headwater.formats.several import combine, few

__all__ = ["read", "read_table"]

Schema: TypeAlias = pa.Schema | Mapping[str, str | pa.DataType]


def read(
    location: str | Path | Sequence[str | Path],
    *,
    format: str | None = None,
    schema: Schema | None = None,
    query: str | None = None,
    table: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    header: bool = True,
    null_values: Sequence[str] = (),
    on_bad_lines: OnBadLines = "error",
    metadata: bool = False,
    memory: FileMemory | None = None,
    guide: Schema | None = None,
) -> Source:
    r"""Look at data and return it as a source, whose batches can then be drawn as often as needed.

    Text is gone through once before this returns: types are found over all values, and malformed lines are
    errors here, not halfway through an import. Memory stays bounded by a few blocks of a file, however large
    it is. Data from the net is kept in a temporary folder for as long as the source, or a stream from it, is.

    Parameters
    ----------
    location : str, Path or sequence of them
        A path; a pattern (``logs/*.csv``, ``**`` for any depth); a folder of data files, or of images, sounds or
        texts; ``http(s)://``, ``file://``, ``s3://``, ``gs://``, ``az://``; ``sqlite:///PATH``;
        ``postgresql://…``. Several are read one after the other, columns matched by name.
    format : str, optional
        Name of the format, where content and suffix do not say it.
    schema : pyarrow.Schema or mapping of str to str, optional
        Types of columns that are not to be inferred, by name: see `headwater.core.types.parse_type`.
    query : str, optional
        SQL for a database.
    table : str, optional
        Table of a database, or sheet of a workbook.
    encoding : str, optional
        Of text; without it the byte order mark decides, and else it has to be UTF-8.
    delimiter : str, optional
        Of delimited text; found out by default.
    header : bool
        Whether delimited text or a sheet begins with the names of its columns.
    null_values : sequence of str
        Unquoted values of delimited text that mean null, besides the empty one.
    on_bad_lines : {"error", "skip"}
        What becomes of malformed lines, and of files in a folder that cannot be read; the source reports those
        left out.
    metadata : bool
        Of a folder of media, make columns of what their headers say: size, duration and the like.
    memory : FileMemory, optional
        What remembers the files of a folder, so that those that did not change are not read.
    guide : pyarrow.Schema or mapping of str to str, optional
        What columns are elsewhere: a column here that has no values, or whole numbers where decimals are, is read so.

    Returns
    -------
    Source

    Raises
    ------
    InputError
        If something is not there or cannot be read: which file, which line, and why.
    UsageError
        If the request is not clear.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     file = Path(folder) / "people.csv"
    ...     _ = file.write_text("name,zip,age\nZoë,01234,41\nIan,98765,\n", encoding="utf-8")
    ...     source = read(file)
    ...     [str(kind) for kind in source.schema.types]
    ['string', 'string', 'int64']
    """
    if on_bad_lines not in ("error", "skip"):
        raise UsageError(
            f"on_bad_lines is 'error' or 'skip', not {on_bad_lines!r}.", on_bad_lines=on_bad_lines
        )
    options = ReadOptions(
        schema=_types(schema),
        query=query,
        table=table,
        encoding=encoding,
        delimiter=delimiter,
        header=header,
        null_values=tuple(null_values),
        on_bad_lines=on_bad_lines,
        metadata=metadata,
        memory=memory,
    )
    if format is not None:
        reader_named(format)
    locations = [location] if isinstance(location, str | Path) else list(location)
    places = [place for item in locations for place in locate(item, format=format)]
    if not places:
        raise UsageError("There is nothing to read: the list of locations is empty.")
    if query is not None and any(place.format not in ("postgres", "sqlite") for place in places):
        _require_databases(places, format)
    sources = [_source(place, format, options, is_alone=len(places) == 1) for place in places]
    missing = [name for name in options.schema if all(name not in source.schema.names for source in sources)]
    if missing:
        columns = list(dict.fromkeys(name for source in sources for name in source.schema.names))
        raise NotFound.among("column", missing[0], columns)
    wanted = _types(guide)
    if wanted:
        sources = [
            _guided(source, wanted, place, format, options, is_alone=len(places) == 1)
            for source, place in zip(sources, places, strict=True)
        ]
    if len(sources) == 1:
        return replace(sources[0], notes=few(sources[0].notes))

    def reread(at: int, types: dict[str, pa.DataType]) -> Source:
        wanted = replace(options, schema={**options.schema, **types})
        return _source(places[at], format, wanted, is_alone=False)

    return combine(sources, [place.shown for place in places], reread)


def read_table(location: str | Path | Sequence[str | Path], **options: Any) -> pa.Table:
    """Return small data whole, as a table in memory.

    Parameters
    ----------
    location : str, Path or sequence of them
        As for `read`.
    **options : Any
        As for `read`.

    Returns
    -------
    pyarrow.Table
    """
    return read(location, **options).table()


def _types(schema: Schema | None) -> dict[str, pa.DataType]:
    if schema is None:
        return {}
    if isinstance(schema, pa.Schema):
        return dict(zip(schema.names, schema.types, strict=True))
    return {name: parse_type(kind) if isinstance(kind, str) else kind for name, kind in schema.items()}


def _guided(
    source: Source,
    guide: Mapping[str, pa.DataType],
    place: Place,
    format: str | None,
    options: ReadOptions,
    *,
    is_alone: bool,
) -> Source:
    """Return the source read again, where what columns are elsewhere says more than its own values."""
    types = {
        field.name: guide[field.name]
        for field in source.schema
        if field.name in guide and field.type != guide[field.name] and field.name in source.unsettled
    }
    whole = [
        field.name
        for field in source.schema
        if pa.types.is_integer(field.type) and pa.types.is_floating(guide.get(field.name, field.type))
    ]
    types |= {name: guide[name] for name in _exact_in_double(source, whole)}
    if not types:
        return source
    return _source(place, format, replace(options, schema={**types, **options.schema}), is_alone=is_alone)


def _exact_in_double(source: Source, names: Sequence[str]) -> list[str]:
    """Return those columns of whole numbers that doubles hold without loss."""
    left = list(names)
    for batch in source.batches() if left else ():
        ends = {name: pc.min_max(batch.column(name)).as_py() for name in left}
        left = [
            name
            for name in left
            if max(abs(ends[name]["min"] or 0), abs(ends[name]["max"] or 0)) <= EXACT_IN_DOUBLE
        ]
    return left


def _require_databases(places: Sequence[Place], format: str | None) -> None:
    for place in places:
        kind = format or place.format or detect(Path(place.location))[0]
        if kind not in ("postgres", "postgresql", "sqlite"):
            raise UsageError(
                f"A query goes with a database; {place.shown} is {kind}. Read it, then use hw sql."
            )


def _source(place: Place, format: str | None, options: ReadOptions, *, is_alone: bool) -> Source:
    kind, surprise = format or place.format, None
    if kind is None:
        kind, surprise = detect(Path(place.location))
    reader = reader_named(kind)
    while True:
        try:
            source = reader.read(place.location, options=options)
            break
        except NotFound as error:  # of several files, not each needs every column that is given a type
            if (
                is_alone
                or error.facts.get("kind") != "column"
                or error.facts.get("name") not in options.schema
            ):
                raise
            rest = {name: kind for name, kind in options.schema.items() if name != error.facts["name"]}
            options = replace(options, schema=rest)
    notes = source.notes if surprise is None else (surprise, *source.notes)
    if source.skipped:
        first, count = source.bad_lines[0], source.skipped
        lines = "1 malformed line" if count == 1 else f"{count:,} malformed lines"
        notes = (f"Left out {lines}, the first being line {first.line}: {first.reason}.", *notes)
    shown = source.location if place.format == "postgres" else place.shown
    return _held(replace(source, location=shown, notes=notes), place)


def _held(source: Source, place: Place) -> Source:
    """Return the source with streams that keep the temporary folder of its data alive."""
    if place.holds is None:
        return source

    def batches() -> Iterator[pa.RecordBatch]:
        folder = place.holds
        yield from source.batches()
        del folder

    return replace(source, batches=batches)
