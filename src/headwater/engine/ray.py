"""The distributed executor: the same tasks over the same chunks, on the machines of a Ray cluster.

A worker reads its chunks from the repository itself, so that rows do not pass through the driver. What a task closes
over is sent once, and kept by each worker process that has seen it. `Held` tasks run in actors.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import time
import traceback
import uuid
import warnings
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Iterator, Sized
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from headwater import __version__
from headwater.core.errors import HeadwaterError, StorageError, UsageError
from headwater.core.extras import require
from headwater.core.progress import SILENT, Progress
from headwater.engine.base import Held, Resources, attempt

__all__ = ["RayExecutor"]

logger = logging.getLogger(__name__)

T = TypeVar("T")
R = TypeVar("R")

_LOST = 3
"""How often a task is begun again because its machine or process was lost."""
_LEAD = 2
"""Tasks in flight for each that can run, so that no worker waits for the next one."""
_REACHED_S = 5.0
_COUNTED_S = 1.0
_KEPT_TASKS = 4
_MADE_BY = (__version__, f"{sys.version_info.major}.{sys.version_info.minor}")


class RayExecutor:
    """Runs tasks on a Ray cluster.

    Parameters
    ----------
    address : str, optional
        ``"ray://HOST:PORT"`` or ``"HOST:PORT"`` of a cluster, ``"auto"`` for the one that runs on this machine or that
        ``RAY_ADDRESS`` names, ``"local"`` to start one here. By default the one that there is, else one is started.
    workers : int, optional
        Tasks at once; as many as the cluster has room for by default. A cluster that is started here gets so many
        processors.

    Raises
    ------
    MissingExtra
        If Ray is not installed.
    StorageError
        If the cluster cannot be reached.

    Notes
    -----
    A program that is connected to Ray already stays connected as it is. A task that raises is tried again as
    ``retries`` says; one whose machine was lost is begun again up to three times, elsewhere. In flight are twice as
    many tasks as the cluster can run at once by the processors and the memory they need, so that memory stays bounded
    and a cluster that can grow sees that it should.
    """

    def __init__(self, address: str | None = None, *, workers: int | None = None) -> None:
        if workers is not None and workers < 1:
            raise UsageError(f"Work needs 1 worker or more, not {workers}.", workers=workers)
        self.address, self.workers = address, workers
        if "ray" not in sys.modules:
            # It says what happens to machines on stdout, where our answers are. Who uses Ray besides hears it.
            os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".*")
        self._ray: Any = require("ray", extra="ray", purpose="The engine 'ray'")
        self._is_ours = not self._ray.is_initialized()
        if self._is_ours:
            _connect(self._ray, address, workers)
        self._room: tuple[float, list[dict[str, float]]] = (-_COUNTED_S, [])
        self._actors: tuple[weakref.ref[Held[Any, Any]], _Actors] | None = None

    def __repr__(self) -> str:
        return f"RayExecutor({self.address!r}, workers={self.workers})"

    def close(self) -> None:
        """Leave the cluster; one that was started here ends."""
        self._actors = None
        if self._is_ours:
            self._ray.shutdown()

    def map(
        self,
        task: Callable[[T], R],
        items: Iterable[T],
        *,
        resources: Resources | None = None,
        retries: int = 0,
        label: str = "",
        progress: Progress = SILENT,
    ) -> Iterator[R]:
        """Yield ``task(item)`` for every item, in order; see `headwater.engine.base.Executor`.

        Raises
        ------
        UsageError
            If the task or an item cannot be sent to other machines, or the workers have another version of Headwater
            or Python.
        HeadwaterError
            If the cluster lost an item's worker again and again.
        """
        total = len(items) if isinstance(items, Sized) else None
        progress.start(label, total)
        try:
            for result in self._results(task, items, resources or Resources(), retries, label):
                yield result
                progress.advance(label)
        finally:
            progress.finish(label)

    def _results(
        self, task: Callable[[T], R], items: Iterable[T], resources: Resources, retries: int, label: str
    ) -> Iterator[R]:
        waiting: deque[_Sent] = deque()
        running: set[Any] = set()
        workers: _Tasks | _Actors | None = None
        try:
            for item in items:
                workers = workers or self._workers(task, resources, label)
                most = self._most(resources)
                while len(running) >= most or len(waiting) >= 2 * most:
                    if waiting[0].ref in running:
                        running -= self._done(running)
                    else:
                        yield self._value(workers, waiting.popleft(), label)
                with _lost(label), _sending(label):
                    waiting.append(workers.submit(item, retries))
                running.add(waiting[-1].ref)
            while waiting:
                assert workers is not None
                yield self._value(workers, waiting.popleft(), label)
        finally:
            # What nobody waits for any more; nothing is left of it where all went well.
            for sent in waiting:
                with suppress(Exception):
                    self._ray.cancel(sent.ref)

    def _workers(self, task: Callable[[Any], Any], resources: Resources, label: str) -> _Tasks | _Actors:
        """Return who does the task."""
        known = self._actors
        if known is not None and known[0]() is task:
            return known[1]
        # Actors of another task take processors from whoever comes next.
        self._actors = known = None
        if not self._slots(resources):
            logger.warning(
                "No machine of the cluster has room for this work yet: it waits for one. %s", resources
            )
        options: dict[str, Any] = {"num_cpus": resources.cpus, "num_gpus": resources.gpus}
        if resources.memory_bytes:
            options["memory"] = resources.memory_bytes
        with _sending(label):
            # In a list: a worker asks for it where it has not got it yet.
            boxed = [self._ray.put(task)]
        if not isinstance(task, Held):
            return _Tasks(self._ray, {**options, "name": label or "map"}, boxed)
        actors = _Actors(self._ray, options, boxed, lambda: self._most(resources, lead=1))
        self._actors = weakref.ref(task, self._drop), actors
        return actors

    def _drop(self, gone: weakref.ref[Held[Any, Any]]) -> None:
        """Let go of the actors of a task that is no more."""
        if self._actors is not None and self._actors[0] is gone:
            self._actors = None

    def _most(self, resources: Resources, lead: int = _LEAD) -> int:
        """Return how many tasks may be in flight."""
        return min(lead * max(1, self._slots(resources)), self.workers or sys.maxsize)

    def _slots(self, resources: Resources) -> int:
        """Return how many tasks the cluster has room for at once."""
        when, nodes = self._room
        if time.monotonic() - when > _COUNTED_S:
            nodes = [dict(node["Resources"]) for node in self._ray.nodes() if node["Alive"]]
            self._room = time.monotonic(), nodes
        needs = {"CPU": resources.cpus, "GPU": resources.gpus, "memory": float(resources.memory_bytes)}
        needs = {name: amount for name, amount in needs.items() if amount} or {"CPU": 1.0}
        return sum(min(int(node.get(name, 0) // amount) for name, amount in needs.items()) for node in nodes)

    def _done(self, running: set[Any]) -> set[Any]:
        with _lost(""):
            ready, _ = self._ray.wait(list(running), num_returns=1)
        return set(ready)

    def _value(self, workers: _Tasks | _Actors, sent: _Sent, label: str) -> Any:
        """Return the result of an item, which is begun again where its actor was lost."""
        gone = require("ray.exceptions", extra="ray", purpose="The engine 'ray'").RayActorError
        for remaining in range(_LOST, -1, -1):
            try:
                with _lost(label):
                    value, error = self._ray.get(sent.ref)
            except HeadwaterError as lost:
                if not (remaining and isinstance(lost.__cause__, gone)):
                    raise
                workers.forget(sent)
                with _lost(label):
                    sent = workers.submit(sent.item, sent.retries)
                continue
            if error is not None:
                raise error
            return value
        raise AssertionError("unreachable")


@dataclass(frozen=True, slots=True)
class _Sent:
    """An item in flight: what stands for its result, and who was given it."""

    ref: Any
    item: Any
    retries: int
    actor: Any = None


class _Tasks:
    """Any workers of the cluster. Ray begins a task again where its machine is lost."""

    def __init__(self, ray: Any, options: dict[str, Any], boxed: list[Any]) -> None:
        self._run = ray.remote(_run).options(**options, max_retries=_LOST)
        self._boxed, self._token = boxed, uuid.uuid4().hex

    def submit(self, item: Any, retries: int) -> _Sent:
        """Have an item done."""
        return _Sent(self._run.remote(_MADE_BY, self._token, self._boxed, item, retries), item, retries)

    def forget(self, sent: _Sent) -> None:
        """Do nothing: nobody in particular was lost."""


class _Actors:
    """The actors of one task, made as items come, up to what the cluster has room for.

    Items go only to those that have begun: one that is to come may find no room, where a machine was lost. For the same
    reason a lost one is not begun again; what it had to do goes to the others.
    """

    def __init__(self, ray: Any, options: dict[str, Any], boxed: list[Any], most: Callable[[], int]) -> None:
        self._ray, self._boxed, self._most = ray, boxed, most
        self._kind = ray.remote(_Holder).options(**options)
        self._coming: dict[Any, Any] = {}
        """The actors that are to come, by what stands for their being there."""
        self._busy: dict[Any, set[Any]] = {}
        """What each actor has to do."""
        self._failed = 0

    def submit(self, item: Any, retries: int) -> _Sent:
        """Give an item to the actor that has least to do."""
        asked = [ref for refs in self._busy.values() for ref in refs]
        left = set(self._ray.wait(asked, num_returns=len(asked), timeout=0)[1]) if asked else set()
        self._busy = {actor: refs & left for actor, refs in self._busy.items()}
        while True:
            if all(self._busy.values()) and len(self._busy) + len(self._coming) < self._most():
                actor = self._kind.remote(_MADE_BY, self._boxed)
                self._coming[actor.begin.remote()] = actor
            self._welcome(wait=not self._busy)
            if self._busy:
                break
        actor = min(self._busy, key=lambda one: len(self._busy[one]))
        ref = actor.run.remote(item, retries)
        self._busy[actor].add(ref)
        return _Sent(ref, item, retries, actor)

    def forget(self, sent: _Sent) -> None:
        """Let go of the actor that was given an item, for it is lost."""
        self._busy.pop(sent.actor, None)

    def _welcome(self, *, wait: bool) -> None:
        """Give work to those that have begun, from now on."""
        if not self._coming:
            return
        ready, _ = self._ray.wait(list(self._coming), num_returns=1, timeout=_COUNTED_S if wait else 0)
        for ref in ready:
            actor = self._coming.pop(ref)
            try:
                self._ray.get(ref)
            except Exception:
                self._failed += 1
                if self._failed > _LOST:
                    raise
                continue
            self._busy[actor] = set()


class _Holder:
    """An actor that does one task."""

    def __init__(self, made_by: tuple[str, str], boxed: list[Any]) -> None:
        self._made_by, self._boxed = made_by, boxed
        self._task: Callable[[Any], Any] | None = None

    def begin(self) -> None:
        """Be there."""

    def run(self, item: Any, retries: int) -> tuple[Any, Exception | None]:
        """Return the result of an item, or what it raised."""

        def task(item: Any) -> Any:
            if self._task is None:
                self._task = require("ray", extra="ray", purpose="A worker").get(self._boxed[0])
            return self._task(item)

        return _answer(self._made_by, task, item, retries)


_tasks: OrderedDict[str, Callable[[Any], Any]] = OrderedDict()
"""The tasks that this worker has seen last."""


def _run(
    made_by: tuple[str, str], token: str, boxed: list[Any], item: Any, retries: int
) -> tuple[Any, Exception | None]:
    """Do a task on a worker: return its result, or what it raised."""

    def task(item: Any) -> Any:
        if token not in _tasks:
            while len(_tasks) >= _KEPT_TASKS:
                _tasks.popitem(last=False)
            _tasks[token] = require("ray", extra="ray", purpose="A worker").get(boxed[0])
        return _tasks[token](item)

    return _answer(made_by, task, item, retries)


def _answer(
    made_by: tuple[str, str], task: Callable[[Any], Any], item: Any, retries: int
) -> tuple[Any, Exception | None]:
    if made_by != _MADE_BY:
        ours, theirs = (f"Headwater {version} on Python {python}" for version, python in (_MADE_BY, made_by))
        return None, UsageError(
            f"A worker of the cluster has {ours}, and here is {theirs}. Install the same on all machines."
        )
    try:
        return attempt(task, item, retries), None
    except Exception as error:  # noqa: BLE001 - who asked raises it, as if it had happened there
        error.add_note("On a worker:\n" + "".join(traceback.format_tb(error.__traceback__)))
        return None, _sendable(error)


def _sendable(error: Exception) -> Exception:
    cloudpickle = require("ray.cloudpickle", extra="ray", purpose="A worker")
    try:
        cloudpickle.loads(cloudpickle.dumps(error))
    except Exception:  # noqa: BLE001 - some errors hold on to what cannot be sent: their text says enough
        return HeadwaterError(f"{type(error).__name__}: {error}")
    return error


def _connect(ray: Any, address: str | None, workers: int | None) -> None:
    """Connect to a cluster, quietly; start one if there is none."""
    if address not in (None, "auto", "local"):
        _require_reachable(str(address))
    # Nothing is reported about who uses a cluster that is started here.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    quiet: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    with warnings.catch_warnings():
        # Ray warns of its own settings.
        warnings.simplefilter("ignore")
        try:
            if address != "local":
                ray.init(address or "auto", **quiet)
                return
        except ImportError as error:
            require("grpc", extra="ray", purpose="A cluster at ray://")
            raise _unreachable(str(address), error) from error
        except Exception as error:
            if address is not None or os.environ.get("RAY_ADDRESS"):
                raise _unreachable(address or os.environ["RAY_ADDRESS"], error) from error
        ray.init("local", num_cpus=workers, include_dashboard=False, **quiet)


def _require_reachable(address: str) -> None:
    """Raise if nobody answers at an address with a host and a port: Ray itself would try for long."""
    host, colon, port = address.removeprefix("ray://").rpartition(":")
    if not (colon and port.isdigit()):
        raise UsageError(
            f"{address!r} is no address of a Ray cluster. Write ray://HOST:PORT, HOST:PORT, auto or local.",
            address=address,
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_REACHED_S).close()
    except OSError as error:
        raise _unreachable(address, error) from error


def _unreachable(address: str, error: Exception) -> StorageError:
    where = "of this machine" if address == "auto" else f"at {address}"
    return StorageError(
        f"The Ray cluster {where} cannot be used: {_first_line(error)}. Is it running, and does this machine have the "
        "same versions of Python and Ray?",
        address=address,
    )


@contextmanager
def _sending(label: str) -> Iterator[None]:
    """Say clearly that something cannot be sent."""
    try:
        yield
    except (HeadwaterError, ConnectionError, require("ray.exceptions", extra="ray", purpose="Ray").RayError):
        raise
    except Exception as error:
        cause: BaseException = error
        while cause.__cause__ is not None:
            cause = cause.__cause__
        raise UsageError(
            f"{_named(label)} cannot be sent to other machines: {_first_line(cause)}. It can be done here, with the "
            "engine 'local'."
        ) from error


@contextmanager
def _lost(label: str) -> Iterator[None]:
    """Translate what Ray says of lost workers, and of results that cannot be sent."""
    exceptions = require("ray.exceptions", extra="ray", purpose="The engine 'ray'")
    try:
        yield
    except exceptions.RayTaskError as error:
        cause = error.cause if isinstance(error.cause, Exception) else error
        if isinstance(cause, HeadwaterError):
            raise cause from error
        text = str(cause)
        if "No module named 'headwater" in text or "failed to import" in text:
            version, python = _MADE_BY
            raise UsageError(
                f"The workers of the cluster have no Headwater {version}. Install it on all machines, on Python "
                f"{python}."
            ) from error
        reason = next((line for line in reversed(text.strip().splitlines()) if line.strip()), "unknown")
        raise UsageError(
            f"{_named(label)} gave a result, or was given an item, that cannot be sent between machines: {reason}"
        ) from error
    except (exceptions.RayError, ConnectionError) as error:
        raise HeadwaterError(
            f"{_named(label)} was lost on the cluster {_LOST + 1} times, or the cluster itself was: "
            f"{type(error).__name__}: {_first_line(error)}."
        ) from error


def _named(label: str) -> str:
    return f"The work {label!r}" if label else "This work"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(". ")
