"""Reviews as CSV files: written for a person to decide in a spreadsheet, read back with the decisions."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.csv as csv

from headwater.core.errors import InputError, StorageError
from headwater.core.schema import require_columns
from headwater.transforms.review import PROPOSED

__all__ = ["read_decisions", "write_review"]


def write_review(table: pa.Table, path: str | Path) -> None:
    """Write proposals as a CSV file in UTF-8, one change a line.

    Parameters
    ----------
    table : pyarrow.Table
        As `headwater.transforms.review.Proposals` gives it.
    path : str or Path
        Where to; a file that is there is replaced.

    Raises
    ------
    StorageError
        If the file cannot be written.
    """
    try:
        csv.write_csv(table, str(path))
    except OSError as error:
        raise StorageError(
            f"The review cannot be written to {path}: {error.strerror or error}. Free some space, or name another "
            "file.",
            path=str(path),
        ) from error


def read_decisions(path: str | Path) -> pa.Table:
    """Read a review that was decided on.

    Semicolons and tabs between columns are understood, as spreadsheets write them, and so is a byte order mark.

    Raises
    ------
    InputError
        If the file is not there, or is no CSV file with the columns of a review.
    """
    place = Path(path)
    try:
        with place.open("rb") as file:
            head = file.readline().decode("utf-8-sig", errors="replace")
        mark = max(",;\t", key=head.count)
        names = [name.strip().strip('"') for name in head.strip().split(mark)]
        table = csv.read_csv(
            str(place),
            parse_options=csv.ParseOptions(delimiter=mark, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys({*names, *PROPOSED.names}, pa.string()),
                strings_can_be_null=True,
                quoted_strings_can_be_null=False,
                null_values=[""],
            ),
        )
    except OSError as error:
        raise InputError(
            f"The review {place} cannot be read: {error.strerror or error}.", path=str(place)
        ) from error
    except pa.ArrowInvalid as error:
        raise InputError(
            f"The review {place} is no CSV file: {error}. Save it as CSV in UTF-8.", path=str(place)
        ) from error
    require_columns(table.schema, ["key", "column", "old", "new", "accept"], where=f"the review {place}")
    return table
