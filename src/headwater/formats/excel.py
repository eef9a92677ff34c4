"""Workbooks: .xlsx, .xls, .xlsb and .ods, one sheet at a time (extra ``excel``)."""

from __future__ import annotations

import logging
import re
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.errors import NotFound
from headwater.core.extras import require
from headwater.formats.base import ReadOptions, Source, batches_of, register
from headwater.formats.dialect import name_columns
from headwater.formats.infer import EXACT_IN_DOUBLE
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error

__all__ = ["Excel"]

_NO_DAY = date(1899, 12, 31)  # the day of times of day, before the first that a workbook can hold


class Excel:
    """Reads a sheet whole: a sheet has at most 1,048,576 rows."""

    names = ("excel",)
    suffixes = (".xlsx", ".xlsm", ".xlsb", ".xls", ".ods")

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return a sheet as a source: the one named ``table``, or the first.

        Numbers without decimals become int64, times that are all midnight dates; cells with an error are null, and
        so is text like NA among numbers and times, which is noted;
        empty rows, and columns with neither name nor value, are left out.
        """
        path = Path(location)
        table, notes = _Sheet(path, options).table()
        schema = retyped_schema(table.schema, options.schema, path.name)
        return Source(
            location=location,
            format="excel",
            schema=schema,
            num_rows=len(table),
            batches=lambda: batches_of(retyped(batches_of(table), schema, path.name)),
            notes=notes,
            unsettled=frozenset(
                name
                for name in table.column_names
                if table[name].null_count == len(table) and name not in options.schema
            ),
        )


class _Sheet:
    """One sheet of a workbook."""

    def __init__(self, path: Path, options: ReadOptions) -> None:
        self.path = path
        self.options = options
        self.notes: list[str] = []
        self.fastexcel: Any = require("fastexcel", extra="excel", purpose="Reading workbooks")
        log = logging.getLogger("fastexcel")
        if log.level == logging.NOTSET:  # it warns of every empty column
            log.setLevel(logging.ERROR)
        try:
            self.book = self.fastexcel.read_excel(path.read_bytes())  # its suffix may lie
        except self.fastexcel.FastExcelError as error:
            reason = str(error).partition("\n")[0].removeprefix("calamine error: ")
            mend = "fetch it again, or name its format with --input-format"
            raise input_error(path.name, f"it is not a workbook ({reason})", mend=mend) from error
        self.name = self._name()

    def table(self) -> tuple[pa.Table, tuple[str, ...]]:
        """Return the cells under the header, and what there is to say about them."""
        sheet = self._typed()
        cells = sheet.to_arrow()
        if cells.num_columns == 0:
            raise input_error(
                self.path.name, f"sheet {self.name!r} is empty", mend="name another with --table"
            )
        names = self._names(sheet)
        self._note_gaps(sheet, cells, names)
        kept = [at for at, column in enumerate(cells.columns) if names[at] or column.null_count < len(column)]
        named, notes = name_columns([names[at] for at in kept], self.path.name, 1)
        self.notes += notes
        table = pa.table([_plain(cells.column(at)) for at in kept], names=list(named))
        return self._without_empty_rows(table), tuple(self.notes)

    def _name(self) -> str:
        names: list[str] = self.book.sheet_names
        wanted = self.options.table
        if wanted is not None and wanted not in names:
            raise NotFound.among("sheet", wanted, names, where=self.path.name)
        if wanted is None and len(names) > 1:
            others = ", ".join(repr(name) for name in names[1:11])
            self.notes.append(f"Read sheet {names[0]!r}; there are also {others} (choose with --table).")
        return wanted or names[0]

    def _typed(self) -> Any:
        """Load the sheet, with the columns as text whose cells have no type in common."""
        mixed: dict[str | int, str] = {}
        while True:
            try:
                return self._loaded(schema_sample_rows=None, dtypes=mixed or None)
            except self.fastexcel.UnsupportedColumnTypeCombinationError as error:
                found = re.search(r"could not determine dtype for column (.*)", str(error))
                if found is None or found[1] in mixed:
                    raise input_error(self.path.name, str(error).replace("\n", " ")) from error
                mixed[found[1]] = "string"

    def _names(self, sheet: Any) -> list[str]:
        """Return the names of the columns, empty where the header has none."""
        columns = sheet.available_columns()
        if not self.options.header:
            return [f"column_{at + 1}" for at in range(len(columns))]
        names = [column.name for column in columns]
        is_plain = all(column.column_name_from == "looked_up" for column in columns)
        if is_plain and not any(name.rpartition("_")[0] in names for name in names):
            return [name.strip() for name in names]
        # fastexcel has made up or renamed some: look at the cells themselves
        header = self.book.load_sheet(self.name, header_row=None, n_rows=1, dtypes="string").to_arrow()
        cells = [column[0].as_py() or "" for column in header.columns]
        return [cell.strip() for cell in cells] + [""] * (len(names) - len(cells))

    def _note_gaps(self, sheet: Any, cells: pa.RecordBatch, names: list[str]) -> None:
        """Say which cells read as null though they hold something: an error, or text that means null."""
        places = [column.absolute_index for column in sheet.available_columns()]
        gaps = [at for at, column in enumerate(cells.columns) if column.null_count]
        if not gaps:
            return
        texts, errors = self._loaded(
            dtypes="string", use_columns=[places[at] for at in gaps]
        ).to_arrow_with_errors()
        for at, text in zip(gaps, texts.columns, strict=True):
            lost = text.filter(cells.column(at).is_null()).drop_null()
            lost = lost.filter(pc.not_equal(pc.utf8_trim_whitespace(lost), ""))
            if len(lost):
                cell = "cell reads" if len(lost) == 1 else "cells read"
                said = f"{len(lost)} {cell} as null, such as {lost[0].as_py()!r}."
                self.notes.append(f"Column {names[at]!r}: {said}")
        if errors is not None and errors.errors:
            rows = [error.position[0] + (not self.options.header) for error in errors.errors]
            cell = "cell holds an error and reads" if len(rows) == 1 else "cells hold an error and read"
            self.notes.append(f"{len(rows)} {cell} as null, the first in row {min(rows)} of the data.")

    def _loaded(self, **how: Any) -> Any:
        return self.book.load_sheet(self.name, header_row=0 if self.options.header else None, **how)

    def _without_empty_rows(self, table: pa.Table) -> pa.Table:
        filled = pc.is_valid(table.column(0))
        for column in table.columns[1:]:
            filled = pc.or_(filled, pc.is_valid(column))
        kept = table.filter(filled)
        if len(kept) < len(table):
            count = len(table) - len(kept)
            self.notes.append(f"Left out {count} empty {'row' if count == 1 else 'rows'}.")
        return kept


def _plain(cells: pa.Array) -> pa.Array:
    """Return whole numbers as int64, midnights as dates, and cells without any value as text."""
    kind = cells.type
    if pa.types.is_null(kind):
        return cells.cast(pa.string())
    if pa.types.is_floating(kind) and cells.null_count < len(cells):
        whole = pc.and_(
            pc.equal(cells, pc.floor(cells)), pc.less_equal(pc.abs(cells), float(EXACT_IN_DOUBLE))
        )
        return cells.cast(pa.int64()) if pc.all(whole).as_py() else cells
    if pa.types.is_timestamp(kind):
        days = cells.cast(pa.date32())
        if pc.all(pc.equal(days, _NO_DAY), min_count=1).as_py():
            return cells.cast(pa.time64("us"))
        is_midnight = cells.null_count < len(cells) and days.cast(kind).equals(cells)
        return days if is_midnight else cells.cast(pa.timestamp("us"))
    return cells.cast(pa.duration("us")) if pa.types.is_duration(kind) else cells


register(reader=Excel())
