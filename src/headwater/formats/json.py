"""JSON: one object a line, or an array of objects, plain or compressed, of any size.

Two passes: the first finds the types over all values, the second converts. Objects become structs, arrays lists.
A column whose values have no type in common is read as text, objects in it as JSON.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import InputError, NotFound
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
from headwater.formats.copying import copy_json
from headwater.formats.csv import MEND_LINE, MEND_VALUE
from headwater.formats.infer import EMPTY, EXACT_IN_DOUBLE, Facts, Kind, arrow_type, look, merge
from headwater.formats.json_blocks import (
    Conflict,
    Layout,
    Malformed,
    Values,
    column_of,
    find_layout,
    parse,
    texts_of,
    values,
    without_columns,
    without_malformed,
)
from headwater.formats.json_types import join_types, settled, without_times
from headwater.formats.parallel import in_order
from headwater.formats.records import Problem
from headwater.formats.text import input_error

__all__ = ["Json"]

_TIMES = (Kind.DATE, Kind.TIMESTAMP, Kind.INSTANT)


@dataclass(frozen=True, slots=True)
class Json:
    """Reads JSON in either layout; writes JSON Lines. ``may_span_lines`` allows objects over several lines."""

    names: tuple[str, ...]
    suffixes: tuple[str, ...]
    may_span_lines: bool = False

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Find the types over the whole file and return it as a source.

        A column asked for by ``schema`` is read from its JSON text; a number there has the digits of a double,
        so write decimals as strings where that is too few.

        Parameters
        ----------
        location : str
            Path of the file.
        options : ReadOptions
            ``schema``, ``encoding`` and ``on_bad_lines`` are used.

        Returns
        -------
        Source

        Raises
        ------
        InputError
            For a malformed line, text in another encoding, or a value that does not fit its type.
        """
        path = Path(location)
        layout = find_layout(path, options.encoding, may_span_lines=self.may_span_lines)
        text = _Text(path, options, layout)
        survey = _Survey()
        for looked in in_order(lambda block: _look(text, block, survey), text.values()):
            survey.add(looked)
        plan = survey.plan(text)
        return Source(
            location=location,
            format=self.names[0],
            schema=plan.schema,
            num_rows=survey.rows,
            batches=lambda: batches_of(in_order(lambda block: text.batch(block, plan), text.values())),
            notes=tuple(survey.notes(plan)),
            skipped=survey.skipped,
            bad_lines=tuple(BadLine(path.name, bad.line, bad.reason, bad.text) for bad in survey.bad_lines),
            unsettled=frozenset(
                name
                for name, kind in survey.types.items()
                if pa.types.is_null(kind) and name not in options.schema
            ),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write one object a line; see `headwater.formats.copying.copy_json` for the form of values."""
        copy_json(batches, schema, target)


@dataclass(frozen=True)
class _Plan:
    """How to read each column in the second pass: ``parsed`` by Arrow, the others from their text."""

    schema: pa.Schema
    parsed: pa.Schema


@dataclass(frozen=True)
class _Looked:
    """What the first pass found in a block: types as parsed, times in text, and why columns are text."""

    types: dict[str, pa.DataType]
    facts: dict[str, Facts]
    as_text: dict[str, str]
    imprecise: list[str]
    rows: int
    first: str
    problems: list[Problem]
    keys: list[str]


@dataclass(frozen=True)
class _Text:
    """One file."""

    path: Path
    options: ReadOptions
    layout: Layout

    def values(self) -> Iterator[Values]:
        return values(self.path, self.options.encoding, self.layout)

    def clean(self, block: Values, error: Malformed) -> tuple[Values, list[Problem]]:
        """Leave out the malformed values of a block, where that is wanted."""
        if self.options.on_bad_lines == "skip":
            return without_malformed(block)
        text = block.texts[error.at].as_py().strip()[:120]
        raise self.error(block, error.at, f"{error.reason} ({text!r})", MEND_LINE, text=text) from error

    def batch(self, block: Values, plan: _Plan) -> pa.RecordBatch:
        """Return a block in its types."""
        try:
            table = parse(block, plan.parsed)
        except Malformed as error:
            block, _ = self.clean(block, error)
            table = parse(block, plan.parsed)
        texts = texts_of(block, [name for name in plan.schema.names if name not in plan.parsed.names])
        columns = [
            self.converted(block, name, texts[name] if name in texts else table[name].combine_chunks(), kind)
            for name, kind in zip(plan.schema.names, plan.schema.types, strict=True)
        ]
        return pa.RecordBatch.from_arrays(columns, schema=plan.schema)

    def converted(self, block: Values, name: str, column: pa.Array, kind: pa.DataType) -> pa.Array:
        """Return a column of a block in its type."""
        try:
            return convert(column, kind)
        except ValueMisfit as misfit:
            reason = f"column {name!r}: {misfit.reason}"
            raise self.error(
                block, misfit.row, reason, MEND_VALUE, column=name, value=misfit.value
            ) from misfit

    def error(self, block: Values, at: int, reason: str, mend: str, **facts: Any) -> InputError:
        """Return the error for a value, named by its line or by its place in the array."""
        number = block.numbers[at]
        if block.unit == "line":
            return input_error(self.path.name, reason, line=number, mend=mend, **facts)
        return input_error(self.path.name, f"element {number}: {reason}", mend=mend, element=number, **facts)


@dataclass
class _Survey:
    """What the first pass has found so far."""

    types: dict[str, pa.DataType] = field(default_factory=dict)
    facts: dict[str, Facts] = field(default_factory=dict)
    as_text: dict[str, str] = field(default_factory=dict)
    imprecise: set[str] = field(default_factory=set)
    rows: int = 0
    skipped: int = 0
    bad_lines: list[Problem] = field(default_factory=list)

    def add(self, looked: _Looked) -> None:
        """Take in what was found in the next block."""
        for name in looked.keys if not self.types else ():
            self.types[name] = pa.null()  # holds the order of the columns
        for name, kind in looked.types.items():
            joined = join_types(self.types.get(name, pa.null()), kind)
            if joined is None:
                reason = f"has {self.types[name]} values, then {kind} values from {looked.first} on"
                self.as_text.setdefault(name, reason)
            self.types[name] = kind if joined is None else joined
        for name, reason in looked.as_text.items():
            self.as_text.setdefault(name, reason)
            if pa.types.is_null(self.types.get(name, pa.null())):
                self.types[name] = pa.string()
        for name, facts in looked.facts.items():
            self.facts[name] = merge(self.facts.get(name, EMPTY), facts.moved(self.rows))
        self.imprecise.update(looked.imprecise)
        self.rows += looked.rows
        self.skipped += len(looked.problems)
        self.bad_lines += looked.problems[: BAD_LINES_KEPT - len(self.bad_lines)]

    def plan(self, text: _Text) -> _Plan:
        """Decide how each column is read."""
        wanted = text.options.schema
        if self.rows == 0 and wanted:
            return _Plan(pa.schema(list(wanted.items())), pa.schema([]))
        if not self.types:
            raise input_error(
                text.path.name, "no object in it has a key", mend="say the columns with --schema"
            )
        for name in wanted:
            if name not in self.types:
                raise NotFound.among("column", name, self.types, where=text.path.name)
        fields, parsed = [], []
        for name, kind in self.types.items():
            plain = None if name in self.as_text or name in wanted else settled(kind)
            facts = self.facts.get(name, EMPTY)
            final = plain or pa.string()
            if final == pa.string() and facts.kind in _TIMES and name not in self.as_text:
                final = arrow_type(facts)
            fields.append(pa.field(name, wanted.get(name, final)))
            if plain is not None:
                parsed.append(pa.field(name, plain))
        return _Plan(pa.schema(fields), pa.schema(parsed))

    def notes(self, plan: _Plan) -> Iterator[str]:
        """Say what a user may not expect."""
        for name, kind in self.types.items():
            if name in plan.parsed.names:
                if pa.types.is_null(kind):
                    yield f"Column {name!r} has no values; it is read as text."
                if name in self.imprecise and plan.parsed.field(name).type == pa.float64():
                    yield (
                        f"Column {name!r} has whole numbers beyond 2^53, which as doubles may lose digits; "
                        "read it with --schema as string or decimal to keep them."
                    )
            elif self.as_text.get(name):
                yield f"Column {name!r} is read as text: it {self.as_text[name]}."


def _look(text: _Text, block: Values, survey: _Survey) -> _Looked:
    """Find the types in a block, trying first those of the blocks before."""
    block, table, as_text, problems = _inferred(text, block, survey)
    for name, column in texts_of(block, list(text.options.schema)).items():
        if column.null_count < len(column):
            as_text.setdefault(name, "")  # asked for: no reason to give
        text.converted(block, name, column, text.options.schema[name])
    types = {f.name: without_times(f.type) for f in table.schema if f.name not in as_text}
    timed = [name for name in types if pa.types.is_timestamp(table.schema.field(name).type)]
    texts = parse(block, pa.schema([(name, pa.string()) for name in timed])) if timed else table
    facts, imprecise = {}, []
    for name, kind in types.items():
        if kind == pa.string():
            column = (texts if name in timed else table)[name]
            facts[name] = look(column.combine_chunks(), survey.facts.get(name, EMPTY))
        elif kind == pa.float64() and pc.any(_beyond_exact(table[name])).as_py():
            imprecise.append(name)
    first = f"{block.unit} {block.numbers[0]}" if len(block.numbers) else "its end"
    keys = list(json.loads(block.texts[0].as_py())) if len(block.texts) else []
    return _Looked(types, facts, as_text, imprecise, len(block.texts), first, problems, keys)


def _inferred(
    text: _Text, block: Values, survey: _Survey
) -> tuple[Values, pa.Table, dict[str, str], list[Problem]]:
    """Parse a block with the types its values have; columns whose values have none in common are named."""
    problems: list[Problem] = []
    as_text = dict(survey.as_text)
    firm = [
        (name, kind)
        for name, kind in list(survey.types.items())
        if kind == settled(kind) and name not in as_text
    ]
    hint: pa.Schema | None = pa.schema(firm) if firm else None
    while True:
        part = without_columns(block, as_text) if as_text else block
        try:
            return block, parse(part, hint, infer=True), as_text, problems
        except Malformed as error:
            block, problems = text.clean(block, error)
        except Conflict as conflict:
            if hint is not None:  # the types of earlier blocks do not do: start from none
                hint = None
                continue
            name = column_of(part, conflict)
            if name is None or name in as_text:
                raise text.error(block, conflict.at or 0, conflict.reason, MEND_LINE) from conflict
            as_text[name] = f"has values of different types ({conflict.reason})"


def _beyond_exact(column: pa.ChunkedArray) -> pa.ChunkedArray:
    large = pc.greater_equal(pc.abs(column), float(EXACT_IN_DOUBLE))
    return pc.and_(large, pc.equal(column, pc.floor(column)))


_LINES = Json(names=("jsonl", "ndjson"), suffixes=(".jsonl", ".ndjson"))
_JSON = Json(names=("json",), suffixes=(".json",), may_span_lines=True)

register(reader=_LINES, writer=_LINES)
register(reader=_JSON)
