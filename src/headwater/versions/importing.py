"""Import outside data as one commit that stores only what differs."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, get_args

import pyarrow as pa

from headwater.core.contract import Contract, promises
from headwater.core.errors import HeadwaterError, InputError, SchemaError, UsageError, require_choice
from headwater.core.ids import CommitId
from headwater.core.schema import SchemaChange, require_columns
from headwater.core.text import printable
from headwater.formats.base import About, Source
from headwater.formats.media import FACTS, can_read_facts
from headwater.formats.read import read
from headwater.store.commit import Provenance
from headwater.store.manifest import Manifest
from headwater.versions.diff import Diff
from headwater.versions.files import RememberedFiles
from headwater.versions.incoming import Data, Rows, incoming
from headwater.versions.transaction import QUARANTINE, OnBadRows, Transaction

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["ImportMode", "ImportResult", "import_data"]

ImportMode = Literal["replace", "append", "upsert"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportResult:
    """What an import did.

    ``commit`` is the branch's head afterwards; ``is_new`` says whether this import made it.
    """

    dataset: str
    commit: CommitId
    is_new: bool
    rows: int
    added: int
    removed: int
    changed: int
    quarantined: int
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the result as JSON-able values."""
        return {**asdict(self), "notes": list(self.notes)}


def import_data(
    repo: Repo,
    dataset: str,
    source: str | Path | Sequence[str | Path] | Data,
    *,
    key: str | Sequence[str] | None = None,
    label: str | None = None,
    sensitive: Sequence[str] | None = None,
    time: str | None = None,
    message: str | None = None,
    mode: ImportMode = "replace",
    on_bad_rows: OnBadRows = "error",
    schema_change: SchemaChange = "safe",
    origin: str | None = None,
    watch: str | None = None,
    arrival: Mapping[str, Any] | None = None,
    **reading: Any,
) -> ImportResult:
    """Import data into a dataset on the repository's branch.

    Parameters
    ----------
    repo : Repo
        The repository, at a branch.
    dataset : str
        Name of the dataset; it is made if it is not there.
    source : path, URL, glob, list of them, or data
        What to read: see `headwater.formats.read.read` for places, `headwater.versions.incoming` for data.
    key : str or sequence of str, optional
        The key columns of a new dataset; none gives a content key, but for a folder of files ``path``.
    label, sensitive, time : optional
        Roles of columns, kept in the dataset's contract.
    message : str, optional
        Commit message; says what was imported by default.
    mode : {"replace", "append", "upsert"}
        The source is the whole dataset (only differences are stored), further rows, or changed rows.
    on_bad_rows : {"error", "quarantine"}
        What happens to rows with null or duplicate keys.
    schema_change : {"none", "safe", "any"}
        Which changes of the schema are allowed.
    origin : str, optional
        What to call the source in provenance, where it is read from a copy.
    watch, arrival : optional
        The place that is watched, and what is known of the file that came there; kept in provenance. See
        `headwater.versions.watching`.
    **reading : Any
        Passed to the reader: ``format``, ``schema``, ``query``, ``encoding`` and the like. ``metadata`` is for
        folders of media: whether what headers say becomes columns; by default if the dataset has such columns,
        or is new and the packages for it are installed.

    Returns
    -------
    ImportResult

    Raises
    ------
    UsageError
        If an option has no such value, options do not go together, or the source has no columns.
    InvalidKeys
        If keys are null or duplicate, and ``on_bad_rows`` is ``error``.
    SchemaError
        If the rows do not fit the dataset.
    InputError
        If a file cannot be read.
    """
    require_choice("mode", mode, get_args(ImportMode))
    require_choice("on_bad_rows", on_bad_rows, get_args(OnBadRows))
    require_choice("schema_change", schema_change, get_args(SchemaChange))
    if mode == "upsert" and on_bad_rows == "quarantine":
        raise UsageError("on_bad_rows='quarantine' goes with mode 'replace' or 'append'.")
    before = repo.manifest(dataset, repo.head)
    keys = (key,) if isinstance(key, str) else key
    opened = _opened(source, reading, repo, before, keys)
    place, rows, notes = printable(origin or opened.place), opened.rows, opened.notes
    keys = keys or (opened.key if before is None else None)
    if not rows.schema.names:
        raise UsageError(f"{place} has no columns, so there is nothing to import.", dataset=dataset)
    sensitive = (sensitive,) if isinstance(sensitive, str) else sensitive
    require_columns(rows.schema, [*(keys or ())], where=place)
    watched = {} if watch is None else {"watch": watch, "dataset": dataset}
    provenance = Provenance(kind="import", id=place, parameters={"mode": mode, **watched})
    tx = repo.transaction(message or f"Import {place} into {dataset}", provenance=provenance)
    waiting = _count(tx, QUARANTINE.format(dataset))
    if mode == "upsert":
        _require_key(dataset, keys, before.key if before else None)
    try:
        if mode == "upsert" and before is not None:
            tx.upsert(dataset, rows, schema_change=schema_change)
        elif mode == "append":
            tx.append(dataset, rows, key=keys, schema_change=schema_change, on_bad_rows=on_bad_rows)
        elif dataset in tx and opened.is_current(tx[dataset].manifest):
            tx.upsert(dataset, rows)
            tx.delete(dataset, keys=opened.gone())
        else:
            tx.overwrite(dataset, rows, key=keys, schema_change=schema_change, on_bad_rows=on_bad_rows)
    except SchemaError as error:
        raise _with_value(error, source, reading) from error
    _set_facts(tx, dataset, opened.about)
    _set_roles(tx, dataset, label=label, sensitive=sensitive, time=time)
    quarantined = _count(tx, QUARANTINE.format(dataset)) - waiting
    after = tx[dataset].manifest
    stat = Diff(dataset, before, after, repo.objects, repo.threads).stat()
    head = tx.base
    if not tx.is_empty:
        record = {name: stat[name] for name in ("added", "removed", "changed")}
        came = {} if arrival is None else {"arrival": dict(arrival)}
        tx.provenance = replace(provenance, record={**record, **came})
        head = tx.commit()
    if tx.diverted:
        quarantined += tx.diverted.get(dataset, 0)
        before, after = repo.manifest(dataset, tx.base), tx[dataset].manifest
        stat = Diff(dataset, before, after, repo.objects, repo.threads).stat()
    opened.remember(str(after.fingerprint) if mode == "replace" and not quarantined else "")
    assert head is not None, "an import of a new dataset makes a commit"
    return ImportResult(
        dataset=dataset,
        commit=head,
        is_new=head != tx.base,
        rows=after.rows,
        added=stat["added"],
        removed=stat["removed"],
        changed=stat["changed"],
        quarantined=quarantined,
        notes=notes,
    )


def _with_value(error: SchemaError, source: Any, reading: Mapping[str, Any]) -> SchemaError:
    """Return an error about a column's type with the first value of the file that is of another one."""
    facts = error.facts
    if not (isinstance(source, str | Path) and {"column", "expected"} <= facts.keys()):
        return error
    types = {**dict(reading.get("schema") or {}), facts["column"]: facts["expected"]}
    try:
        deque(read(source, **{**reading, "schema": types}).batches(), maxlen=0)
    except InputError as found:
        return SchemaError(f"{error.message} The first that does not fit: {found.message}", **facts)
    except HeadwaterError:
        return error
    return SchemaError(
        f"{error.message} All values can be read as {facts['expected']}: --schema "
        f"{facts['column']}:{facts['expected']} does so.",
        **facts,
    )


def _require_key(dataset: str, wanted: Sequence[str] | None, there: Sequence[str] | None) -> None:
    """Refuse to update by another key than the dataset has, or by none."""
    if there is None and not wanted:
        raise UsageError(
            f"Dataset {dataset!r} is new, and rows are updated by a key: say which columns are it with key= "
            "(--key).",
            dataset=dataset,
        )
    if there is not None and wanted is not None and tuple(wanted) != tuple(there):
        raise UsageError(
            f"Dataset {dataset!r} has the key {list(there)}, not {list(wanted)}. Leave the key out.",
            dataset=dataset,
        )


@dataclass(frozen=True, kw_only=True)
class _Opened:
    """A source that is open: what to call it, its rows, what its reader had to say, and what is kept afterwards.

    ``is_current`` says whether a dataset is what the source was when it was last imported: then ``rows`` are only
    those that are new or changed since, and ``gone`` returns the keys of the others. ``remember`` is told the
    fingerprint of the dataset that is the source now.
    """

    place: str
    rows: Rows
    notes: tuple[str, ...] = ()
    key: tuple[str, ...] = ()
    about: About = field(default_factory=About)
    is_current: Callable[[Manifest], bool] = lambda manifest: False
    gone: Callable[[], pa.Array] = lambda: pa.array([], pa.string())
    remember: Callable[[str], None] = lambda fingerprint: None

    @classmethod
    def of(cls, source: str | Path, opened: Source) -> Self:
        """Return what a reader opened, as it is."""
        return cls(
            place=str(source),
            rows=incoming(opened),
            notes=tuple(opened.notes),
            key=opened.key,
            about=opened.about,
        )


def _opened(
    source: Any, reading: Mapping[str, Any], repo: Repo, before: Manifest | None, key: Sequence[str] | None
) -> _Opened:
    paths = isinstance(source, str | Path) or (
        isinstance(source, Sequence) and bool(source) and all(isinstance(item, str | Path) for item in source)
    )
    if not paths:
        if reading:
            raise UsageError(
                f"These options go with a file, not with data in memory: {', '.join(sorted(reading))}."
            )
        return _Opened(place=f"a {type(source).__name__} in memory", rows=incoming(source))
    if before is not None:
        reading = {"guide": before.schema, **reading}
    if not isinstance(source, str | Path):
        opened = read(source, **reading)
        place = ", ".join(str(item) for item in source)
        return _Opened(place=place, rows=incoming(opened), notes=tuple(opened.notes))
    root = Path(source).expanduser()
    if not root.is_dir():
        opened = read(source, **reading)
        return _Opened.of(source, opened)
    return _opened_folder(source, root, reading, repo, before, key)


def _opened_folder(
    source: str | Path,
    root: Path,
    reading: Mapping[str, Any],
    repo: Repo,
    before: Manifest | None,
    key: Sequence[str] | None,
) -> _Opened:
    """Open a folder with what is remembered of it, unless its values are wanted as other than they are there."""
    metadata = reading.get("metadata")
    if metadata is None:
        metadata = can_read_facts() if before is None else _has_facts(before.schema)
    given = {**reading, "metadata": metadata}
    kinds = {"path": pa.string(), "bytes": pa.binary(), "text": pa.string()}
    stored = {} if before is None else dict(zip(before.schema.names, before.schema.types, strict=True))
    as_is = all(stored.get(name, kind) == kind for name, kind in kinds.items())
    by_path = tuple(key or (before.key if before else ())) in ((), ("path",))
    if not as_is or not by_path or reading.get("schema"):
        opened = read(source, **given)
        return _Opened.of(source, opened)
    where = RememberedFiles.path_in_cache(root, encoding=reading.get("encoding"), metadata=metadata)
    memory = RememberedFiles(repo.objects, repo.cache.get(where), root=root, encoding=reading.get("encoding"))
    if memory.is_known:
        given["format"] = given.get("format") or "folder"
    opened = read(source, **given, memory=memory)
    if opened.format != "folder":
        return _Opened.of(source, opened)

    skips = reading.get("on_bad_lines") == "skip"

    def is_current(manifest: Manifest) -> bool:
        same = memory.fingerprint == str(manifest.fingerprint) and manifest.key == ("path",)
        memory.is_current = same and not skips and rows.schema.equals(manifest.schema)
        return memory.is_current

    def remember(fingerprint: str) -> None:
        data = memory.to_bytes(fingerprint)
        if data is not None:
            repo.cache.put(where, data)

    rows = Rows(opened.schema, opened.batches(), is_stored=True, complete=memory.complete)
    return _Opened(
        place=str(source),
        rows=rows,
        notes=tuple(opened.notes),
        key=opened.key,
        about=opened.about,
        is_current=is_current,
        gone=lambda: memory.gone,
        remember=remember,
    )


def _has_facts(schema: pa.Schema) -> bool:
    """Say whether a dataset has columns of what the headers of media say."""
    return any(set(facts) <= set(schema.names) for facts in FACTS.values() if facts)


def _set_facts(tx: Transaction, dataset: str, about: About) -> None:
    """Keep what the format says of columns, and the description and licence that the dataset lacks."""
    known = tx[dataset].manifest.tags
    for column, tags in about.tags.items():
        if column in tx[dataset].schema.names and not tags.items() <= known.get(column, {}).items():
            tx.set_tags(dataset, column, {**known.get(column, {}), **tags})
    if about.contract is None:
        return
    here = tx[dataset]
    contract = here.contract or Contract(dataset=dataset, key=here.key)
    described = replace(
        contract,
        description=contract.description or about.contract.description,
        license=contract.license or about.contract.license,
    )
    if described != contract:
        tx.set_contract(dataset, described)


def _set_roles(
    tx: Transaction, dataset: str, *, label: str | None, sensitive: Sequence[str] | None, time: str | None
) -> None:
    if label is None and sensitive is None and time is None:
        return
    here = tx[dataset]
    contract = here.contract or Contract(
        dataset=dataset, columns=promises(here.schema, here.key), key=here.key
    )
    tx.set_contract(dataset, contract.with_roles(label=label, sensitive=sensitive, time=time))


def _count(tx: Transaction, dataset: str) -> int:
    return tx[dataset].num_rows if dataset in tx else 0
