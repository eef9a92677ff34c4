"""What starts a pipeline: the clock, a commit, files that arrive, or drift."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol, runtime_checkable
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from headwater.checks.base import Target
from headwater.checks.runner import run
from headwater.checks.suite import suite_for
from headwater.core.contract import Contract
from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.core.findings import Outcome
from headwater.core.ids import CommitId, canonical_json, digest
from headwater.store.storage import Storage, is_url
from headwater.versions.repo import Repo

__all__ = ["Due", "OnCommit", "OnDrift", "OnFiles", "Schedule", "Trigger"]

State = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Due:
    """What a look at a trigger found: whether to run, why, and what to remember of this look."""

    reason: str
    state: State

    def __bool__(self) -> bool:
        return bool(self.reason)


@runtime_checkable
class Trigger(Protocol):
    """Says whether a pipeline is to run; a frozen dataclass, whose text names it."""

    def look(self, repo: Repo, state: State | None, now: datetime) -> Due:
        """Look.

        Parameters
        ----------
        repo : Repo
            The repository.
        state : mapping, optional
            What was remembered of the look that led to the last run, or, before the first run, of the first look;
            None at the first look.
        now : datetime
            The time, in UTC.
        """
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """Times, as in a crontab; of times that were missed one is made up for.

    Parameters
    ----------
    cron : str
        Minute, hour, day of the month, month, day of the week: ``"30 2 * * 1-5"``.
    zone : str
        The time zone whose clock is meant. An hour that a change of the clock leaves out or doubles comes once.

    Raises
    ------
    UsageError
        If that is no such expression, or no time zone.
    """

    cron: str
    zone: str = "UTC"

    def __post_init__(self) -> None:
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise UsageError(
                f"{self.zone!r} is no time zone; write it as Europe/Oslo.", zone=self.zone
            ) from error
        self._times(datetime.now(UTC))

    def look(self, repo: Repo, state: State | None, now: datetime) -> Due:
        """Fire if a time has come since the last look."""
        if state is None:
            return Due("", {"at": now.isoformat()})
        last = datetime.fromisoformat(state["at"])
        # A clock that was put back fires nothing twice.
        due = next(self._times(last)).astimezone(UTC)
        if due > now:
            return Due("", state)
        return Due(f"schedule {self.cron}", {"at": now.isoformat()})

    def _times(self, after: datetime) -> Iterator[datetime]:
        cron = require("cronsim", extra="pipelines", purpose="A schedule")
        try:
            times: Iterator[datetime] = cron.CronSim(self.cron, after.astimezone(ZoneInfo(self.zone)))
        except cron.CronSimError as error:
            raise UsageError(
                f"{self.cron!r} is no schedule ({error}). Write minute, hour, day, month and weekday, such as "
                "'30 2 * * 1-5'.",
                cron=self.cron,
            ) from error
        return times


@dataclass(frozen=True, slots=True)
class OnCommit:
    """A commit that changes a dataset of a branch.

    Parameters
    ----------
    dataset : str
        The dataset.
    branch : str, optional
        The branch; that of the scheduler by default.
    """

    dataset: str
    branch: str | None = None

    def look(self, repo: Repo, state: State | None, now: datetime) -> Due:
        """Fire if the dataset is another than it was; the first time, if it is there."""
        found = _version(repo, self.dataset, self.branch)
        if found is None or (state is not None and state.get("version") == found[1]):
            return Due("", state or {})
        return Due(f"commit {found[0][:12]} changes {self.dataset}", {"version": found[1]})


@dataclass(frozen=True, slots=True)
class OnDrift:
    """Drift of a dataset since the run before.

    Parameters
    ----------
    dataset : str
        The dataset.
    branch : str, optional
        The branch; that of the scheduler by default.
    outcome : {"warn", "fail"}
        From which outcome of the drift checks on it counts.
    """

    dataset: str
    branch: str | None = None
    outcome: str = "warn"

    def look(self, repo: Repo, state: State | None, now: datetime) -> Due:
        """Fire if the drift checks find something between the version of the last run and that of now."""
        found = _version(repo, self.dataset, self.branch)
        if found is None:
            return Due("", state or {})
        commit, version = found
        if not state or "base" not in state:
            return Due("", {"base": commit, "version": version})
        if state["version"] == version:
            return Due("", state)
        here, before = (repo.at(at)[self.dataset] for at in (commit, CommitId(state["base"])))
        contract = here.contract or Contract(dataset=self.dataset, key=here.key)
        target = Target(
            dataset=here,
            contract=contract.within(here.schema.names),
            baseline=before,
            executor=repo.executor,
            cache=repo.cache,
        )
        report = run(target, suite_for(target).only("drift").checks, suite="drift")
        bad = {Outcome.FAIL} if self.outcome == "fail" else {Outcome.WARN, Outcome.FAIL}
        worst = next((one for one in report.findings if one.outcome in bad), None)
        if worst is None:
            return Due("", {**state, "version": version})
        return Due(f"drift of {self.dataset}: {worst.message}", {"base": commit, "version": version})


@dataclass(frozen=True, slots=True)
class OnFiles:
    """Files that arrive in a folder or below the prefix of a bucket, or change there.

    Parameters
    ----------
    place : str
        A folder, or a URL such as ``s3://bucket/incoming``. Files count when a second look finds them as they were.
    """

    place: str
    _half: tuple[str, ...] = field(default=(".tmp", ".part", ".partial", ".crdownload"), repr=False)

    def look(self, repo: Repo, state: State | None, now: datetime) -> Due:
        """Fire if the files are others than at the last run, and rest."""
        name, count = self._listed()
        before = dict(state or {})
        if name == before.get("files") or (not count and "files" not in before):
            return Due("", before)
        if name != before.get("seen"):
            return Due("", {**before, "seen": name})
        return Due(f"{count} files in {self.place}", {"files": name, "seen": name})

    def _listed(self) -> tuple[str, int]:
        """Return a name for what lies there, and how many files that are."""
        if is_url(self.place):
            entries = [(one.path, one.size, str(one.modified)) for one in Storage(self.place).list()]
        else:
            root = Path(self.place)
            if not root.is_dir():
                raise UsageError(f"There is no folder {self.place} to look into.", path=self.place)
            entries = []
            for folder, _, names in os.walk(root):
                for one in names:
                    path = Path(folder) / one
                    facts = path.stat()
                    entries.append((str(path.relative_to(root)), facts.st_size, str(facts.st_mtime_ns)))
        entries = [one for one in entries if not one[0].endswith(self._half) and "/." not in f"/{one[0]}"]
        return digest(canonical_json(sorted(entries))), len(entries)


def _version(repo: Repo, dataset: str, branch: str | None) -> tuple[CommitId, str] | None:
    """Return the head of a branch, and a name for the version of the dataset there; None if it is not there."""
    branches = repo.branches()
    head = branches.get(branch or repo.require_branch())
    if head is None:
        return None
    version = repo.commit(head).datasets.get(dataset)
    return None if version is None else (head, str(version))
