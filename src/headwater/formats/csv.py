"""Delimited text: CSV and TSV, plain or compressed, of any size.

Two passes over the file, both in blocks of whole records worked on in parallel: the first finds the types over
all values and every malformed line; the second converts.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv
from numpy.typing import NDArray

from headwater.core.errors import NotFound
from headwater.formats.base import (
    BAD_LINES_KEPT,
    BadLine,
    ReadOptions,
    Source,
    WriteOptions,
    batches_of,
    register,
)
from headwater.formats.convert import ValueMisfit, convert
from headwater.formats.copying import copy_csv
from headwater.formats.dialect import SAMPLE_BYTES, Dialect, find_dialect
from headwater.formats.infer import EMPTY, Facts, Kind, arrow_type, look, merge, note
from headwater.formats.parallel import in_order
from headwater.formats.records import Block, Problem, blocks, record_lines
from headwater.formats.text import input_error, require_utf8, utf8_chunks

__all__ = ["DelimitedText"]

MEND_LINE = "mend the line, or leave such lines out with --on-bad-lines skip"
MEND_VALUE = "mend the value, or give the column another type with --schema"


@dataclass(frozen=True, slots=True)
class DelimitedText:
    """Reads and writes delimited text; ``delimiter`` is what the format prescribes, if anything."""

    names: tuple[str, ...]
    suffixes: tuple[str, ...]
    delimiter: str | None = None

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Find the types over the whole file and return it as a source.

        Parameters
        ----------
        location : str
            Path of the file.
        options : ReadOptions
            All but ``query`` and ``table`` are used.

        Returns
        -------
        Source

        Raises
        ------
        InputError
            For a malformed line, text in another encoding, or a value that does not fit its type.
        """
        path = Path(location)
        dialect = find_dialect(_head(path, options), path.name, options=options, delimiter=self.delimiter)
        for name in options.schema:
            if name not in dialect.names:
                raise NotFound.among("column", name, dialect.names, where=path.name)
        text = _Text(path, options, dialect)
        survey = _survey(text)
        types = [options.schema.get(name, arrow_type(facts)) for name, facts in survey.columns.items()]
        schema = pa.schema(list(zip(dialect.names, types, strict=True)))
        return Source(
            location=location,
            format=self.names[0],
            schema=schema,
            num_rows=survey.rows,
            batches=lambda: batches_of(text.batches(schema, survey.only)),
            notes=(*dialect.notes, *_notes(survey, options)),
            skipped=survey.skipped,
            bad_lines=tuple(BadLine(path.name, bad.line, bad.reason, bad.text) for bad in survey.bad_lines),
            unsettled=frozenset(
                name
                for name, facts in survey.columns.items()
                if facts.kind in (Kind.EMPTY, Kind.BLANK) and name not in options.schema
            ),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write the batches with a header; see `headwater.formats.copying.copy_csv` for the form of values."""
        copy_csv(batches, schema, target, delimiter=self.delimiter or ",")


@dataclass(frozen=True, slots=True)
class _Parsed:
    """The fields of a block as text, and the malformed lines in it or just before it."""

    block: Block
    batch: pa.RecordBatch
    problems: list[Problem]


@dataclass(slots=True)
class _Survey:
    """What the first pass found: facts of each column, and ``only``, the one block of a small file."""

    columns: dict[str, Facts]
    rows: int = 0
    skipped: int = 0
    bad_lines: list[Problem] = field(default_factory=list)
    only: _Parsed | None = None


@dataclass(frozen=True, slots=True)
class _Text:
    """One file with its dialect."""

    path: Path
    options: ReadOptions
    dialect: Dialect

    def blocks(self) -> Iterator[Block]:
        """Yield the records of data."""
        chunks = _without_start(utf8_chunks(self.path, self.options.encoding), self.dialect.start)
        return blocks(chunks, self.dialect.delimiter, self.dialect.newline, line=self.dialect.line)

    def parse(self, block: Block) -> _Parsed:
        """Split a block into fields; leave out records with too few or too many."""
        require_utf8(block.data, self.path.name, line=block.line, newline=self.dialect.newline)
        ragged: list[pa.csv.InvalidRow] = []

        def leave_out(row: pa.csv.InvalidRow) -> str:
            ragged.append(row)
            return "skip"

        batch = _fields(block.data, self.dialect, self.options.null_values, leave_out)
        problems = [] if block.problem is None else [block.problem]
        if ragged:
            lines = self.lines(block)
            wanted = len(self.dialect.names)
            problems += [
                Problem(
                    int(lines[row.number - 1]),
                    f"{row.actual_columns} field{'s'[: row.actual_columns != 1]} where the header has {wanted}",
                    row.text[:120],
                )
                for row in ragged
            ]
        return _Parsed(block, batch, problems)

    def lines(self, block: Block) -> NDArray[np.int64]:
        """Return the line of every record of a block."""
        is_blank_a_record = len(self.dialect.names) == 1
        return record_lines(block, self.dialect.delimiter, self.dialect.newline, blank=is_blank_a_record)

    def batches(self, schema: pa.Schema, only: _Parsed | None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their types; ``only`` spares reading a small file again."""

        def converted(parsed: _Parsed) -> pa.RecordBatch:
            columns = [
                self.converted(parsed, at, schema.field(at).type) for at in range(len(self.dialect.names))
            ]
            return pa.RecordBatch.from_arrays(columns, schema=schema)

        if only is not None:
            return iter([converted(only)])
        return in_order(lambda block: converted(self.parse(block)), self.blocks())

    def converted(self, parsed: _Parsed, at: int, kind: pa.DataType) -> pa.Array:
        """Return a column of a block in its type."""
        try:
            return convert(parsed.batch.column(at), kind, nulls=self.options.null_values)
        except ValueMisfit as misfit:
            lines = self.lines(parsed.block)
            ragged = [problem.line for problem in parsed.problems]
            line = int(lines[~np.isin(lines, ragged)][misfit.row])
            name = self.dialect.names[at]
            raise input_error(
                self.path.name,
                f"column {name!r}: {misfit.reason}",
                line=line,
                mend=MEND_VALUE,
                column=name,
                value=misfit.value,
            ) from misfit


def _head(path: Path, options: ReadOptions) -> bytes:
    head = b""
    for chunk in utf8_chunks(path, options.encoding):
        head += chunk
        if len(head) >= SAMPLE_BYTES:
            break
    return head


def _without_start(chunks: Iterator[bytes], count: int) -> Iterator[bytes]:
    """Yield the chunks without their first ``count`` bytes."""
    for chunk in chunks:
        if count < len(chunk):
            yield chunk[count:] if count else chunk
        count = max(0, count - len(chunk))


def _fields(data: bytes, dialect: Dialect, null_values: tuple[str, ...], leave_out: Any) -> pa.RecordBatch:
    """Parse a block; an empty field is null where it is not quoted."""
    names = [str(position) for position in range(len(dialect.names))]
    if not data:
        return pa.RecordBatch.from_arrays([pa.array([], pa.string()) for _ in names], names)
    table = pa.csv.read_csv(
        pa.BufferReader(data),
        read_options=pa.csv.ReadOptions(use_threads=False, block_size=len(data) + 1, column_names=names),
        parse_options=pa.csv.ParseOptions(
            delimiter=dialect.delimiter,
            newlines_in_values=True,
            ignore_empty_lines=len(names) > 1,
            invalid_row_handler=leave_out,
        ),
        convert_options=pa.csv.ConvertOptions(
            check_utf8=False,
            column_types=dict.fromkeys(names, pa.string()),
            null_values=["", *null_values],
            strings_can_be_null=True,
            quoted_strings_can_be_null=False,
        ),
    )
    return (
        table.combine_chunks().to_batches()[0]
        if len(table)
        else _fields(b"", dialect, null_values, leave_out)
    )


def _survey(text: _Text) -> _Survey:
    """Go over the whole file once, for the types of its columns and its malformed lines."""
    options = text.options
    survey = _Survey(dict.fromkeys(text.dialect.names, EMPTY))

    def looked_at(block: Block) -> tuple[_Parsed, list[Facts]]:
        parsed = text.parse(block)
        if parsed.problems and options.on_bad_lines == "error":
            return parsed, []
        facts = []
        for at, (name, hint) in enumerate(survey.columns.items()):
            if name in options.schema:
                text.converted(parsed, at, options.schema[name])
            facts.append(EMPTY if name in options.schema else look(parsed.batch.column(at), hint))
        return parsed, facts

    for index, (parsed, facts) in enumerate(in_order(looked_at, text.blocks())):
        if parsed.problems and options.on_bad_lines == "error":
            raise _bad_line_error(text, min(parsed.problems, key=lambda problem: problem.line))
        known = survey.columns.items()
        survey.columns = {
            name: merge(old, new.moved(survey.rows)) for (name, old), new in zip(known, facts, strict=True)
        }
        survey.rows += parsed.batch.num_rows
        survey.skipped += len(parsed.problems)
        survey.bad_lines += parsed.problems[: BAD_LINES_KEPT - len(survey.bad_lines)]
        survey.only = parsed if index == 0 else None
    return survey


def _bad_line_error(text: _Text, problem: Problem) -> Exception:
    shown = f" ({problem.text!r})" if problem.text else ""
    return input_error(
        text.path.name, f"{problem.reason}{shown}", line=problem.line, mend=MEND_LINE, text=problem.text
    )


def _notes(survey: _Survey, options: ReadOptions) -> Iterator[str]:
    if not survey.rows:
        return
    for name, facts in survey.columns.items():
        said = note(name, facts) if name not in options.schema else None
        if said is not None:
            yield said


_CSV = DelimitedText(names=("csv",), suffixes=(".csv",))
_TSV = DelimitedText(names=("tsv",), suffixes=(".tsv", ".tab"), delimiter="\t")

register(reader=_CSV, writer=_CSV)
register(reader=_TSV, writer=_TSV)
