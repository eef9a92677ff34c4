"""A folder of images, sounds or texts, one row a file; folders one level down are the classes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path, PurePosixPath

import pyarrow as pa

from headwater.core.errors import NotFound, UsageError
from headwater.formats.base import BATCH_ROWS, ReadOptions, Source, WriteOptions, register
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error, utf8_chunks

__all__ = ["MEDIA_SUFFIXES", "TEXT_SUFFIXES", "Folder"]

BATCH_BYTES = 64 << 20
IMAGES = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
SOUNDS = (".wav", ".flac", ".mp3", ".ogg", ".m4a")
MEDIA_SUFFIXES = frozenset((*IMAGES, *SOUNDS))
TEXT_SUFFIXES = frozenset((".txt", ".text"))

_MAGIC = (
    (b"\x89PNG\r\n\x1a\n", ".png"),
    (b"\xff\xd8\xff", ".jpg"),
    (b"GIF8", ".gif"),
    (b"BM", ".bmp"),
    (b"II*\0", ".tif"),
    (b"MM\0*", ".tif"),
    (b"fLaC", ".flac"),
    (b"OggS", ".ogg"),
    (b"ID3", ".mp3"),
)


class Folder:
    """Reads a folder into ``path``, ``label``, ``bytes`` or ``text``, and ``size_bytes``; writes it again."""

    names = ("folder",)
    suffixes = ()

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the files of a folder, in the order of their paths.

        ``label`` is there when every file lies exactly one folder down. Texts are decoded by ``encoding``.
        """
        root = Path(location)
        files, others = _files(root)
        if not files:
            raise input_error(str(root), "it has no images, sounds or texts in it")
        has_label = all(len(file.relative_to(root).parts) == 2 for file in files)
        kinds = {_column(file) for file in files}
        fields = [pa.field("path", pa.string())]
        fields += [pa.field("label", pa.string())] if has_label else []
        fields += [pa.field("bytes", pa.binary())] if "bytes" in kinds else []
        fields += [pa.field("text", pa.string())] if "text" in kinds else []
        found = pa.schema([*fields, pa.field("size_bytes", pa.int64())])
        schema = retyped_schema(found, options.schema, root.name)
        return Source(
            location=location,
            format="folder",
            schema=schema,
            num_rows=len(files),
            batches=lambda: retyped(_batches(root, files, found, options.encoding), schema, root.name),
            notes=tuple(_notes(others)),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write one file a row, into a folder for each label where there are labels.

        The content is column ``content``, or the one of ``bytes``, ``text`` and the only column of bytes that
        is there; the label is column ``label``; the file's name is column ``name`` or ``path``, or the number
        of the row. Other columns are not written.
        """
        content = _content_column(schema, options.content)
        label = _named_column(schema, options.label, "label")
        name = _named_column(schema, options.name, "path")
        target.mkdir()
        row = 0
        for batch in batches:
            contents = batch.column(content)
            labels = batch.column(label).to_pylist() if label else [None] * batch.num_rows
            names = batch.column(name).to_pylist() if name else [None] * batch.num_rows
            for at, value in enumerate(contents):  # one file each
                row += 1
                data = _data(value, content, row)
                file = target / _place(data, row, labels[at], names[at], has_label=label is not None)
                file.parent.mkdir(parents=True, exist_ok=True)
                if file.exists():
                    raise UsageError(
                        f"Row {row} and one before it would both become {file.relative_to(target)}; "
                        "name the files by a column whose values differ.",
                        row=row,
                    )
                file.write_bytes(data)


def _files(root: Path) -> tuple[list[Path], list[Path]]:
    """Return the files of known kinds, and the others, in order; what is hidden is neither."""
    files: list[Path] = []
    others: list[Path] = []
    for file in sorted(root.rglob("*"), key=lambda path: path.relative_to(root).as_posix()):
        if file.is_file() and not any(
            part.startswith((".", "__MACOSX")) for part in file.relative_to(root).parts
        ):
            (files if _column(file) else others).append(file)
    return files, others


def _column(file: Path) -> str | None:
    suffix = file.suffix.lower()
    return "bytes" if suffix in MEDIA_SUFFIXES else "text" if suffix in TEXT_SUFFIXES else None


def _notes(others: list[Path]) -> Iterator[str]:
    if others:
        kinds = Counter(file.suffix.lower() or file.name for file in others)
        listed = ", ".join(f"{count} {suffix}" for suffix, count in kinds.most_common(5))
        yield f"Left out {len(others)} files that are neither media nor text ({listed})."


def _batches(
    root: Path, files: list[Path], schema: pa.Schema, encoding: str | None
) -> Iterator[pa.RecordBatch]:
    waiting: list[Path] = []
    size = 0
    for file in files:
        waiting.append(file)
        size += file.stat().st_size
        if len(waiting) == BATCH_ROWS or size >= BATCH_BYTES:
            yield _batch(root, waiting, schema, encoding)
            waiting, size = [], 0
    if waiting:
        yield _batch(root, waiting, schema, encoding)


def _batch(root: Path, files: list[Path], schema: pa.Schema, encoding: str | None) -> pa.RecordBatch:
    columns: dict[str, list[object]] = {name: [] for name in schema.names}
    for file in files:
        values = {
            "path": file.relative_to(root).as_posix(),
            "label": file.parent.name,
            "bytes": file.read_bytes() if _column(file) == "bytes" else None,
            "text": _text(file, root, encoding) if _column(file) == "text" else None,
            "size_bytes": file.stat().st_size,
        }
        for name, column in columns.items():
            column.append(values[name])
    return pa.RecordBatch.from_pydict(columns, schema)


def _text(file: Path, root: Path, encoding: str | None) -> str:
    data = b"".join(utf8_chunks(file, encoding))
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise input_error(
            file.relative_to(root).as_posix(),
            f"byte 0x{data[error.start]:02x} is not UTF-8",
            line=1 + data.count(b"\n", 0, error.start),
            mend="name the encoding, for example --encoding latin-1",
        ) from error


def _content_column(schema: pa.Schema, wanted: str | None) -> str:
    if wanted is not None:
        return str(_named_column(schema, wanted, ""))
    blobs = [
        field.name
        for field in schema
        if pa.types.is_binary(field.type) or pa.types.is_large_binary(field.type)
    ]
    likely = [name for name in ("bytes", "text") if name in schema.names]
    if likely or len(blobs) == 1:
        return (likely or blobs)[0]
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
    if has_label:
        path = PurePosixPath(str(label), path.name)
        if label is None or len(path.parts) != 2:
            raise UsageError(f"Row {row} has the label {label!r}, which cannot name a folder.", row=row)
    if path.is_absolute() or not path.name or any(part in ("..", ".") or "\0" in part for part in path.parts):
        raise UsageError(f"Row {row} has the path {str(path)!r}, which is not inside the folder.", row=row)
    return path


def _suffix(data: bytes) -> str:
    """Return the usual ending for a content: that of its format, ``.txt`` for text, else ``.bin``."""
    for magic, suffix in _MAGIC:
        if data.startswith(magic):
            return suffix
    if data[:4] == b"RIFF":
        return ".webp" if data[8:12] == b"WEBP" else ".wav"
    try:
        data.decode()
    except UnicodeDecodeError:
        return ".bin"
    return ".txt"


register(reader=Folder(), writer=Folder())
