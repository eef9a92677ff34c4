"""What a repository remembers of a folder it imported: which files have not changed need not be read again.

A file counts as unchanged if its size, inode, and times of change to content and state are those it had when it
was read, and it had rested for a while by then: what is written to within the tick of a clock keeps its times.
"""

from __future__ import annotations

import platform
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

import headwater
from headwater.core.errors import InputError
from headwater.core.hashing import ValueHash
from headwater.core.ids import ObjectId, canonical_json, digest
from headwater.core.references import Reference, references
from headwater.formats.folder import UNSTORED, pieces_of, value_of
from headwater.store.objects import Objects, object_path
from headwater.store.values import LARGE_BYTES, put_apart

__all__ = ["RememberedFiles"]

_FINGERPRINT = b"fingerprint"
_UNKNOWN = -1
_STATE = ("size", "mtime", "ctime", "inode")
_FINE_NS, _COARSE_NS = 50_000_000, 2_100_000_000
_SECOND_NS = 1_000_000_000
_VALUES = ("bytes", "text")


class RememberedFiles:
    """The files of one folder as they were when they were last imported here; see `headwater.formats.base.FileMemory`.

    Parameters
    ----------
    objects : Objects
        Where large files go.
    kept : bytes, optional
        What `to_bytes` gave after an earlier import.
    root : Path
        The folder.
    encoding : str, optional
        Of its texts.
    """

    largest = LARGE_BYTES

    def __init__(self, objects: Objects, kept: bytes | None, *, root: Path, encoding: str | None) -> None:
        self._objects, self._root, self._encoding = objects, root, encoding
        self._known: pa.Table | None = None
        self.fingerprint: str | None = None
        self.is_current = False
        if kept is not None:
            self._known = pa.ipc.open_file(pa.BufferReader(kept)).read_all()
            self.fingerprint = (self._known.schema.metadata or {}).get(_FINGERPRINT, b"").decode()
        self._recalled: list[pa.Table] = []
        self._learnt: list[pa.Table] = []
        self._fresh: set[ObjectId] = set()
        self._gone: pa.ChunkedArray = pa.chunked_array([], pa.string())

    @property
    def is_known(self) -> bool:
        """Whether the folder was imported before, and so is one of files to be rows, whatever was put there since."""
        return self._known is not None

    @staticmethod
    def path_in_cache(root: Path, *, encoding: str | None, metadata: bool) -> str:
        """Return where what is known of a folder is kept: under what depends on all that its values depend on."""
        facts = [platform.node(), str(root.resolve()), encoding, metadata, headwater.__version__]
        return f"kept/files/{digest(canonical_json(facts))}"

    def recall(self, files: pa.Table) -> pa.Table:
        """Return what is known of files that have not changed; see `headwater.formats.base.FileMemory`."""
        if self._known is None or not self._known.num_rows:
            return _nothing_known(files.num_rows)
        known = self._known
        if not known["path"].equals(files["path"]):
            place = pc.index_in(files["path"], known["path"].combine_chunks())
            self._gone = known["path"].filter(pc.invert(pc.is_in(known["path"], files["path"])))
            known = known.take(place)
        same = np.asarray(known["path"].is_valid()).copy()
        for name in _STATE:
            same &= known[name].fill_null(_UNKNOWN).to_numpy() == files[name].to_numpy()
        self._recalled.append(known.filter(pa.array(same)))
        content = pc.if_else(pa.array(same), known["content"], pa.scalar(None, pa.binary()))
        facts = known.drop_columns(["path", *_STATE])
        return facts.set_column(facts.schema.get_field_index("content"), "content", content)

    @property
    def gone(self) -> pa.Array:
        """The files that were there at the last import, and were not when the folder was listed now."""
        return self._gone.combine_chunks()

    def learn(self, files: pa.Table, facts: pa.Table, read_at: int) -> None:
        """Remember what was read of files that had rested by then; see `headwater.formats.base.FileMemory`."""
        rested = np.ones(files.num_rows, np.bool_)
        for name in ("mtime", "ctime"):
            times = files[name].to_numpy()
            tick = np.where(times % _SECOND_NS == 0, _COARSE_NS, _FINE_NS)
            rested &= times < read_at - tick
        # What had not rested is known to be there, and nothing else of it.
        both = pa.table([*files.columns, *facts.columns], names=[*files.schema.names, *facts.schema.names])
        inode = np.where(rested, files["inode"].to_numpy(), _UNKNOWN)
        self._learnt.append(both.set_column(both.schema.get_field_index("inode"), "inode", pa.array(inode)))

    def put(self, pieces: Iterator[bytes]) -> bytes:
        """Store a large value; see `headwater.formats.base.FileMemory`."""
        reference = self._objects.put_stream(pieces)
        self._fresh.add(reference.object)
        return reference.encode()

    def to_bytes(self, fingerprint: str) -> bytes | None:
        """Return what is known now, to be kept; None if it is what was kept before.

        ``fingerprint`` is that of the dataset, which is the folder now.
        """
        still = sum(table.num_rows for table in self._recalled)
        if (
            self._known is not None
            and not self._learnt
            and still == self._known.num_rows
            and fingerprint == self.fingerprint
        ):
            return None
        parts = [*self._recalled, *self._learnt]
        sink = pa.BufferOutputStream()
        table = pa.concat_tables(parts, promote_options="default") if parts else pa.table({"path": []})
        if "content" not in table.schema.names:
            return None
        # In the order in which folders are listed, so that next time most often nothing has to be looked up.
        table = table.sort_by("path").replace_schema_metadata({_FINGERPRINT: fingerprint})
        options = pa.ipc.IpcWriteOptions(compression="lz4")
        with pa.ipc.new_file(sink, table.schema, options=options) as writer:
            writer.write_table(table.combine_chunks())
        data: bytes = sink.getvalue().to_pybytes()
        return data

    def complete(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """Return rows of the folder ready to be stored: values of small files that were not read are read now.

        Raises
        ------
        InputError
            If a file has changed since it was looked at.
        """
        paths = batch.column("path")
        for name in _VALUES:
            place = batch.schema.get_field_index(name)
            found = references(batch.column(place)) if place >= 0 else {}
            for row, reference in found.items():
                if reference.object not in (UNSTORED, *self._fresh):
                    self._keep(reference, paths[row].as_py(), name)
            missing = [row for row, reference in found.items() if reference.object == UNSTORED]
            if missing:
                names = [paths[row].as_py() for row in missing]
                with ThreadPoolExecutor(8) as pool:
                    values = list(pool.map(lambda path, which=name: self._value(path, which), names))
                for row, path, value in zip(missing, names, values, strict=True):
                    if len(value) != found[row].size or _hash(value) != found[row].hash:
                        raise _changed(path)
                batch = _with_values(batch, place, missing, values)
        own = [name for name in _VALUES if name in batch.schema.names]
        whole: pa.RecordBatch = put_apart(batch, self._objects, key=["path", *own])
        return whole

    def _value(self, path: str, column: str) -> bytes:
        if column == "text":
            return value_of(self._root, path, self._encoding)
        try:
            return (self._root / path).read_bytes()
        except OSError as error:
            raise _changed(path) from error

    def _keep(self, reference: Reference, path: str, column: str) -> None:
        """See to it that a large value is here: if it is, it is renewed, for it may have been garbage."""
        if self._objects.is_here(reference.object):
            self._objects.storage.renew([object_path(reference.object)])
            return
        pieces = pieces_of(self._root, path, self._encoding, as_text=column == "text")
        try:
            if self._objects.put_stream(pieces) != reference:
                raise _changed(path)
        except OSError as error:
            raise _changed(path) from error


def _nothing_known(rows: int) -> pa.Table:
    return pa.table({"content": pa.nulls(rows, pa.binary())})


def _with_values(batch: pa.RecordBatch, place: int, rows: list[int], values: list[bytes]) -> pa.RecordBatch:
    field = batch.schema.field(place)
    mask = np.zeros(batch.num_rows, np.bool_)
    mask[rows] = True
    fresh = pa.array(values, pa.binary()).cast(field.type)
    return batch.set_column(place, field, pc.replace_with_mask(batch.column(place), pa.array(mask), fresh))


def _hash(value: bytes) -> int:
    hasher = ValueHash()
    hasher.update(value)
    return hasher.value()


def _changed(path: str) -> InputError:
    return InputError(
        f"{path}: it changed while the folder was imported; nothing was committed, so import it again.",
        file=path,
    )
