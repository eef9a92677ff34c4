"""A folder of files of any kind, one row a file; folders one level down are the classes."""

from __future__ import annotations

import io
import os
import time
from codecs import BOM_UTF8, BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.core.hashing import hash_array
from headwater.core.ids import ObjectId
from headwater.core.references import MARK, Reference
from headwater.formats.base import (
    BATCH_ROWS,
    HEADER,
    About,
    FileMemory,
    ReadOptions,
    Source,
    WriteOptions,
    register,
)
from headwater.formats.media import FACTS, facts_of, kind_of_suffix, suffix_of, suffixes_of
from headwater.formats.retype import retyped, retyped_schema
from headwater.formats.text import input_error, utf8_chunks
from headwater.formats.tree import write_tree
from headwater.formats.walk import walk

__all__ = ["TEXT_SUFFIXES", "UNSTORED", "Folder", "is_media", "pieces_of", "value_of"]

BATCH_BYTES = 64 << 20
TEXT_SUFFIXES = frozenset((".txt", ".text"))
UNSTORED = ObjectId("0" * 64)
"""Stands in a reference for a small file that has not changed: its value is in the folder, and in no object."""

_THREADS = 4
_BLOCK = 64
_PIECE_BYTES = 4 << 20
_ODD = (BOM_UTF8, BOM_UTF16_LE, BOM_UTF16_BE, b"\0\0\xfe\xff", b"\x1f\x8b", b"\x28\xb5\x2f\xfd")
"""How a text begins that is not stored as it is: byte order marks, gzip and zstd."""


def is_media(name: str) -> bool:
    """Say whether the name of a file is that of an image, sound, video or text."""
    return _is_media_suffix(suffix_of(name))


class Folder:
    """Reads a folder into ``path``, ``label``, ``bytes`` or ``text``, and ``size_bytes``; writes it again."""

    names = ("folder",)
    suffixes = ()

    def read(self, location: str, *, options: ReadOptions) -> Source:
        """Return the files of a folder, in the order of their paths.

        ``label`` is there when all images, sounds, videos and texts (all files, if there are none) lie exactly
        one folder down. Texts are decoded by ``encoding``; where that changes their bytes, these are kept, too.
        Files are read in threads, those that ``memory`` knows not at all.
        """
        root = Path(location)
        skip = options.on_bad_lines == "skip"
        walked = walk(root, skip_bad=skip)
        paths: list[str] = walked.files["path"].to_pylist()
        if not paths:
            raise input_error(str(root), "it has no files in it")
        suffixes = suffixes_of(paths)
        media = {suffix for suffix in set(suffixes) if _is_media_suffix(suffix)}
        listing = _Listing(
            root=root,
            files=walked.files,
            paths=paths,
            is_text=np.array([suffix in TEXT_SUFFIXES for suffix in suffixes], np.bool_),
            encoding=options.encoding,
            skip=skip,
        )
        known = [path for path, suffix in zip(paths, suffixes, strict=True) if suffix in media]
        has_label = all(path.count("/") == 1 for path in known or paths)
        kinds = set(map(kind_of_suffix, set(suffixes))) if options.metadata else set()
        fields = [pa.field("path", pa.string())]
        fields += [pa.field("label", pa.string())] if has_label else []
        fields += [pa.field("bytes", pa.binary())] if listing.has_bytes() else []
        fields += [pa.field("text", pa.string())] if listing.is_text.any() else []
        fields += [pa.field("size_bytes", pa.int64())]
        facts = {name: kind for of in FACTS if of in kinds for name, kind in FACTS[of].items()}
        fields += [pa.field(name, kind) for name, kind in facts.items()]
        found = pa.schema(fields)
        schema = retyped_schema(found, options.schema, root.name)
        reader = _Reader(listing, found, tuple(facts), options.memory)
        return Source(
            location=location,
            format="folder",
            schema=schema,
            num_rows=None if skip else len(paths),
            batches=lambda: retyped(reader.batches(), schema, root.name),
            notes=tuple(_notes(_others(paths, suffixes, media), walked.left_out)),
            key=("path",),
            about=About(tags=dict.fromkeys(["size_bytes", *facts], HEADER)),
        )

    def write(
        self, batches: Iterable[pa.RecordBatch], schema: pa.Schema, target: Path, *, options: WriteOptions
    ) -> None:
        """Write one file a row; see `headwater.formats.tree.write_tree`."""
        write_tree(batches, schema, target, options=options)


def value_of(root: Path, path: str, encoding: str | None) -> bytes:
    """Return the value that a small file of a folder has in its row: its bytes, or its text in UTF-8."""
    data = _read_all(root, path)
    return _text(root, path, data, encoding) if _is_text(path) else data


def pieces_of(root: Path, path: str, encoding: str | None, *, as_text: bool) -> Iterator[bytes]:
    """Yield a file of a folder in pieces: as it is, or as text in UTF-8."""
    if as_text:
        yield from _checked(utf8_chunks(root / path, encoding, size=_PIECE_BYTES), path)
    else:
        yield from _pieces(root, path)


@dataclass(frozen=True, kw_only=True)
class _Listing:
    """The files of a folder, and how to read them."""

    root: Path
    files: pa.Table
    paths: list[str]
    is_text: NDArray[np.bool_]
    encoding: str | None
    skip: bool

    def only(self, wanted: NDArray[np.bool_]) -> _Listing:
        """Return some of the files."""
        paths = [self.paths[at] for at in np.flatnonzero(wanted)]
        return replace(
            self, files=self.files.filter(pa.array(wanted)), paths=paths, is_text=self.is_text[wanted]
        )

    def has_bytes(self) -> bool:
        """Say whether a file is no text, or a text whose bytes are not those of its value."""
        if not self.is_text.all() or self.encoding is not None:
            return True
        with ThreadPoolExecutor(_THREADS) as pool:
            return any(pool.map(self._begins_oddly, self.paths, chunksize=_BLOCK))

    def _begins_oddly(self, path: str) -> bool:
        try:
            with (self.root / path).open("rb") as file:
                return file.read(4).startswith(_ODD)
        except OSError:
            # Told when it is read.
            return False


@dataclass(slots=True)
class _Read:
    """What was read of one file: its value, its bytes where they differ, its facts, and its state meanwhile."""

    value: bytes | None = None
    original: bytes | None = None
    facts: dict[str, Any] = field(default_factory=dict)
    state: tuple[int, int, int, int] = (0, 0, 0, 0)


class _Reader:
    """Reads the files of a listing, batch by batch."""

    def __init__(
        self, listing: _Listing, schema: pa.Schema, facts: tuple[str, ...], memory: FileMemory | None
    ) -> None:
        self._listing, self._schema, self._facts, self._memory = listing, schema, facts, memory
        self._content = pa.schema(
            [("content", pa.binary()), ("original", pa.binary()), *(schema.field(name) for name in facts)]
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        files = self._listing.files
        recalled = self._content.empty_table()
        known = np.zeros(files.num_rows, np.bool_)
        if self._memory is not None:
            recalled = self._aligned(self._memory.recall(files))
            known = np.asarray(recalled["content"].is_valid())
            if self._memory.is_current:
                self._listing, files = self._listing.only(~known), files.filter(pa.array(~known))
                known = np.zeros(files.num_rows, np.bool_)
        sizes = files["size"].to_numpy()
        most = sizes if self._memory is None else np.minimum(sizes, self._memory.largest)
        with ThreadPoolExecutor(_THREADS, thread_name_prefix="headwater-read") as pool:
            for start, stop in _parts(np.where(known, 0, most)):
                fresh = np.flatnonzero(~known[start:stop]) + start
                content = recalled.slice(start, stop - start) if known.any() else None
                if len(fresh):
                    content = self._with_fresh(content, fresh, start, stop, pool)
                assert content is not None, "what is not known is read"
                batch = self._batch(start, stop, content)
                if batch.num_rows:
                    yield batch

    def _aligned(self, recalled: pa.Table) -> pa.Table:
        """Return what is known with the columns of now: one that came with other kinds of files is null."""
        arrays = [
            recalled[f.name].cast(f.type)
            if f.name in recalled.schema.names
            else pa.nulls(recalled.num_rows, f.type)
            for f in self._content
        ]
        return pa.table(arrays, schema=self._content)

    def _with_fresh(
        self,
        content: pa.Table | None,
        fresh: NDArray[np.int64],
        start: int,
        stop: int,
        pool: ThreadPoolExecutor,
    ) -> pa.Table:
        """Read files, and put what they hold beside what is known of the others."""
        read_at = time.time_ns()
        blocks = [fresh[at : at + _BLOCK].tolist() for at in range(0, len(fresh), _BLOCK)]
        done = [one for block in pool.map(self._read_block, blocks) for one in block]
        columns: dict[str, Any] = {
            "content": [one.value for one in done],
            "original": [one.original for one in done],
            **{name: [one.facts.get(name) for one in done] for name in self._facts},
        }
        new = pa.table(columns, schema=self._content)
        if self._memory is not None:
            self._learn(new, fresh, done, read_at)
        if len(fresh) == stop - start:
            return new
        assert content is not None, "some are known"
        index = np.arange(stop - start)
        index[fresh - start] = np.arange(len(fresh)) + (stop - start)
        both = pa.concat_tables([content, new])
        return both.take(pa.array(index))

    def _learn(self, new: pa.Table, fresh: NDArray[np.int64], done: Sequence[_Read], read_at: int) -> None:
        """Remember references in place of values."""
        assert self._memory is not None
        facts = new
        values = {"content": [one.value for one in done], "original": [one.original for one in done]}
        for place, (name, own) in enumerate(values.items()):
            hashes = hash_array(new[name])
            texts = [
                value
                if value is None or value.startswith(MARK)
                else Reference(UNSTORED, int(hashed), len(value)).encode()
                for value, hashed in zip(own, hashes, strict=True)
            ]
            facts = facts.set_column(place, name, pa.array(texts, pa.binary()))
        kept = pa.array(facts["content"].is_valid())
        columns = np.array([one.state for one in done], np.int64).reshape(len(done), 4).T
        files = pa.table(
            {
                "path": self._listing.files["path"].take(pa.array(fresh)),
                **dict(zip(("size", "mtime", "ctime", "inode"), columns, strict=True)),
            }
        )
        self._memory.learn(files.filter(kept), facts.filter(kept), read_at)

    def _batch(self, start: int, stop: int, content: pa.Table) -> pa.RecordBatch:
        listing = self._listing
        paths = listing.paths[start:stop]
        is_text = pa.array(listing.is_text[start:stop])
        value = content["content"]
        nothing = pa.scalar(None, pa.binary())
        columns: dict[str, Callable[[], Any]] = {
            "path": lambda: listing.files["path"].slice(start, stop - start),
            "label": lambda: pa.array(
                [path.split("/", 1)[0] if path.count("/") == 1 else None for path in paths], pa.string()
            ),
            "bytes": lambda: pc.if_else(is_text, content["original"], value),
            "text": lambda: pc.if_else(is_text, value, nothing).cast(pa.string()),
            "size_bytes": lambda: listing.files["size"].slice(start, stop - start),
        }
        arrays = [content[f.name] if f.name in self._facts else columns[f.name]() for f in self._schema]
        table = pa.table(arrays, schema=self._schema)
        if listing.skip:
            table = table.filter(value.is_valid())
        return table.combine_chunks().to_batches()[0] if table.num_rows else _no_rows(self._schema)

    def _read_block(self, numbers: list[int]) -> list[_Read]:
        return [self._read(self._listing.paths[number]) for number in numbers]

    def _read(self, path: str) -> _Read:
        root, memory = self._listing.root, self._memory
        out = _Read()
        try:
            with open(f"{root}/{path}", "rb", buffering=0) as file:  # noqa: PTH123 - paths of pathlib are slow to make
                state = os.fstat(file.fileno())
                out.state = (state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)
                if memory is not None and state.st_size > memory.largest:
                    self._read_large(path, memory, out)
                    return out
                data = file.readall()
        except OSError as error:
            if self._listing.skip:
                return out
            raise _unreadable(path, error) from error
        assert data is not None, "a file blocks"
        out.value = data
        if _is_text(path):
            out.value = _text(root, path, data, self._listing.encoding)
            out.original = data if out.value != data else None
        if self._facts:
            out.facts = facts_of(io.BytesIO(data), path)
        if memory is not None:
            out.value, out.original = (_marked(one, memory) for one in (out.value, out.original))
        return out

    def _read_large(self, path: str, memory: FileMemory, out: _Read) -> None:
        root = self._listing.root
        whole = memory.put(_pieces(root, path))
        out.value = whole
        if _is_text(path):
            out.value = memory.put(pieces_of(root, path, self._listing.encoding, as_text=True))
            out.original = whole if out.value != whole else None
        if self._facts:
            with (root / path).open("rb") as file:
                binary: BinaryIO = file
                out.facts = facts_of(binary, path)


def _parts(weights: NDArray[np.int64]) -> Iterator[tuple[int, int]]:
    """Yield the ends of runs of files that are one batch each, by their number and their bytes."""
    reached = np.cumsum(weights)
    start = 0
    while start < len(weights):
        before = int(reached[start - 1]) if start else 0
        stop = int(np.searchsorted(reached, before + BATCH_BYTES, side="left")) + 1
        stop = min(max(stop, start + 1), start + BATCH_ROWS, len(weights))
        yield start, stop
        start = stop


def _read_all(root: Path, path: str) -> bytes:
    try:
        return (root / path).read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _unreadable(path: str, error: OSError) -> Exception:
    mend = "allow reading it, move it out of the folder, or leave such files out with --on-bad-lines skip"
    return input_error(path, f"it cannot be read ({error.strerror or error})", mend=mend)


def _pieces(root: Path, path: str) -> Iterator[bytes]:
    with (root / path).open("rb", buffering=0) as file:
        while piece := file.read(_PIECE_BYTES):
            yield piece


def _marked(value: bytes | None, memory: FileMemory) -> bytes | None:
    """Put a value away that could be taken for what stands for another one, or that became too large."""
    if value is None or not (value.startswith(MARK) or len(value) > memory.largest):
        return value
    return memory.put(iter([value]))


def _is_text(path: str) -> bool:
    return suffix_of(path) in TEXT_SUFFIXES


def _is_media_suffix(suffix: str) -> bool:
    return suffix in TEXT_SUFFIXES or kind_of_suffix(suffix) not in (None, "archive")


def _text(root: Path, path: str, data: bytes, encoding: str | None) -> bytes:
    if encoding is None and not data.startswith(_ODD):
        text = data
    else:
        text = b"".join(utf8_chunks(root / path, encoding))
    return b"".join(_checked(iter([text]), path))


def _checked(chunks: Iterator[bytes], path: str) -> Iterator[bytes]:
    """Pass a text on, and refuse it where it is not UTF-8."""
    line, carry = 1, b""
    for chunk in chunks:
        whole = carry + chunk
        carry = b""
        try:
            whole.decode()
        except UnicodeDecodeError as error:
            if error.reason == "unexpected end of data":
                whole, carry = whole[: error.start], whole[error.start :]
            else:
                raise _no_utf8(path, whole[error.start], line + whole.count(b"\n", 0, error.start)) from error
        line += whole.count(b"\n")
        if whole:
            yield whole
    if carry:
        raise _no_utf8(path, carry[0], line)


def _no_utf8(path: str, byte: int, line: int) -> Exception:
    mend = "name the encoding, for example --encoding latin-1"
    return input_error(path, f"byte 0x{byte:02x} is not UTF-8", line=line, mend=mend)


def _others(paths: Sequence[str], suffixes: Sequence[str], media: set[str]) -> list[str]:
    """Return the files that are neither media nor text."""
    return [path for path, suffix in zip(paths, suffixes, strict=True) if suffix not in media]


def _notes(others: Sequence[str], left_out: Counter[str]) -> Iterator[str]:
    if others:
        kinds = Counter(Path(path).suffix.lower() or Path(path).name for path in others)
        listed = ", ".join(f"{count} {suffix}" for suffix, count in kinds.most_common(5))
        yield f"{len(others)} files are neither media nor text and come as bytes ({listed})."
    for reason, count in left_out.items():
        yield f"Left out {count}: {reason}."


def _no_rows(schema: pa.Schema) -> pa.RecordBatch:
    return pa.RecordBatch.from_arrays([pa.array([], f.type) for f in schema], schema=schema)


register(reader=Folder(), writer=Folder())
