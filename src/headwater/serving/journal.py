"""Predictions are written to the log behind the requests, in batches; what could not be written is known.

A request only adds to a list in memory, and to a counter in a small file that is mapped into memory, so that it
outlives the process. A thread commits what has come, every few seconds. At the end the rest is committed, or, if the
repository cannot be reached, put into a file that the next server takes up. After a kill the counter tells how many
predictions are missing; there are no more of them than came since the last commit.
"""

from __future__ import annotations

import logging
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import numpy as np
import pyarrow as pa
from filelock import FileLock, Timeout
from numpy.typing import NDArray

from headwater.core.errors import HeadwaterError
from headwater.core.ids import digest
from headwater.methods.masking import pseudonymise, redact
from headwater.models.prediction_log import PredictionLog, log_rows
from headwater.recipes.base import F64
from headwater.recipes.model_file import Signature

if TYPE_CHECKING:
    from headwater.versions.repo import Repo

__all__ = ["Journal", "Mask", "Said", "journal_place"]

logger = logging.getLogger(__name__)

_DAY_S = 86_400.0
_LONGEST_WAIT_S = 60.0
_GIVEN, _KEPT, _SINCE = 0, 1, 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One answered request: what was asked, and what was said."""

    features: pa.Table
    said: F64
    signature: Signature
    ids: Sequence[str]
    version: int
    time: datetime
    role: str = "live"
    latency_ms: float | None = None
    request: str = ""

    def rows(self, mask: Mask) -> pa.Table:
        """Return it as rows of the log."""
        return log_rows(
            mask.apply(self.features),
            self.said,
            self.signature,
            ids=self.ids,
            version=self.version,
            time=self.time,
            role=self.role,
            latency_ms=self.latency_ms,
            request=self.request,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Mask:
    """What of the inputs is not to be kept as it is.

    Parameters
    ----------
    columns : frozenset of str
        Features that are masked: texts by a pseudonym if there is a key, else removed; all others removed.
    key : bytes
        The secret of the pseudonyms, 16 bytes at least.
    keeps_inputs : bool
        False where no input is kept at all.
    """

    columns: frozenset[str] = frozenset()
    key: bytes = b""
    keeps_inputs: bool = True

    def apply(self, features: pa.Table) -> pa.Table:
        """Return what may be kept of the inputs; columns stay, so that tables of a log fit together."""
        if not self.keeps_inputs:
            return features.select([])
        for place, name in enumerate(features.column_names):
            if name in self.columns:
                features = features.set_column(place, name, self._masked(name, features.column(name)))
        return features

    def plain(self, row: Any) -> Any:
        """Return what may be kept of a row as it was sent."""
        if not isinstance(row, Mapping):
            return None if self.columns or not self.keeps_inputs else row
        return (
            {name: value for name, value in row.items() if name not in self.columns}
            if self.keeps_inputs
            else {}
        )

    def _masked(self, name: str, values: pa.ChunkedArray) -> pa.Array:
        if not pa.types.is_string(values.type):
            return pa.nulls(len(values), values.type)
        return (
            pseudonymise(values, key=self.key, domain=name) if self.key else redact(values, replacement=None)
        )


def journal_place(repo: Repo) -> Path:
    """Return the folder for what a server notes outside the repository's history."""
    root = repo.storage.root
    if root is not None:
        return Path(root) / "serving"
    return Path(tempfile.gettempdir()) / f"headwater-serving-{digest(str(repo.storage).encode())[:16]}"


@dataclass
class Journal:
    """Writes the log of one model.

    Parameters
    ----------
    log : PredictionLog
        Where to.
    place : Path
        A folder for the counter, and for what could not be written at the end.
    mask : Mask
        What is not kept.
    every_s : float
        Seconds between two commits.
    batch_rows : int
        After so many predictions there is a commit at once.
    most_waiting : int
        So many predictions are held while the repository cannot be written; further ones are lost, and counted.
    keep_days : float, optional
        Older predictions are removed, once a day.
    shadow : callable, optional
        Gives the answer of another version to what was asked, to be logged beside it; None where there is none.
    """

    log: PredictionLog
    place: Path
    mask: Mask = field(default_factory=Mask)
    every_s: float = 5.0
    batch_rows: int = 5_000
    most_waiting: int = 200_000
    keep_days: float | None = None
    shadow: Callable[[Sequence[Said]], Said | None] | None = None

    written: int = 0
    dropped: int = 0
    errors: int = 0
    found_lost: int = 0

    def __post_init__(self) -> None:
        self.place.mkdir(parents=True, exist_ok=True)
        self._name = f"{self.log.model}-{uuid4().hex[:12]}"
        self._lock, self._wake = threading.Lock(), threading.Event()
        self._entries: list[Said] = []
        self._refused: list[Mapping[str, Any]] = []
        self._rows = 0
        self._stuck: pa.Table | None = None
        self._is_closing = False
        self._retain_at = 0.0
        self._pause = 0.0
        self._own = FileLock(self.place / f"{self._name}.lock")
        self._take_over()
        self._own.acquire(timeout=0)
        self._counter = _counter(self.place / f"{self._name}.count", "w+")
        self._counter[_SINCE] = _now()
        self._thread = threading.Thread(target=self._work, name=f"log {self.log.model}", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """How many predictions are not yet written."""
        return self._rows + (self._stuck.num_rows if self._stuck is not None else 0)

    def add(self, entry: Said) -> None:
        """Take an answered request; it is written later."""
        rows = len(entry.ids)
        with self._lock:
            if self.waiting + rows > self.most_waiting:
                self.dropped += rows
                return
            self._entries.append(entry)
            self._rows += rows
            self._counter[_GIVEN] += rows
            is_full = self._rows >= self.batch_rows
        if is_full and self._stuck is None:
            self._wake.set()

    def add_refused(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Take rows that broke the input contract: ``_id``, ``_time``, ``row``, ``problems``."""
        with self._lock:
            if len(self._refused) + len(rows) <= self.most_waiting:
                self._refused += rows

    def close(self) -> None:
        """Write what waits, and end."""
        self._is_closing = True
        self._wake.set()
        self._thread.join()
        if self._stuck is not None:
            path = self.place / f"{self._name}.arrow"
            _save(path, self._stuck)
            logger.warning(
                "%d predictions of %s could not be written to the repository. They are in %s, and the next "
                "server of the model takes them up.",
                self._stuck.num_rows,
                self.log.model,
                path,
            )
        (self.place / f"{self._name}.count").unlink(missing_ok=True)
        self._own.release()
        (self.place / f"{self._name}.lock").unlink(missing_ok=True)

    def flush(self) -> None:
        """Wait until all that was added so far is written, or could not be."""
        target = int(self._counter[_GIVEN])
        errors = self.errors
        while int(self._counter[_KEPT]) < target and self.errors == errors and self._thread.is_alive():
            self._wake.set()
            time.sleep(0.005)

    def _work(self) -> None:
        while not self._is_closing:
            self._wake.wait(self._pause or self.every_s)
            self._wake.clear()
            self._write()
            self._retain()
        self._write()

    def _write(self) -> None:
        with self._lock:
            entries, self._entries, self._rows = self._entries, [], 0
            refused, self._refused = self._refused, []
            tables = [
                *([self._stuck] if self._stuck is not None else []),
                *(one.rows(self.mask) for one in entries),
            ]
            is_again = self._stuck is not None
            self._stuck = pa.concat_tables(tables, promote_options="permissive") if tables else None
        try:
            if self._stuck is not None:
                rows = self._stuck.num_rows
                self.log.append(self._stuck, again=is_again)
                self._stuck = None
                self._counter[_KEPT] += rows
                self._counter[_SINCE] = _now()
                self.written += rows
            if refused:
                self.log.append_refused(refused)
                refused = []
            beside = self.shadow(entries) if self.shadow and entries else None
            if beside is not None:
                self.log.append(beside.rows(self.mask))
            self._pause = 0.0
        except (HeadwaterError, OSError) as error:
            # What waits stays in memory, and is tried again, at longer and longer intervals.
            self.errors += 1
            with self._lock:
                self._refused = [*refused, *self._refused]
            self._pause = min(max(2 * self._pause, self.every_s), _LONGEST_WAIT_S)
            logger.warning("The log of %s cannot be written: %s", self.log.model, error)

    def _retain(self) -> None:
        if self.keep_days is None or time.monotonic() < self._retain_at:
            return
        self._retain_at = time.monotonic() + _DAY_S
        try:
            self.log.retain(self.keep_days)
        except (HeadwaterError, OSError) as error:
            logger.warning("Old predictions of %s could not be removed: %s", self.log.model, error)

    def _take_over(self) -> None:
        """Look for what servers left that are gone: predictions in a file, and counters that tell of lost ones."""
        for path in sorted(self.place.glob(f"{self.log.model}-*.lock")):
            lock = FileLock(path)
            try:
                lock.acquire(timeout=0)
            except (Timeout, OSError):
                continue
            counter = path.with_suffix(".count")
            if counter.exists():
                given, kept, since = (int(one) for one in _counter(counter, "r"))
                if given > kept:
                    self.found_lost += given - kept
                    start = datetime.fromtimestamp(since / 1e6, UTC)
                    end = max(start, datetime.fromtimestamp(counter.stat().st_mtime, UTC))
                    self.log.append_loss(id=path.stem, since=start, until=end, rows=given - kept)
                counter.unlink()
            lock.release()
            path.unlink(missing_ok=True)
        for spool in sorted(self.place.glob(f"{self.log.model}-*.arrow")):
            with pa.OSFile(str(spool)) as file, pa.ipc.open_file(file) as reader:
                rows = reader.read_all()
            self.log.append(rows, again=True)
            spool.unlink()


def _counter(path: Path, mode: Any) -> NDArray[np.int64]:
    return np.memmap(path, np.int64, mode, shape=(3,))


def _now() -> int:
    return int(time.time() * 1e6)


def _save(path: Path, rows: pa.Table) -> None:
    new = path.with_suffix(".tmp")
    with pa.OSFile(str(new), "wb") as file, pa.ipc.new_file(file, rows.schema) as writer:
        writer.write_table(rows)
    new.replace(path)
