"""Run a pipeline: what is known is not run again, what fails stops what needs it, and results become one commit."""

from __future__ import annotations

import json
import os
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import copy_context
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from headwater.core.errors import HeadwaterError, NotFound, RunFailed, UsageError
from headwater.core.ids import CommitId, canonical_json, digest
from headwater.engine.base import Executor
from headwater.pipelines.columns import columns_made
from headwater.pipelines.emitting import Emitter, destination
from headwater.pipelines.environment import environment, used_packages
from headwater.pipelines.giving import as_asked, in_pieces, require_type, rows_of
from headwater.pipelines.graph import RUNNING, Graph, Node, Part, Secret, Source
from headwater.pipelines.guards import guard
from headwater.pipelines.logs import Log, captured
from headwater.pipelines.naming import name_of_call, name_of_part, names_of_arguments
from headwater.pipelines.openlineage import Events
from headwater.pipelines.pipeline import Pipeline
from headwater.pipelines.records import RunRecord, Runs, StepRecord
from headwater.pipelines.rows import map_rows
from headwater.pipelines.source_code import keep_code
from headwater.pipelines.values import Kept, Pieces, Value, save_value
from headwater.store.cache import Cache
from headwater.store.commit import Provenance
from headwater.store.storage import Storage
from headwater.transforms.base import plain
from headwater.versions.repo import Repo

__all__ = ["RunResult", "run"]

_BEAT_S = 5.0
_LOG_LINES = 20
_LONGEST_WAIT_S = 60.0

Listener = Callable[[StepRecord], None]


@dataclass(frozen=True, kw_only=True)
class RunResult:
    """What a run did; ``result["step"]`` is what a step gave.

    Parameters
    ----------
    record : RunRecord
        Its record.
    is_new : bool
        Whether it made a commit.
    """

    record: RunRecord
    is_new: bool
    _values: Mapping[str, Value] = field(repr=False)

    def __getitem__(self, step: str) -> Any:
        return self.value(step).load()

    def value(self, step: str) -> Value:
        """Return what a step gave, not loaded yet."""
        if step not in self._values:
            raise NotFound.among("step", step, self._values, where=f"run {self.record.id}")
        return self._values[step]

    def summary(self) -> str:
        """Return in a sentence what ran and what was known."""
        states = [one.state for one in self.record.steps.values()]
        ran, reused = states.count("done"), states.count("reused")
        text = f"Run {self.record.id} of {self.record.pipeline!r}: {ran} step(s) ran, {reused} reused"
        if not self.record.outputs:
            return f"{text}."
        if self.is_new:
            return f"{text}; commit {str(self.record.commit)[:12]} on {self.record.branch!r}."
        return f"{text}; its datasets are as they were, so there is no new commit."

    def __repr__(self) -> str:
        return self.summary()


def run(
    repo: Repo,
    pipeline: Pipeline,
    parameters: Mapping[str, Any] | None = None,
    *,
    branch: str | None = None,
    until: str | None = None,
    force: Sequence[str] = (),
    resume: str | None = None,
    workers: int = 4,
    executor: Executor | None = None,
    file: str = "",
    trigger: str = "by hand",
    listener: Listener | None = None,
    sources: Mapping[str, str] | None = None,
    scratch: Storage | None = None,
) -> RunResult:
    """Run a pipeline.

    Parameters
    ----------
    repo : Repo
        The repository, on a branch.
    pipeline : Pipeline
        What to run.
    parameters : mapping, optional
        Values of its parameters.
    branch : str, optional
        The branch to commit to, and to read from; a new one starts here.
    until : str, optional
        Run this step and what it needs, and commit nothing.
    force : sequence of str
        Steps that run even if their results are known; ``*`` is all.
    resume : str, optional
        Go on with this run: the same parameters and the same commits of what it reads.
    workers : int
        Steps at once.
    executor : Executor, optional
        Runs the pieces of steps by rows; that of the repository by default.
    file, trigger : str
        Where the pipeline is written, and what started it, for the record.
    listener : callable, optional
        Told of each step as it begins and ends.
    sources : mapping of str to str, optional
        The commits to read datasets at; as they are here by default.
    scratch : Storage, optional
        Keep results and the record there, and commit nothing; what is known from before does not count then.

    Returns
    -------
    RunResult

    Raises
    ------
    RunFailed
        If a step fails. Nothing is committed; what other steps gave is kept, and so is what a step by rows made so far.
    UsageError
        If the pipeline does not fit the parameters or the repository.

    Notes
    -----
    A result is kept under a name made from the step's code, its plain arguments and the content of what it takes,
    whichever commit that is in. So the same again runs nothing, whoever ran it before, and a killed run goes on where
    it was: run it again. Two runs at once may do the same work twice; they do not harm each other.
    """
    runs = Runs(scratch or repo.storage)
    before = runs.get(resume) if resume else None
    if before is not None and before.pipeline != pipeline.name:
        raise UsageError(f"Run {before.id} is one of {before.pipeline!r}, not of {pipeline.name!r}.")
    here = repo.branch(branch or (before.branch if before else None) or repo.require_branch())
    given = {**(before.parameters if before else {}), **(parameters or {})}
    arguments = pipeline.arguments(given)
    graph = pipeline.graph(arguments)
    graph = graph.up_to(until) if until else graph
    known = {node.name for node in graph.nodes} | {"*"}
    for name in force:
        if name not in known:
            raise NotFound.among("step", name, known, where=f"pipeline {pipeline.name!r}")
    secrets = [
        _secret(one) for node in graph.nodes for one in node.inputs.values() if isinstance(one, Secret)
    ]
    code = {} if scratch else keep_code(pipeline, graph, runs, file=file, hidden=secrets)
    file = file or str(getattr(sys.modules.get(pipeline.function.__module__), "__file__", None) or "")
    now = datetime.now(UTC)
    record = RunRecord(
        id=Runs.new_id(now),
        pipeline=pipeline.name,
        file=file,
        branch=here.require_branch(),
        parameters=plain(arguments),
        sources=_pinned(here, graph, sources or (before.sources if before else {})),
        began=now.isoformat(),
        beat=now.isoformat(),
        steps={node.name: StepRecord(name=node.name, inputs=_inputs(node)) for node in graph.nodes},
        trigger=trigger,
        environment=environment(file),
        code=code,
        host=socket.gethostname(),
        process=os.getpid(),
    )
    cache = Cache(scratch) if scratch else repo.cache
    where = None if scratch else destination()
    emitter = Emitter(where) if where else None
    if emitter is not None and before is not None and before.state == "interrupted":
        emitter.send(Events(repo, emitter.where.namespace).of_run(before))
    work = _Run(here, graph, record, runs, cache, executor or repo.executor, set(force), listener, emitter)
    try:
        return work.go(workers, commits=until is None and scratch is None)
    finally:
        if emitter is not None:
            emitter.close()


class _Run:
    """One run: the values so far, and its record, which several threads write."""

    def __init__(
        self,
        repo: Repo,
        graph: Graph,
        record: RunRecord,
        runs: Runs,
        cache: Cache,
        executor: Executor,
        force: set[str],
        listener: Listener | None,
        emitter: Emitter | None,
    ) -> None:
        self.emitter = emitter
        self.events = Events(repo, emitter.where.namespace) if emitter else None
        self.repo, self.graph, self.record, self.runs = repo, graph, record, runs
        self.executor, self.force, self.listener = executor, force, listener
        self.cache = cache
        self.values: dict[str, Value] = {}
        self.errors: dict[str, BaseException] = {}
        self.logs: dict[str, Log] = {}
        self.sources: dict[Source, Pieces] = {}
        self._lock = threading.RLock()
        self._is_over = threading.Event()

    def go(self, workers: int, *, commits: bool) -> RunResult:
        """Run all steps, and commit what they made."""
        self.runs.save(self.record)
        self._emit(begins=True)
        beat = threading.Thread(target=self._beat, daemon=True)
        beat.start()
        is_new = False
        token = RUNNING.set(self.repo)
        try:
            self._run_steps(workers)
            if self.errors:
                self._end("failed")
                raise self._failure()
            if commits:
                is_new = self._commit()
            self._end("succeeded")
        except BaseException as error:
            if self.record.state == "running":
                self._end("failed" if isinstance(error, Exception) else "stopped")
            raise
        finally:
            RUNNING.reset(token)
            self._is_over.set()
            beat.join()
        return RunResult(record=self.record, is_new=is_new, _values=dict(self.values))

    def _run_steps(self, workers: int) -> None:
        left = list(self.graph.nodes)
        running: dict[Future[None], Node] = {}
        with ThreadPoolExecutor(max(workers, 1), thread_name_prefix="step") as pool:
            try:
                while left or running:
                    for node in list(left):
                        needs = [one.name for one in self.graph.before(node)]
                        if any(name in self.errors for name in needs):
                            left.remove(node)
                            self.errors[node.name] = RunFailed("a step before it failed")
                            self._note(node.name, state="skipped")
                        elif all(name in self.values for name in needs):
                            left.remove(node)
                            running[pool.submit(copy_context().run, self._step, node)] = node
                    if not running:
                        continue
                    done, _ = wait(running, return_when=FIRST_COMPLETED)
                    for future in done:
                        del running[future]
                        future.result()
            except BaseException:
                self._is_over.set()
                raise

    def _step(self, node: Node) -> None:
        """Run one step, or find its result; an error is noted, and raised by `go` when all others are done."""
        secrets = {name: _secret(one) for name, one in node.inputs.items() if isinstance(one, Secret)}
        log = self.logs[node.name] = Log(list(secrets.values()))
        began = time.monotonic()
        self._note(node.name, state="running")
        with captured(log):
            try:
                value, facts = self._result(node, secrets)
                self.values[node.name] = value
                self._note(node.name, seconds=round(time.monotonic() - began, 3), **facts)
            except Exception as error:  # noqa: BLE001 - noted with the step, and told at the end
                self.errors[node.name] = error
                if not isinstance(error, HeadwaterError):
                    log.write("".join(traceback.format_exception(error.with_traceback(_of_step(error)))))
                self._note(
                    node.name,
                    state="failed",
                    seconds=round(time.monotonic() - began, 3),
                    error=log.covered(_words(error)),
                    findings=tuple(getattr(error, "facts", {}).get("findings", ())),
                )
        if log.text:
            self.runs.save_log(self.record.id, node.name, log.text)

    def _result(self, node: Node, secrets: Mapping[str, str]) -> tuple[Value, dict[str, Any]]:
        """Return what a step gives, and what to note about it."""
        step = node.step
        taken = {name: self._value(one) for name, one in node.inputs.items() if not isinstance(one, Secret)}
        key = name_of_call(node, taken)
        findings: list[dict[str, Any]] = []
        for name, rules in step.expects.items():
            if name in taken:
                findings += self._guard(taken[name], rules, step=step.name, what=f"input {name!r}")
        plain_ones = {
            name: one for name, one in node.arguments.items() if name not in taken and name not in secrets
        }
        forced = node.name in self.force or "*" in self.force
        if step.by_rows:
            value, facts = self._by_rows(node, taken, plain_ones, secrets, forced)
        else:
            value, facts = self._whole(node, key, taken, {**plain_ones, **secrets}, forced)
        facts = {"key": key, "rows": _rows(value), "code": step.code, **facts}
        findings += self._guard(value, step.ensures, step=step.name, what="result", key=step.key)
        return value, {**facts, "findings": tuple(findings)}

    def _guard(self, value: Value, rules: Sequence[Any], **options: Any) -> list[dict[str, Any]]:
        return guard(value, rules, cache=self.cache, executor=self.executor, **options)

    def _whole(
        self, node: Node, key: str, taken: Mapping[str, Value], others: Mapping[str, Any], forced: bool
    ) -> tuple[Value, dict[str, Any]]:
        known = None if forced else self._known(key)
        if known is not None:
            return known, {"state": "reused", "result": known.name, "kind": known.kind}
        step = node.step
        given = {name: as_asked(value, step.hints.get(name)) for name, value in taken.items()}
        result, attempts = self._tried(node, lambda: step.function(**given, **others))
        require_type(step, result)
        kept = save_value(result, self.cache, "steps/values", step=step.name)
        done = {"name": kept.name, "kind": kept.kind, "step": step.name, "rows": kept.rows}
        self.cache.put(f"steps/done/{key[:40]}", canonical_json(done))
        return kept, {"state": "done", "attempts": attempts, "result": kept.name, "kind": kept.kind}

    def _by_rows(
        self,
        node: Node,
        taken: Mapping[str, Value],
        plain_ones: Mapping[str, Any],
        secrets: Mapping[str, str],
        forced: bool,
    ) -> tuple[Value, dict[str, Any]]:
        step = node.step
        first = next(iter(step.signature.parameters))
        if first not in taken:
            raise UsageError(
                f"Step {step.name!r} goes by rows: give it a dataset or a table as {first!r}.", step=step.name
            )
        source = in_pieces(taken[first], step)
        others = {name: value for name, value in taken.items() if name != first}
        given = {name: as_asked(value, step.hints.get(name)) for name, value in others.items()}
        facts = [step.code, list(step.reads), names_of_arguments(plain_ones), sorted(secrets)]
        facts += [{name: value.name for name, value in others.items()}, self.record.id if forced else ""]
        key: str = digest(canonical_json(facts))
        done, attempts = self._tried(
            node,
            lambda: map_rows(
                step,
                key,
                source,
                {**plain_ones, **given, **secrets},
                cache=self.cache,
                executor=self.executor,
                progress=self.repo.progress,
                checked=self._require_going,
            ),
        )
        state = "done" if done.called_rows else "reused"
        return done.value, {
            "state": state,
            "key": key,
            "kind": "rows",
            "reads": step.reads,
            "attempts": attempts if done.called_rows else 0,
            "called_rows": done.called_rows,
            "known_rows": done.known_rows,
        }

    def _tried(self, node: Node, call: Callable[[], Any]) -> tuple[Any, int]:
        """Return what a call gives, and how often it was tried."""
        step = node.step
        for attempt in range(step.retries + 1):
            self._note(node.name, attempts=attempt + 1)
            try:
                return call(), attempt + 1
            except UsageError:
                raise
            except Exception as error:
                if attempt == step.retries:
                    raise
                pause = min(step.backoff_s * 2**attempt, _LONGEST_WAIT_S)
                self.logs[node.name].write(
                    f"attempt {attempt + 1} failed: {_words(error)}; again in {pause:g} s\n"
                )
                if self._is_over.wait(pause):
                    raise
        raise AssertionError("unreachable")

    def _known(self, key: str) -> Kept | None:
        done = self.cache.get(f"steps/done/{key[:40]}")
        if done is None:
            return None
        facts = json.loads(done)
        path = f"steps/values/{facts['name'][:40]}"
        if not self.cache.holds(path):
            return None
        return Kept(facts["name"], facts["kind"], lambda: self.cache.get(path), facts["rows"])

    def _value(self, one: Any) -> Value:
        if isinstance(one, Source):
            return self._source(one)
        if isinstance(one, Node):
            return self.values[one.name]
        assert isinstance(one, Part)
        whole = self.values[one.node.name]
        try:
            part = whole.load()[one.key]
        except (KeyError, IndexError, TypeError) as error:
            raise UsageError(f"{whole.load()!r:.100} has no part {one.key!r}.", step=one.node.name) from error
        return Kept(name_of_part(part, whole.name, one.key), "part", lambda: None, memory=[part])

    def _source(self, source: Source) -> Pieces:
        with self._lock:
            if source not in self.sources:
                there = self.repo.at(self.record.sources[source.label])
                self.sources[source] = Pieces.of_dataset(there[source.dataset])
            return self.sources[source]

    def _commit(self) -> bool:
        """Commit the datasets that steps made; return whether that is a new commit."""
        made = {node.step.into: node for node in self.graph.nodes if node.step.into}
        if not made:
            return False
        outputs = {}
        read = sorted(set(self.record.sources.values()))
        provenance = Provenance(kind="run", id=self.record.pipeline, inputs=tuple(read))
        tx = self.repo.transaction(f"Run {self.record.pipeline}", provenance=provenance)
        for name, node in made.items():
            rows = rows_of(self.values[node.name], node.step)
            key = list(node.step.key) or None
            if name in tx and key and tx[name].key != tuple(key):
                raise UsageError(
                    f"Dataset {name!r} has the key {', '.join(tx[name].key) or 'of its content'}, and step "
                    f"{node.name!r} gives it {', '.join(key)}. Name another dataset.",
                    dataset=name,
                )
            if name in tx:
                tx.overwrite(name, rows, schema_change="any")
            else:
                tx.append(name, rows, key=key)
            outputs[name] = {
                "step": node.name,
                "from": sorted({one.dataset for one in _sources_of(self.graph, node)}),
                "columns": columns_made(node, self.values, self.sources),
            }
        revision = str(self.record.environment.get("revision", ""))
        tx.provenance = replace(
            provenance,
            parameters=self.record.parameters,
            record={"run": self.record.id, "datasets": outputs},
            code=revision,
        )
        head: CommitId | None = tx.commit()
        with self._lock:
            self.record = replace(self.record, commit=head, outputs=outputs)
        return head != tx.base

    def _note(self, step: str, **facts: Any) -> None:
        """Change what the record says of a step."""
        state = facts.get("state")
        if state == "running":
            facts["began"] = datetime.now(UTC).isoformat()
        elif state is not None:
            facts["ended"] = datetime.now(UTC).isoformat()
        with self._lock:
            changed = replace(self.record.steps[step], **facts)
            self.record = replace(self.record, steps={**self.record.steps, step: changed})
            self.runs.save(self.record)
        if state not in (None, "skipped"):
            self._emit(changed, begins=state == "running")
        if self.listener is not None and state is not None:
            self.listener(changed)

    def _emit(self, step: StepRecord | None = None, *, begins: bool = False) -> None:
        """Send the event that the run, or a step, begins or has ended."""
        if self.emitter is None or self.events is None:
            return
        if step is None:
            self.emitter.send(self.events.of_run(self.record, begins=begins))
        else:
            self.emitter.send(self.events.of_step(self.record, step, begins=begins))

    def _end(self, state: Any) -> None:
        now = datetime.now(UTC).isoformat()
        facts = {**self.record.environment, "used": used_packages()}
        with self._lock:
            self.record = replace(self.record, environment=facts, state=state, ended=now, beat=now)
            self.runs.save(self.record)
        self._emit()

    def _beat(self) -> None:
        """Say every few seconds that the run is alive, and keep what its steps have logged so far."""
        while not self._is_over.wait(_BEAT_S):
            with self._lock:
                self.record = replace(self.record, beat=datetime.now(UTC).isoformat())
                self.runs.save(self.record)
            for name, log in list(self.logs.items()):
                if self.record.steps[name].state == "running" and log.text:
                    self.runs.save_log(self.record.id, name, log.text)

    def _require_going(self) -> None:
        if self._is_over.is_set():
            raise RunFailed("The run was stopped.")

    def _failure(self) -> RunFailed:
        """Return an error that says which steps failed and what to do."""
        failed = [one for one in self.record.steps.values() if one.state == "failed"]
        skipped = [one.name for one in self.record.steps.values() if one.state == "skipped"]
        lines = [
            f"Step {one.name!r} failed after {one.attempts or 1} attempt(s): {one.error}" for one in failed
        ]
        if skipped:
            lines.append(f"Not run, because they need what it gives: {', '.join(skipped)}.")
        lines.append(
            f"Nothing was committed. `hw runs {self.record.id} --log {failed[0].name}` shows its log. Run the pipeline "
            "again when it is mended: what is done is not done again."
        )
        return RunFailed("\n".join(lines), run=self.record.id, steps=[one.name for one in failed])


def _pinned(repo: Repo, graph: Graph, before: Mapping[str, str]) -> dict[str, str]:
    """Return the commit that each source is read at."""
    out = {}
    for source in graph.sources:
        at = before.get(source.label) or (repo.resolve(source.ref) if source.ref else repo.head)
        if at is None:
            raise NotFound.among("dataset", source.dataset, (), where=f"branch {repo.require_branch()!r}")
        _ = repo.at(at)[source.dataset]
        out[source.label] = str(at)
    return out


def _inputs(node: Node) -> tuple[str, ...]:
    return tuple(dict.fromkeys(_called(one) for one in node.inputs.values()))


def _called(one: Any) -> str:
    if isinstance(one, Source):
        return one.label
    return one.node.name if isinstance(one, Part) else str(one.name)


def _sources_of(graph: Graph, node: Node) -> set[Source]:
    found = {one for one in node.inputs.values() if isinstance(one, Source)}
    return found.union(*(_sources_of(graph, one) for one in graph.before(node)))


def _secret(secret: Secret) -> str:
    value = os.environ.get(secret.name)
    if value is None:
        raise UsageError(
            f"The environment variable {secret.name} is not set, and a step needs this secret. Set it and run again.",
            secret=secret.name,
        )
    return value


def _rows(value: Value) -> int | None:
    return value.rows if isinstance(value, Pieces | Kept) else None


def _of_step(error: BaseException) -> TracebackType | None:
    """Return the part of a traceback that is the step's own, without what led there."""
    trace = error.__traceback__
    while trace is not None and trace.tb_frame.f_code.co_filename == __file__:
        trace = trace.tb_next
    return trace or error.__traceback__


def _words(error: BaseException) -> str:
    text = str(error) or type(error).__qualname__
    return text if isinstance(error, HeadwaterError) else f"{type(error).__qualname__}: {text}"
