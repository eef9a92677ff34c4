"""Run pipelines when their triggers say so: one process, which may be started twice, stopped and killed.

What each trigger saw when its pipeline last ran is kept beside the data, and written when the run has ended: so a
scheduler that was killed runs it again, and the run goes on where it was. A lease, taken by compare-and-swap as
branches are moved, lets one scheduler of a repository work at a time; another one waits until the lease is free.
"""

from __future__ import annotations

import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from headwater.core.errors import HeadwaterError, UsageError
from headwater.pipelines.pipeline import Pipeline
from headwater.pipelines.run import run
from headwater.pipelines.triggers import OnCommit, OnDrift, Trigger
from headwater.store.storage import Storage
from headwater.versions.repo import Repo

__all__ = ["Scheduler", "SchedulerEvent"]

LEASE_S = 60.0
_LEASE, _STATE = "scheduler/lease.json", "scheduler/state.json"

EventKind = Literal["started", "succeeded", "failed", "waiting", "broken", "stopped"]


@dataclass(frozen=True, slots=True, kw_only=True)
class SchedulerEvent:
    """What a scheduler did.

    Parameters
    ----------
    event : str
        A run has ``started``, ``succeeded`` or ``failed``; the scheduler is ``waiting`` for another one; a trigger is
        ``broken``; the scheduler has ``stopped``.
    pipeline, run, commit : str
        What ran.
    message : str
        Why it started, or why it failed.
    """

    event: EventKind
    pipeline: str = ""
    run: str = ""
    commit: str = ""
    message: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the event as JSON-able values."""
        return asdict(self)


class Scheduler:
    """Looks at the triggers of pipelines, and runs those that are due, one after the other.

    Parameters
    ----------
    repo : Repo
        The repository, on the branch that pipelines read and commit to.
    pipelines : sequence of Pipeline
        Those without triggers are passed over.
    file : str
        Where they are written, for the records.
    clock : callable
        The time in seconds since 1970.
    lease_s : float
        After so many seconds without a sign of life another scheduler may take over.

    Raises
    ------
    UsageError
        If no pipeline has a trigger, one that has needs parameters, or pipelines would start each other without end.
    """

    def __init__(
        self,
        repo: Repo,
        pipelines: Sequence[Pipeline],
        *,
        file: str = "",
        clock: Callable[[], float] = time.time,
        lease_s: float = LEASE_S,
    ) -> None:
        self.repo, self.file, self.lease_s = repo, file, lease_s
        self.pipelines = [one for one in pipelines if one.on]
        self._clock = clock
        self._lease = _Lease(repo.storage, clock, lease_s)
        if not self.pipelines:
            raise UsageError(
                "No pipeline has a trigger. Say what starts it: @hw.pipeline(on=hw.OnCommit('reviews')) or "
                "on=hw.Schedule('0 2 * * *')."
            )
        for pipeline in self.pipelines:
            for trigger in pipeline.on:
                if not isinstance(trigger, Trigger):
                    raise UsageError(f"{trigger!r} of pipeline {pipeline.name!r} is no trigger.")
            pipeline.arguments({})
        _require_end(self.pipelines)

    def run(
        self, *, every_s: float = 30.0, once: bool = False, stop: threading.Event | None = None
    ) -> Iterator[SchedulerEvent]:
        """Yield what happens until ``stop`` is set, or everything that is due has run.

        Parameters
        ----------
        every_s : float
            Seconds between two looks.
        once : bool
            End when nothing is due.
        stop : threading.Event, optional
            Ends the scheduler after the run that goes on.
        """
        stop = stop or threading.Event()
        waits = False
        try:
            while not stop.is_set():
                if not self._lease.take():
                    if not waits:
                        yield SchedulerEvent(event="waiting", message=self._lease.holder)
                    waits = True
                    if once:
                        return
                    stop.wait(min(every_s, self.lease_s / 3))
                    continue
                waits = False
                found = False
                for event in self._look(stop):
                    found |= event.event in ("succeeded", "failed")
                    yield event
                if once and not found:
                    break
                if not found:
                    stop.wait(every_s)
        finally:
            self._lease.give_back()
        yield SchedulerEvent(event="stopped")

    def _look(self, stop: threading.Event) -> Iterator[SchedulerEvent]:
        """Look at every trigger once, and run what is due."""
        now = datetime.fromtimestamp(self._clock(), UTC)
        state = self._state()
        for pipeline in self.pipelines:
            reasons, seen = [], {}
            for trigger in pipeline.on:
                name = f"{pipeline.name}: {trigger!r}"
                try:
                    due = trigger.look(self.repo, state.get(name), now)
                except (HeadwaterError, OSError) as error:
                    yield SchedulerEvent(event="broken", pipeline=pipeline.name, message=str(error))
                    continue
                if due:
                    reasons.append(due.reason)
                    seen[name] = due.state
                elif due.state != state.get(name):
                    state[name] = due.state
                    self._keep(state)
            if not reasons:
                continue
            why = "; ".join(reasons)
            yield SchedulerEvent(event="started", pipeline=pipeline.name, message=why)
            with self._lease.held():
                yield self._run(pipeline, why)
            # A run that failed is told, and waits for what starts it next: it would fail again.
            state |= seen
            self._keep(state)
            if stop.is_set():
                return

    def _run(self, pipeline: Pipeline, why: str) -> SchedulerEvent:
        try:
            done = run(self.repo, pipeline, file=self.file, trigger=why)
        except (HeadwaterError, OSError) as error:
            name = str(getattr(error, "facts", {}).get("run", ""))
            return SchedulerEvent(event="failed", pipeline=pipeline.name, run=name, message=str(error))
        return SchedulerEvent(
            event="succeeded",
            pipeline=pipeline.name,
            run=done.record.id,
            commit=(done.record.commit or "") if done.is_new else "",
            message=done.summary(),
        )

    def _state(self) -> dict[str, Any]:
        found = self.repo.storage.read_version(_STATE)
        return {} if found is None else json.loads(found.data)

    def _keep(self, state: Mapping[str, Any]) -> None:
        self.repo.storage.write(_STATE, json.dumps(state, indent=1).encode())


class _Lease:
    """The right to work, for a time; renewed while work goes on."""

    def __init__(self, storage: Storage, clock: Callable[[], float], lease_s: float) -> None:
        self._storage, self._clock, self._lease_s = storage, clock, lease_s
        self.me = f"{socket.gethostname()}:{os.getpid()}:{os.urandom(4).hex()}"
        self.holder = ""

    def take(self) -> bool:
        """Take or renew the lease; False if another one has it."""
        now = self._storage.read_version(_LEASE)
        if now is not None:
            said = json.loads(now.data)
            if said["owner"] != self.me and said["until"] > self._clock():
                self.holder = f"the scheduler {said['owner']} works here"
                return False
        mine = {"owner": self.me, "until": self._clock() + self._lease_s, "stamp": os.urandom(8).hex()}
        return self._storage.compare_and_swap(_LEASE, json.dumps(mine).encode(), now, is_unique=True)

    def held(self) -> _Held:
        """Return a context in which the lease is renewed again and again."""
        return _Held(self, self._lease_s / 3)

    def give_back(self) -> None:
        """Let another one have it at once."""
        now = self._storage.read_version(_LEASE)
        if now is not None and json.loads(now.data)["owner"] == self.me:
            free = {"owner": self.me, "until": 0.0, "stamp": os.urandom(8).hex()}
            self._storage.compare_and_swap(_LEASE, json.dumps(free).encode(), now, is_unique=True)


class _Held:
    def __init__(self, lease: _Lease, every_s: float) -> None:
        self._lease, self._every_s = lease, every_s
        self._over = threading.Event()

    def __enter__(self) -> None:
        self._thread = threading.Thread(target=self._renew, daemon=True)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _renew(self) -> None:
        while not self._over.wait(self._every_s):
            self._lease.take()


def _require_end(pipelines: Sequence[Pipeline]) -> None:
    """Raise if what one pipeline makes starts another that makes what starts the first."""
    makes = {one.name: _made_by(one) for one in pipelines}
    starts = {one.name: {t.dataset for t in one.on if isinstance(t, OnCommit | OnDrift)} for one in pipelines}
    after = {
        name: [other for other, wanted in starts.items() if wanted & made] for name, made in makes.items()
    }
    for name in after:
        way, waiting = {name}, list(after[name])
        while waiting:
            other = waiting.pop()
            if other == name:
                raise UsageError(
                    f"Pipeline {name!r} would start itself without end: what it makes "
                    f"({', '.join(sorted(makes[name]))}) starts {', '.join(after[name])}. Let another one start it.",
                    pipeline=name,
                )
            if other not in way:
                way.add(other)
                waiting += after[other]


def _made_by(pipeline: Pipeline) -> set[str]:
    graph = pipeline.graph(pipeline.arguments({}))
    return {node.step.into for node in graph.nodes if node.step.into}
