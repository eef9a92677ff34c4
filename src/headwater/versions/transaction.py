"""A transaction: changes to several datasets that become one commit, or none."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from dataclasses import replace
from datetime import datetime
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
import pyarrow as pa

from headwater.core.arrays import cast
from headwater.core.contract import Contract, require_severity
from headwater.core.errors import (
    ConcurrentUpdate,
    MergeConflict,
    NotFound,
    SchemaError,
    UsageError,
    require_choice,
)
from headwater.core.ids import CommitId, ObjectId
from headwater.core.progress import SILENT
from headwater.core.schema import SchemaChange, require_columns
from headwater.reading.chunks import DatasetChunk
from headwater.reading.dataset import Dataset
from headwater.reading.pushdown import analyse
from headwater.store.chunk import Chunk, live_mask, read_chunk
from headwater.store.commit import Commit, Provenance, load_commit, save_commit
from headwater.store.duck import rows_where
from headwater.store.keytext import key_array
from headwater.store.lookup import SERIAL, Places, locate
from headwater.store.manifest import Manifest, load_manifest, save_manifest
from headwater.store.values import where_holds
from headwater.versions import columns, edit
from headwater.versions.compact import compact
from headwater.versions.incoming import Data, Rows, incoming
from headwater.versions.merge import CONFLICTS, example, merge_manifests, same
from headwater.versions.publish import publish

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["QUARANTINE", "OnBadRows", "Transaction"]

OnBadRows = Literal["error", "quarantine"]

QUARANTINE = "{}.quarantine"
"""Name of the dataset where diverted rows of a dataset wait, with a ``_reason`` each."""

_ATTEMPTS = 200


class Transaction:
    """Collects changes and publishes them as one commit.

    Use as a context manager: leaving it without an error commits. If the branch has moved meanwhile, the
    changes are rebased when the changed keys are disjoint; otherwise `MergeConflict` is raised and the
    branch stays as it is.

    Parameters
    ----------
    repo : Repo
        The repository, at the branch to commit to.
    message : str
        The commit message.
    provenance : Provenance, optional
        Where the change comes from; an edit by hand by default.
    author : str, optional
        The user by default.
    time : datetime, optional
        Time of the commit; now by default.
    divert : bool
        Whether the gate of the branch may divert rows to quarantine; else they keep the commit out.
    """

    def __init__(
        self,
        repo: Repo,
        message: str,
        *,
        provenance: Provenance | None = None,
        author: str | None = None,
        time: datetime | None = None,
        divert: bool = True,
    ) -> None:
        if not message.strip():
            raise UsageError("A commit needs a message that says why.")
        self.repo = repo
        self.branch = repo.require_branch()
        self.message = message
        self.provenance = provenance or Provenance()
        self.author = author or repo.author
        self.time = time
        self.may_divert = divert
        self.base = repo.refs.get("heads", self.branch) or repo.start
        self.commit_id: CommitId | None = None
        self.diverted: dict[str, int] = {}
        self._began = monotonic()
        self._shop = repo.workshop
        self._before: dict[str, Manifest] = self._datasets_of(self.base)
        self._after: dict[str, Manifest] = dict(self._before)

    def __enter__(self) -> Transaction:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.commit()

    def __getitem__(self, name: str) -> Dataset:
        """Return a dataset as it stands inside the transaction."""
        return Dataset(
            name,
            self._manifest(name),
            commit=None,
            objects=self.repo.objects,
            executor=self.repo.threads,
            at=lambda ref: self.repo.at(ref, dataset=name)[name],
        )

    def __contains__(self, name: object) -> bool:
        return name in self._after

    def append(
        self,
        dataset: str,
        data: Data,
        *,
        key: str | Sequence[str] | None = None,
        schema_change: SchemaChange = "safe",
        on_bad_rows: OnBadRows = "error",
    ) -> None:
        """Add rows whose keys are new; make the dataset if it is not there.

        Parameters
        ----------
        dataset : str
            Name of the dataset.
        data : Data
            Anything Arrow can read.
        key : str or sequence of str, optional
            The key columns of a new dataset; none gives a content key.
        schema_change : {"none", "safe", "any"}
            Which changes of the schema are allowed.
        on_bad_rows : {"error", "quarantine"}
            Refuse null and duplicate keys, or keep those rows in the dataset ``NAME.quarantine``.

        Raises
        ------
        InvalidKeys
            If keys are null, duplicate or there already.
        SchemaError
            If the rows do not fit the schema.
        """
        _require_choices(schema_change, on_bad_rows)
        rows = _rows(data)
        manifest = self._manifest_for(dataset, key, rows)
        self._after[dataset], diverted = edit.append(
            manifest,
            rows,
            self._shop,
            name=dataset,
            schema_change=schema_change,
            divert=on_bad_rows == "quarantine",
        )
        self._quarantine(dataset, diverted)

    def upsert(self, dataset: str, data: Data, *, schema_change: SchemaChange = "safe") -> None:
        """Update rows whose keys are there and add the others; cells that ``data`` lacks stay.

        In a list of mappings each row may name other columns: only the cells that it names change.
        """
        _require_choices(schema_change)
        manifest = self._manifest(dataset)
        for part in _of_equal_columns(data):
            manifest = edit.upsert(
                manifest, _rows(part), self._shop, name=dataset, schema_change=schema_change
            )
        self._after[dataset] = manifest

    def overwrite(
        self,
        dataset: str,
        data: Data,
        *,
        key: str | Sequence[str] | None = None,
        schema_change: SchemaChange = "safe",
        on_bad_rows: OnBadRows = "error",
    ) -> None:
        """Make the dataset hold exactly these rows; only what differs is stored. See `append`."""
        _require_choices(schema_change, on_bad_rows)
        rows = _rows(data)
        manifest = self._manifest_for(dataset, key, rows)
        self._after[dataset], diverted = edit.overwrite(
            manifest,
            rows,
            self._shop,
            name=dataset,
            schema_change=schema_change,
            divert=on_bad_rows == "quarantine",
        )
        self._quarantine(dataset, diverted)

    def delete(self, dataset: str, *, keys: Data | None = None, where: str | None = None) -> int:
        """Delete rows by key or by condition, and return how many.

        Parameters
        ----------
        dataset : str
            Name of the dataset.
        keys : sequence or table, optional
            Key values (tuples for several key columns), as a list, set or column, or rows that hold the key
            columns.
        where : str, optional
            A SQL condition.

        Raises
        ------
        UsageError
            If neither or both are given, or the dataset has no key to delete by.
        NotFound
            If a key is not there.
        """
        if (keys is None) == (where is None):
            raise UsageError("Delete by keys or by a condition: give exactly one of keys= and where=.")
        manifest = self._manifest(dataset)
        # Text is one key, not a sequence of letters.
        keys = [keys] if isinstance(keys, str | bytes) else keys
        places = (
            self._where(manifest, where, dataset)
            if where is not None
            else self._keyed(manifest, keys, dataset)
        )
        self._after[dataset] = edit.delete_places(manifest, places, self._shop)
        return len(places)

    def add_columns(self, dataset: str, data: Data) -> None:
        """Add columns to rows matched by key (by order without a key); only those columns are written."""
        self._after[dataset] = columns.add_columns(
            self._manifest(dataset), _rows(data), self._shop, name=dataset
        )

    def compute_columns(
        self,
        dataset: str,
        fields: Sequence[pa.Field],
        function: Callable[[DatasetChunk], pa.Table | None],
        *,
        retype: bool = False,
    ) -> None:
        """Add columns, or give columns new values, chunk by chunk; only those columns are written.

        Parameters
        ----------
        dataset : str
            Name of the dataset.
        fields : sequence of pyarrow.Field
            The columns that ``function`` makes.
        function : callable
            Takes a chunk, one after the other; returns a table with those columns and a row for every stored row of
            the chunk, deleted ones included. None leaves the chunk as it is: null where a column is new.
        retype : bool
            Whether a column that is there may get another type: then ``function`` returns it for every chunk. Where
            the contract promises the old type, it promises the new one.

        Raises
        ------
        SchemaError
            If a column is part of the key, or there with another type.
        """
        manifest = self._manifest(dataset)
        for field in fields:
            if field.name in manifest.key:
                raise SchemaError(
                    f"Column {field.name!r} is part of the key of dataset {dataset!r} and cannot be computed.",
                    column=field.name,
                )
            there = field.name in manifest.schema.names and manifest.schema.field(field.name).type
            if there and there != field.type and not retype:
                raise SchemaError(
                    f"Column {field.name!r} of dataset {dataset!r} is {there}, not {field.type}. Name another column, "
                    "or drop this one first.",
                    column=field.name,
                    expected=str(there),
                    found=str(field.type),
                )

        def compute(number: int, chunk: Chunk) -> pa.Table | None:
            del number
            return function(DatasetChunk(chunk, manifest.schema, self._shop.objects, key=manifest.key))

        one_by_one = replace(self._shop, executor=SERIAL, progress=SILENT)
        made = columns.compute_columns(manifest, fields, compute, one_by_one)
        if made.contract is not None and retype:
            promised = Contract.from_odcs(made.contract).retyped(manifest.schema, made.schema)
            made = replace(made, contract=promised.to_odcs())
        self._after[dataset] = made

    def quarantine(self, dataset: str, rows: pa.Table) -> None:
        """Add rows to the dataset ``NAME.quarantine``, where they wait; their column ``_reason`` says why."""
        self._quarantine(dataset, rows)

    def drop_columns(self, dataset: str, names: str | Sequence[str]) -> None:
        """Drop columns; older versions keep them. What the contract says of them goes too."""
        names = (names,) if isinstance(names, str) else tuple(names)
        manifest = columns.drop_columns(self._manifest(dataset), list(names), self._shop)
        if manifest.contract is not None:
            contract = Contract.from_odcs(manifest.contract).without_columns(names)
            manifest = replace(manifest, contract=contract.to_odcs())
        self._after[dataset] = manifest

    def rename_columns(self, dataset: str, names: Mapping[str, str]) -> None:
        """Rename columns, given as ``{old: new}``, in the contract too; no data is written."""
        self._after[dataset] = columns.rename_columns(self._manifest(dataset), names, self._shop)

    def drop(self, dataset: str) -> None:
        """Remove a dataset; older commits keep it."""
        self._manifest(dataset)
        del self._after[dataset]

    def set_contract(self, dataset: str, contract: Contract | None) -> None:
        """Set what the dataset promises."""
        manifest = self._manifest(dataset)
        if contract is not None:
            roles = [*contract.sensitive, *(name for name in (contract.label, contract.time) if name)]
            require_columns(manifest.schema, roles, where=f"dataset {dataset!r}")
            for rule in contract.rules:
                require_severity(rule)
        self._after[dataset] = replace(manifest, contract=contract.to_odcs() if contract else None)

    def set_tags(self, dataset: str, column: str, tags: Mapping[str, Any]) -> None:
        """Set free-form facts about a column: anything that JSON can say."""
        manifest = self._manifest(dataset)
        require_columns(manifest.schema, [column], where=f"dataset {dataset!r}")
        try:
            facts = json.loads(json.dumps(dict(tags), allow_nan=False))
        except (TypeError, ValueError) as error:
            raise UsageError(
                f"These tags of column {column!r} of dataset {dataset!r} cannot be written as JSON: {error}. Give "
                "names and texts, numbers, lists or mappings.",
                column=column,
            ) from error
        self._after[dataset] = replace(manifest, tags={**manifest.tags, column: facts})

    @property
    def is_empty(self) -> bool:
        """Whether nothing changed."""
        names = self._before.keys() | self._after.keys()
        return all(same(self._before.get(name), self._after.get(name)) for name in names)

    def commit(self) -> CommitId | None:
        """Publish the changes and return the commit; the branch's head if nothing changed.

        Raises
        ------
        MergeConflict
            If somebody else changed the same rows meanwhile.
        ConcurrentUpdate
            If others were faster every time.
        GateClosed
            If the gate of the branch kept the commit out; it waits in quarantine.

        Notes
        -----
        Where the gate diverts rows, the commit that is published lacks them, and ``diverted`` says how many of each
        dataset.
        """
        if self.is_empty:
            self.commit_id = self.commit_id or self.base
            return self.commit_id
        changed = [
            name
            for name in self._before.keys() | self._after.keys()
            if not same(self._before.get(name), self._after.get(name))
        ]
        for name in changed:
            if name in self._after:
                self._after[name] = compact(self._after[name], self._shop)
        head = self.base
        datasets = self._saved(self._after, {} if head is None else self._commit(head).datasets, changed)
        for _ in range(_ATTEMPTS):
            expected = self.repo.refs.get("heads", self.branch)
            done = None
            if expected == head or (expected is None and head == self.repo.start):
                commit = self._save(datasets, head)
                done = publish(
                    self.repo,
                    self.branch,
                    commit,
                    expected=expected,
                    reason=f"commit: {commit.summary}",
                    began=self._began,
                    held_to=head,
                    divert=self.may_divert,
                    author=self.author,
                )
            if done is not None:
                self.commit_id = done.id
                if done.id != commit.id:
                    self.diverted = dict(done.provenance.record["diverted"])
                    self._after = self._datasets_of(done.id)
                # What is published is no change any more: committing again adds nothing.
                self._before = dict(self._after)
                return done.id
            head = self.repo.refs.get("heads", self.branch) or self.repo.start
            datasets = self._rebased(head, changed)
            if head is not None and datasets == self._commit(head).datasets:
                # Somebody has made the same change already.
                self.commit_id = head
                return head
        raise ConcurrentUpdate(
            f"Branch {self.branch!r} moved {_ATTEMPTS} times while committing. Nothing was lost; try again.",
            branch=self.branch,
        )

    def _save(self, datasets: Mapping[str, ObjectId], head: CommitId | None) -> Commit:
        return save_commit(
            self.repo.objects,
            datasets=datasets,
            parents=(head,) if head else (),
            author=self.author,
            message=self.message,
            provenance=self.provenance,
            time=self.time,
        )

    def _saved(
        self, manifests: Mapping[str, Manifest], known: Mapping[str, ObjectId], changed: Sequence[str]
    ) -> dict[str, ObjectId]:
        kept = {name: known[name] for name in manifests if name in known and name not in changed}
        return kept | {
            name: save_manifest(manifests[name], self.repo.objects)
            for name in sorted(changed)
            if name in manifests
        }

    def _rebased(self, head: CommitId | None, changed: Sequence[str]) -> dict[str, ObjectId]:
        """Apply the changes to a branch that has moved."""
        theirs = self._datasets_of(head)
        result, conflicts = dict(theirs), []
        for name in changed:
            merged = merge_manifests(
                name,
                self._before.get(name),
                theirs.get(name),
                self._after.get(name),
                self._shop,
                level="rows",
            )
            conflicts.append(merged.conflicts)
            if merged.manifest is None:
                result.pop(name, None)
            else:
                result[name] = merged.manifest
        table = pa.concat_tables([CONFLICTS.empty_table(), *conflicts])
        if table.num_rows:
            raise MergeConflict(
                f"Branch {self.branch!r} moved while this change was made, and {table.num_rows} cell(s) of "
                f"the same rows were changed there too, {example(table)}. Nothing was committed; make the change "
                "on the new head.",
                conflicts=table,
            )
        return self._saved(result, {} if head is None else self._commit(head).datasets, changed)

    def _commit(self, name: CommitId) -> Commit:
        return load_commit(name, self.repo.objects)

    def _datasets_of(self, commit: CommitId | None) -> dict[str, Manifest]:
        if commit is None:
            return {}
        found = self._commit(commit).datasets
        return {name: load_manifest(manifest, self.repo.objects) for name, manifest in found.items()}

    def _manifest(self, dataset: str) -> Manifest:
        if dataset not in self._after:
            raise NotFound.among("dataset", dataset, self._after, where=f"branch {self.branch!r}")
        return self._after[dataset]

    def _manifest_for(self, dataset: str, key: str | Sequence[str] | None, rows: Rows) -> Manifest:
        wanted = None if key is None else (key,) if isinstance(key, str) else tuple(key)
        if dataset in self._after:
            manifest = self._after[dataset]
            if wanted is not None and wanted != manifest.key:
                raise UsageError(
                    f"Dataset {dataset!r} has the key {list(manifest.key)}, not {list(wanted)}. "
                    "Leave the key out, or drop the dataset first.",
                    dataset=dataset,
                )
            return manifest
        _check_name(dataset)
        require_columns(rows.schema, wanted or (), where=f"the rows of dataset {dataset!r}")
        if len(set(wanted or ())) < len(wanted or ()):
            raise UsageError(f"The key {list(wanted or ())} names a column twice. Name each once.")
        for name in wanted or ():
            _check_key_type(rows.schema.field(name), dataset)
        return Manifest(schema=pa.schema([]), key=wanted or ())

    def _quarantine(self, dataset: str, rows: pa.Table) -> None:
        if rows.num_rows:
            name = QUARANTINE.format(dataset)
            batches = Rows(rows.schema, rows.to_batches(), is_stored=True)
            manifest = self._after.get(name, Manifest(schema=rows.schema))
            self._after[name], _ = edit.append(manifest, batches, self._shop, name=name, schema_change="any")

    def _where(self, manifest: Manifest, where: str, dataset: str) -> Places:
        found = []
        objects, schema = self.repo.objects, manifest.schema
        rows_where(schema.empty_table(), where, dataset)
        columns = analyse(where, schema, dataset).columns
        for number, chunk in enumerate(manifest.chunks):
            live = np.flatnonzero(live_mask(chunk, objects)).astype(np.int64)
            table = read_chunk(chunk, schema, objects, columns=columns)
            at = live[where_holds(table, where, dataset, objects if chunk.has_large else None)]
            found.append(Places(np.full(len(at), number, np.int64), at))
        return Places.join(found)

    def _keyed(self, manifest: Manifest, keys: Data, dataset: str) -> Places:
        if not manifest.key:
            raise UsageError(
                f'Dataset {dataset!r} has no key. Delete by a condition: where="…".', dataset=dataset
            )
        table = _key_table(manifest, keys, dataset)
        places = locate(manifest, table, self.repo.objects, self.repo.threads)
        lost = np.flatnonzero(~places.found)
        if len(lost):
            raise NotFound(
                f"Dataset {dataset!r} has no row with key {table.slice(int(lost[0]), 1).to_pylist()[0]} "
                f"({len(lost)} of {table.num_rows} keys are missing). Nothing was deleted.",
                kind="row",
                name=dataset,
            )
        at = places.chunks * (1 << 32) + places.positions
        return places[np.unique(at, return_index=True)[1]]


def _key_table(manifest: Manifest, keys: Data, dataset: str) -> pa.Table:
    schema = pa.schema([manifest.schema.field(name) for name in manifest.key])
    width = len(schema)
    try:
        column = _as_column(keys)
        if column is not None and width == 1:
            keys = {schema.names[0]: column}
        elif column is not None or isinstance(keys, Set | Iterator):
            keys = list(keys) if column is None else column.to_pylist()
        plain = isinstance(keys, Sequence) and not any(isinstance(k, Mapping | pa.RecordBatch) for k in keys)
        if plain:
            rows = [
                (key,) if isinstance(key, str) or (width == 1 and not isinstance(key, tuple)) else tuple(key)
                for key in keys
            ]
            values = list(zip(*rows, strict=True)) or [()] * width
            return pa.table(
                [key_array(v, f.type) for v, f in zip(values, schema, strict=True)], schema=schema
            )
        table = incoming(keys).table()
        require_columns(table.schema, manifest.key, where="the rows to delete")
        arrays = []
        for field in schema:
            # Cast by Arrow, the text "1" would be the number 1.
            if pa.types.is_string(table.schema.field(field.name).type) != pa.types.is_string(field.type):
                raise TypeError(f"column {field.name!r} is {table.schema.field(field.name).type}")
            arrays.append(cast(table.column(field.name), field.type))
        return pa.table(arrays, schema=schema)
    except (pa.ArrowException, TypeError, ValueError, OverflowError) as error:
        if isinstance(error, UsageError):
            raise
        raise SchemaError(
            f"These keys do not fit the key {list(manifest.key)} of dataset {dataset!r}, of type "
            f"{', '.join(str(kind) for kind in schema.types)}: {error}"
        ) from error


def _as_column(keys: Data) -> pa.Array | pa.ChunkedArray | None:
    """Return a column of Arrow, numpy, pandas or polars as one of Arrow; None if it is none."""
    if isinstance(keys, pa.Array | pa.ChunkedArray):
        return keys
    if isinstance(keys, np.ndarray) and keys.ndim == 1:
        return pa.array(keys)
    return pa.chunked_array(keys) if hasattr(keys, "to_list") else None


def _rows(data: Data) -> Rows:
    rows = incoming(data)
    if not rows.schema.names:
        raise UsageError("These rows have no columns. Give at least one; to remove a dataset, drop it.")
    return rows


def _of_equal_columns(data: Data) -> list[Data]:
    """Split a list of mappings into lists whose mappings name the same columns."""
    if not isinstance(data, Sequence) or not data or not all(isinstance(row, Mapping) for row in data):
        return [data]
    parts: dict[frozenset[str], list[Mapping[str, Any]]] = {}
    for row in data:
        parts.setdefault(frozenset(row), []).append(row)
    return list(parts.values())


def _require_choices(schema_change: str, on_bad_rows: str = "error") -> None:
    require_choice("schema_change", schema_change, get_args(SchemaChange))
    require_choice("on_bad_rows", on_bad_rows, get_args(OnBadRows))


def _check_name(dataset: str) -> None:
    from headwater.store.refs import valid_name

    if not valid_name(dataset) or "@" in dataset:
        raise UsageError(
            f"{dataset!r} is not a valid dataset name: use letters, digits, and . _ + - / between them.",
            name=dataset,
        )


def _check_key_type(field: pa.Field, dataset: str) -> None:
    kind = field.type
    if pa.types.is_floating(kind) or pa.types.is_nested(kind) or pa.types.is_null(kind):
        raise SchemaError(
            f"Column {field.name!r} is {kind}, which cannot be a key of dataset {dataset!r}: a key is of whole "
            "numbers, text, bytes, dates, times or UUIDs. Choose another column, or import without a key.",
            column=field.name,
        )
