"""Write rows as a tree of files: one file a row, each inside the folder whatever its path says."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

import pyarrow as pa

from headwater.core.errors import NotFound, UsageError
from headwater.core.references import Reference
from headwater.formats.base import WriteOptions
from headwater.formats.media import kind_of_bytes

__all__ = ["write_tree"]

_DRIVE = re.compile(r"[A-Za-z]:")
_USUAL = {"jpeg": ".jpg", "tiff": ".tif"}


def write_tree(
    batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
) -> None:
    """Write one file a row, into a folder for each label where there are labels.

    The content is column ``content``, or ``bytes``, or where that is null ``text``, or the only column of bytes
    that is there; the file's name is column ``name`` or ``path``, or the number of the row; the label is column
    ``label``. A path that lies in the folder of its label, or has no label, stays as it is; of any other only
    the name goes into the folder of the label. Other columns are not written.

    Parameters
    ----------
    batches : iterable of RecordBatch
        The rows; with ``options.open_value``, large values as references.
    schema : pyarrow.Schema
        Of all batches.
    target : Path
        The folder, which is made.
    options : WriteOptions
        The columns, if they are not the usual ones.

    Raises
    ------
    UsageError
        If a row has no content, or its path leaves the folder or is that of a row before it.
    NotFound
        If a column is not there.
    """
    contents = _content_columns(schema, options.content)
    label = _named_column(schema, options.label, "label")
    name = _named_column(schema, options.name, "path")
    target.mkdir()
    row = 0
    for batch in batches:
        values = [batch.column(content) for content in contents]
        labels = batch.column(label).to_pylist() if label else [None] * batch.num_rows
        names = batch.column(name).to_pylist() if name else [None] * batch.num_rows
        for at in range(batch.num_rows):  # one file each
            row += 1
            given = next((column[at] for column in values if column[at].is_valid), values[0][at])
            data = _data(given, contents[0], row)
            reference = None if options.open_value is None else Reference.decode(data)
            place = _place(data, row, labels[at], names[at], has_label=label is not None)
            file = target / place
            try:
                file.parent.mkdir(parents=True, exist_ok=True)
                with file.open("xb") as out:
                    if reference is None or options.open_value is None:
                        out.write(data)
                    else:
                        for piece in options.open_value(reference.object):
                            out.write(piece)
            except (FileExistsError, NotADirectoryError, IsADirectoryError) as error:
                raise UsageError(
                    f"Row {row} and one before it would both become {place}, or one a folder of the other; "
                    "name the files by a column whose values differ.",
                    row=row,
                ) from error


def _content_columns(schema: pa.Schema, wanted: str | None) -> list[str]:
    if wanted is not None:
        return [str(_named_column(schema, wanted, ""))]
    blobs = [
        field.name
        for field in schema
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
    ]
    likely = [name for name in ("bytes", "text") if name in schema.names]
    if likely or len(blobs) == 1:
        return likely or blobs
    raise UsageError(
        f"Say which column becomes the content of the files. Columns: {', '.join(schema.names)}.",
        columns=schema.names,
    )


def _named_column(schema: pa.Schema, wanted: str | None, usual: str) -> str | None:
    if wanted is not None and wanted not in schema.names:
        raise NotFound.among("column", wanted, schema.names)
    return wanted or (usual if usual in schema.names else None)


def _data(value: pa.Scalar, column: str, row: int) -> bytes:
    plain = value.as_py()
    if isinstance(plain, str):
        return plain.encode()
    if isinstance(plain, bytes):
        return plain
    said = "has no content" if plain is None else f"has a {type(plain).__name__}"
    raise UsageError(
        f"Row {row} {said} in column {column!r}; files hold bytes or text.", row=row, column=column
    )


def _place(data: bytes, row: int, label: object, name: object, *, has_label: bool) -> PurePosixPath:
    """Return where a row's file goes, which is always inside the folder."""
    path = PurePosixPath(str(name)) if name is not None else PurePosixPath(f"{row:08d}{_suffix(data)}")
    if has_label and not (name is not None and (label is None or path.parent.name == str(label))):
        path = PurePosixPath(str(label), path.name)
        if label is None or len(path.parts) != 2:
            raise UsageError(f"Row {row} has the label {label!r}, which cannot name a folder.", row=row)
    if not path.name or any(_leaves(part) for part in path.parts):
        raise UsageError(f"Row {row} has the path {str(path)!r}, which is not inside the folder.", row=row)
    return path


def _leaves(part: str) -> bool:
    """Say whether a part of a path leaves the folder on any system: upwards, to a root, or to another drive."""
    if "\0" in part or part.startswith(("/", "\\")) or _DRIVE.match(part):
        return True
    return any(piece in ("..", ".") for piece in part.split("\\"))


def _suffix(data: bytes) -> str:
    """Return the usual ending for a content: that of its format, ``.txt`` for text, else ``.bin``."""
    found = kind_of_bytes(data[:64])
    if found is not None:
        return _USUAL.get(found[1], f".{found[1]}")
    try:
        data.decode()
    except UnicodeDecodeError:
        return ".bin"
    return ".txt"
