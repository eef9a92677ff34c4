"""Records of runs: what ran when, from which commits, with what outcome; and what each step logged."""

from __future__ import annotations

import json
import os
import secrets
import socket
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Literal

from headwater.core.errors import CorruptObject, NotFound, ObjectMissing
from headwater.core.ids import digest
from headwater.store.storage import Storage

__all__ = ["RunRecord", "RunState", "Runs", "StepRecord"]

RunState = Literal["running", "succeeded", "failed", "stopped", "interrupted"]
StepState = Literal["waiting", "running", "done", "reused", "failed", "skipped"]

_FOLDER = "runs"
_FILES = "files"
_SILENT_S = 60.0


@dataclass(frozen=True, kw_only=True)
class StepRecord:
    """One step of a run.

    Parameters
    ----------
    name : str
        Its name in the pipeline.
    state : str
        ``reused`` means that nothing had to run.
    inputs : tuple of str
        Names of the steps and datasets whose values it took.
    key : str
        The name that its result is kept under: of its code, parameters and the content of its inputs.
    result, kind : str
        A name for the content of the result, and what it is: ``table``, ``array``, ``bytes``, ``model``, ``json``, or
        ``rows`` for steps by rows, whose pieces have names of their own.
    code : str
        A name for what the function does; see `headwater.pipelines.code`.
    reads : tuple of str
        For steps by rows: the columns that the function saw.
    attempts : int
        How often the function was tried.
    seconds : float
        How long it took.
    began, ended : str
        Times in UTC.
    called_rows, known_rows : int
        For steps by rows: of how many rows the function was called, and of how many it was known.
    rows : int, optional
        Rows of the result, if it is a table.
    error : str
        Why it failed.
    findings : tuple of mapping
        What checks of its inputs and result found.
    """

    name: str
    state: StepState = "waiting"
    inputs: tuple[str, ...] = ()
    key: str = ""
    result: str = ""
    kind: str = ""
    code: str = ""
    reads: tuple[str, ...] = ()
    attempts: int = 0
    seconds: float = 0.0
    began: str = ""
    ended: str = ""
    called_rows: int = 0
    known_rows: int = 0
    rows: int | None = None
    error: str = ""
    findings: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True, kw_only=True)
class RunRecord:
    """One run of a pipeline.

    Parameters
    ----------
    id : str
        Sorts by the time it began.
    pipeline, file : str
        What ran, and where it is written.
    branch : str
        The branch that results are committed to.
    parameters : mapping
        Of the run, JSON-able.
    sources : mapping of str to str
        The commit that each dataset was read at.
    state : str
        ``interrupted``: it was running, and nothing was heard of it for a minute.
    began, beat, ended : str
        Times in UTC; ``beat`` is the last time that it was heard of.
    steps : mapping of str to StepRecord
        In the order of the pipeline.
    commit : str, optional
        The commit it ended with.
    outputs : mapping
        For each dataset that it made: the step, the datasets it comes from, and columns where known.
    trigger : str
        What started it.
    environment : mapping
        Python, platform, packages, and the revision of the code; see `headwater.pipelines.environment`.
    code : mapping
        What was kept of the code; see `headwater.pipelines.source_code`.
    host, process : str, int
        Where it ran.
    """

    id: str
    pipeline: str
    branch: str
    file: str = ""
    parameters: Mapping[str, Any] = field(default_factory=dict)
    sources: Mapping[str, str] = field(default_factory=dict)
    state: RunState = "running"
    began: str = ""
    beat: str = ""
    ended: str = ""
    steps: Mapping[str, StepRecord] = field(default_factory=dict)
    commit: str | None = None
    outputs: Mapping[str, Any] = field(default_factory=dict)
    trigger: str = "by hand"
    environment: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)
    host: str = ""
    process: int = 0

    @property
    def seconds(self) -> float:
        """How long it took, or has been running."""
        end = self.ended or self.beat or self.began
        return (datetime.fromisoformat(end) - datetime.fromisoformat(self.began)).total_seconds()

    def to_dict(self) -> dict[str, Any]:
        """Return the record as JSON-able values."""
        return {**asdict(self), "seconds": round(self.seconds, 3)}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> RunRecord:
        """Read what `to_dict` gives."""
        fields = {name: one for name, one in value.items() if name != "seconds"}
        lists = ("inputs", "findings", "reads")
        steps = {
            name: StepRecord(**{**one, **{key: tuple(one.get(key, ())) for key in lists}})
            for name, one in value["steps"].items()
        }
        return cls(**{**fields, "steps": steps})


class Runs:
    """The records of a repository's runs, each a document of its own beside the data.

    Parameters
    ----------
    storage : Storage
        That of the repository.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage

    @staticmethod
    def new_id(now: datetime) -> str:
        """Return an id that sorts by time."""
        return f"{now:%Y%m%dT%H%M%S}{now.microsecond // 1000:03d}-{secrets.token_hex(2)}"

    def save(self, record: RunRecord) -> None:
        """Keep a record; a later one of the same run takes its place."""
        data = json.dumps(record.to_dict(), indent=1).encode()
        self._storage.write(f"{_FOLDER}/{record.id}/run.json", data)

    def save_log(self, run: str, step: str, text: str) -> None:
        """Keep what a step logged."""
        self._storage.write(f"{_FOLDER}/{run}/{step}.log", text.encode())

    def log(self, run: str, step: str) -> str:
        """Return what a step logged; nothing if it logged nothing."""
        try:
            return self._storage.read(f"{_FOLDER}/{run}/{step}.log").decode()
        except ObjectMissing:
            return ""

    def save_file(self, data: bytes) -> str:
        """Keep a file of a run's code, and return its name: the hash of what is in it."""
        name = digest(data)
        if not self._storage.exists(f"{_FOLDER}/{_FILES}/{name}"):
            self._storage.write(f"{_FOLDER}/{_FILES}/{name}", data)
        return name

    def file(self, name: str) -> bytes:
        """Return a file that `save_file` kept.

        Raises
        ------
        ObjectMissing
            If it is not there.
        CorruptObject
            If it is damaged.
        """
        data = self._storage.read(f"{_FOLDER}/{_FILES}/{name}")
        if digest(data) != name:
            raise CorruptObject(f"The file {name[:12]} of a run's code is damaged.", name=name)
        return data

    def ids(self) -> list[str]:
        """Return the ids of all runs, the newest first."""
        found = {
            entry.path.split("/")[1] for entry in self._storage.list(_FOLDER) if entry.path.endswith(".json")
        }
        return sorted(found, reverse=True)

    def __iter__(self) -> Iterator[RunRecord]:
        return (self.get(name) for name in self.ids())

    def get(self, name: str) -> RunRecord:
        """Return the record of a run, by its id or the beginning of one, or ``last``.

        Raises
        ------
        NotFound
            If there is none, or several begin so.
        """
        ids = self.ids()
        found = ids[:1] if name == "last" else [one for one in ids if one.startswith(name)]
        if len(found) != 1:
            raise NotFound.among("run", name, ids[:10])
        record = RunRecord.from_dict(json.loads(self._storage.read(f"{_FOLDER}/{found[0]}/run.json")))
        return replace(record, state="interrupted") if _is_dead(record) else record


def _is_dead(record: RunRecord) -> bool:
    if record.state != "running":
        return False
    if record.host == socket.gethostname() and record.process:
        try:
            os.kill(record.process, 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
    heard = datetime.fromisoformat(record.beat or record.began)
    return (datetime.now(UTC) - heard).total_seconds() > _SILENT_S
