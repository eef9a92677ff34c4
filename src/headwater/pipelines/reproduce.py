"""Reproduce a run: its environment afresh, its code restored, every step run again, and the results compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import headwater
from headwater.core.errors import HeadwaterError, NotFound, ObjectMissing, UsageError
from headwater.pipelines.differences import Difference, compare_results
from headwater.pipelines.environment import plain_name
from headwater.pipelines.fresh import make_environment, plan_environment
from headwater.pipelines.records import RunRecord, Runs
from headwater.pipelines.replay import ANSWER, EVENT
from headwater.pipelines.results import result_of
from headwater.pipelines.source_code import Restored, restored
from headwater.pipelines.values import Pieces, Value
from headwater.store.cache import Cache
from headwater.store.manifest import Manifest
from headwater.store.storage import Storage
from headwater.versions.repo import Repo

__all__ = ["Reproduction", "StepVerdict", "reproduce"]

State = Literal["same", "within tolerance", "different", "not comparable", "failed", "not run"]

_PROGRAM = "from headwater.pipelines.replay import main; main()"
_FOREIGN = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "CONDA_PREFIX")
_LAST_LINES = 15


@dataclass(frozen=True, kw_only=True)
class StepVerdict:
    """How a step of the replay compares with the run.

    Parameters
    ----------
    name : str
        The step.
    state : str
        ``same``, to the bit; ``within tolerance``; ``different``; ``not comparable``, where the run's result is not
        kept any more; ``failed``; ``not run``.
    dataset : str
        The dataset that it made.
    difference : Difference
        Where and by how much.
    note : str
        What is known of the cause.
    seconds : float
        How long it took in the replay.
    """

    name: str
    state: State
    dataset: str = ""
    difference: Difference = field(default_factory=Difference)
    note: str = ""
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """Return the verdict as JSON-able values."""
        told = asdict(self)
        largest = self.difference.largest
        # JSON has no infinity: such values have no measure.
        told["difference"]["largest"] = largest if largest < float("inf") else None
        return told


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """What came of reproducing a run.

    Parameters
    ----------
    run : RunRecord
        The run.
    steps : tuple of StepVerdict
        Its steps, in their order.
    tolerance : float
        The largest relative difference of numbers that was allowed.
    environment : mapping
        ``made`` (``uv``, ``pip``, or ``here``), ``python``, ``platform``, ``revision``, and ``packages``: those whose
        version is not the recorded one, each with ``recorded`` and ``found``.
    notes : tuple of str
        What could not be as it was.
    """

    run: RunRecord
    steps: tuple[StepVerdict, ...]
    tolerance: float
    environment: Mapping[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def is_reproduced(self) -> bool:
        """Whether nothing differs, and something could be compared."""
        states = {one.state for one in self.steps}
        return states <= {"same", "within tolerance", "not comparable"} and states != {"not comparable"}

    def __getitem__(self, step: str) -> StepVerdict:
        by_name = {one.name: one for one in self.steps}
        if step not in by_name:
            raise NotFound.among("step", step, by_name, where=f"run {self.run.id}")
        return by_name[step]

    def summary(self) -> str:
        """Return the outcome in a sentence."""
        states = [one.state for one in self.steps]
        counts = [f"{states.count(one)} {one}" for one in dict.fromkeys(states)]
        verdict = "is reproduced" if self.is_reproduced else "is not reproduced"
        return f"Run {self.run.id} of {self.run.pipeline!r} {verdict}: of {len(states)} step(s), {', '.join(counts)}."

    def __repr__(self) -> str:
        return self.summary()

    def to_dict(self) -> dict[str, Any]:
        """Return all of it as JSON-able values."""
        return {
            "run": self.run.id,
            "pipeline": self.run.pipeline,
            "reproduced": self.is_reproduced,
            "tolerance": self.tolerance,
            "steps": [one.to_dict() for one in self.steps],
            "environment": dict(self.environment),
            "notes": list(self.notes),
        }


def reproduce(
    repo: Repo,
    run: str = "last",
    *,
    tolerance: float = 0.0,
    here: bool = False,
    environments: str | Path | None = None,
    any_python: bool = False,
    all_packages: bool = False,
    uses_uv: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Reproduction:
    """Make a run's environment afresh, replay it on the same commits, and compare every result.

    Every step runs again, for what the repository knows does not count. Nothing is committed, and nothing that the
    repository keeps changes. The run's code is executed: reproduce runs of people you trust.

    Parameters
    ----------
    repo : Repo
        The repository; a directory or a bucket.
    run : str
        The run: its id, the beginning of one, or ``last``.
    tolerance : float
        The relative difference up to which numbers count as equal; by default every bit counts.
    here : bool
        Use the environment that is, and say which packages differ from the record.
    environments : str or Path, optional
        A folder to keep environments in, each to be used again by runs with the same packages; by default it is
        removed in the end.
    any_python : bool
        Take the nearest Python there is if the recorded version is not available.
    all_packages : bool
        Install all packages that were installed, and not only those that the run used and what these need.
    uses_uv : bool
        Build with uv if it is there; else with ``venv`` and pip.
    tell : callable
        Told what is done.

    Returns
    -------
    Reproduction

    Raises
    ------
    NotFound
        If there is no such run, or its code or the commits that it read are not there any more.
    UsageError
        If it did not succeed, was written at a prompt, or its Python is not available.
    HeadwaterError
        If its packages cannot be installed, or the replay cannot start.
    """
    record = Runs(repo.storage).get(run)
    _require_complete(record)
    if not 0 <= tolerance < float("inf"):
        raise UsageError(f"A tolerance is a number from 0 on, not {tolerance}.")
    if repo.storage.location.startswith("memory:"):
        raise UsageError(
            "A repository in memory cannot be read by the process that replays a run. Use a directory."
        )
    manifests = _outputs_of(repo, record)
    _require_sources(repo, record)
    with (
        restored(record, Runs(repo.storage)) as code,
        tempfile.TemporaryDirectory(prefix="headwater-replay-", ignore_cleanup_errors=True) as folder,
    ):
        place = Path(folder).resolve()
        notes = [*code.notes]
        if here:
            python, made = Path(sys.executable), "here"
        else:
            plan = plan_environment(record.environment, everything=all_packages)
            notes += plan.notes
            fresh = make_environment(
                plan,
                Path(environments) if environments else place / "environments",
                any_python=any_python,
                uses_uv=uses_uv,
                tell=tell,
            )
            python, made = fresh.python, fresh.tool
            if fresh.version != record.environment["python"]:
                notes.append(f"Python is {fresh.version}; the run had {record.environment['python']}.")
        work = _Work(repo, record, code, python, place, is_here=here, tell=tell)
        answer = work.ask()
        again = Runs(work.kept).get(answer["run"])
        judge = _Judge(repo, record, again, Cache(work.kept), manifests, answer["outputs"], tolerance)
        verdicts = judge.verdicts()
        verdicts = _with_causes(work, judge, verdicts)
        environment = {
            "made": made,
            "python": again.environment["python"],
            "platform": again.environment["platform"],
            "revision": code.revision,
            "packages": _other_packages(record, again),
        }
        if again.environment["platform"] != record.environment["platform"]:
            notes.append(
                f"The platform is {environment['platform']}; the run had {record.environment['platform']}."
            )
        return Reproduction(
            run=record,
            steps=tuple(verdicts),
            tolerance=tolerance,
            environment=environment,
            notes=tuple(notes),
        )


class _Work:
    """The side of the replay that is here: starts it in its environment, and hears of it."""

    def __init__(
        self,
        repo: Repo,
        record: RunRecord,
        code: Restored,
        python: Path,
        place: Path,
        *,
        is_here: bool,
        tell: Callable[[str], None],
    ) -> None:
        self.repo, self.record, self.code, self.python = repo, record, code, python
        self.place, self.is_here, self.tell = place, is_here, tell
        self.kept = Storage(place / "kept")

    def ask(self, again: tuple[str, ...] = ()) -> dict[str, Any]:
        """Replay the run, or steps of it once more, and return the answer."""
        record, root = self.record, self.repo.storage.root
        outputs = {
            name: list(manifest.key) for name, manifest in _outputs_of(self.repo, record).items() if manifest
        }
        asked = {
            "repository": str(root.parent) if root else self.repo.storage.location,
            "options": self.repo.storage.options,
            "scratch": str(self.place),
            "root": str(self.code.root),
            **{name: record.code.get(name, ".") for name in ("paths", "folder", "file", "module", "name")},
            "parameters": record.parameters,
            "branch": record.branch,
            "sources": record.sources,
            "steps": list(record.steps),
            "keys": outputs,
            "again": list(again),
        }
        answer = self.place / ANSWER
        answer.unlink(missing_ok=True)
        with (self.place / "said.txt").open("w+") as said:
            process = subprocess.Popen(
                [str(self.python), "-P", "-c", _PROGRAM],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=said,
                text=True,
                env=self._variables(),
                cwd=self.code.root,
            )
            with process:
                assert process.stdin is not None
                assert process.stdout is not None
                process.stdin.write(json.dumps(asked))
                process.stdin.close()
                for line in process.stdout:
                    self._hear(line, is_again=bool(again))
            said.seek(0)
            words = "".join(said.readlines()[-_LAST_LINES:])
        if not answer.is_file():
            raise HeadwaterError(
                f"The replay ended without an answer (exit code {process.returncode}). It said:\n{words.strip()}",
                run=record.id,
            )
        told: dict[str, Any] = json.loads(answer.read_text())
        if "error" in told:
            kind = UsageError if told["is_usage"] else HeadwaterError
            hint = " " + _MISSING_MODULE if "No module named" in told["error"] and not self.is_here else ""
            raise kind(f"The replay could not start. {told['error']}{hint}", run=record.id)
        return told

    def _hear(self, line: str, *, is_again: bool) -> None:
        if not line.startswith(EVENT):
            return
        name, state, seconds = json.loads(line.removeprefix(EVENT))
        if state in ("done", "failed", "skipped"):
            self.tell(f"{'again ' if is_again else ''}{state:8}{name}  {seconds:.1f} s")

    def _variables(self) -> dict[str, str]:
        own = str(Path(headwater.__file__).parents[1])
        if self.is_here:
            # Where Headwater runs from its source, that is found there, too.
            place = os.environ.get("PYTHONPATH", "")
            return {**os.environ, "PYTHONPATH": f"{own}{os.pathsep}{place}" if place else own}
        kept = {name: value for name, value in os.environ.items() if name not in _FOREIGN}
        return {**kept, "PYTHONNOUSERSITE": "1"}


_MISSING_MODULE = (
    "The environment has the packages whose modules were loaded when the run ended; --all-packages installs all that "
    "were there."
)


class _Judge:
    """Compares the results of a replay with those of the run."""

    def __init__(
        self,
        repo: Repo,
        record: RunRecord,
        again: RunRecord,
        scratch: Cache,
        manifests: Mapping[str, Manifest | None],
        outputs: Mapping[str, Any],
        tolerance: float,
    ) -> None:
        self.repo, self.record, self.again, self.scratch = repo, record, again, scratch
        self.manifests, self.outputs, self.tolerance = manifests, outputs, tolerance

    def verdicts(self) -> list[StepVerdict]:
        """Return a verdict for each step."""
        return [self._verdict(name) for name in self.record.steps]

    def compared(self, old: Value, new: Value, dataset: str) -> Difference:
        """Return how two results differ; rows of datasets are paired by their key."""
        manifest = self.manifests.get(dataset)
        return compare_results(old, new, key=manifest.key if manifest else ())

    def dataset_of(self, step: str) -> str:
        """Return the dataset that a step made."""
        return next((name for name, one in self.record.outputs.items() if one["step"] == step), "")

    def _verdict(self, name: str) -> StepVerdict:
        old, new = self.record.steps[name], self.again.steps[name]
        dataset = self.dataset_of(name)
        facts: dict[str, Any] = {"name": name, "dataset": dataset, "seconds": new.seconds}
        if new.state in ("failed", "skipped"):
            state: State = "failed" if new.state == "failed" else "not run"
            hint = f" {_MISSING_MODULE}" if "No module named" in new.error else ""
            return StepVerdict(**facts, state=state, note=new.error + hint)
        output = self.outputs.get(dataset, {})
        if "error" in output:
            return StepVerdict(**facts, state="failed", note=output["error"])
        manifest = self.manifests.get(dataset)
        if manifest is not None and output.get("fingerprint") == str(manifest.fingerprint):
            return StepVerdict(**facts, state="same")
        if old.result and old.result == new.result:
            return StepVerdict(**facts, state="same")
        difference = self._difference(name, dataset, manifest)
        if difference is None:
            is_sure = bool(old.result and old.kind == new.kind and not self.tolerance)
            note = "what the run made is not kept any more (hw gc)"
            return StepVerdict(**facts, state="different" if is_sure else "not comparable", note=note)
        if not difference:
            state = "same"
        else:
            state = "within tolerance" if difference.is_within(self.tolerance) else "different"
        return StepVerdict(**facts, state=state, difference=difference)

    def _difference(self, name: str, dataset: str, manifest: Manifest | None) -> Difference | None:
        new = result_of(self.repo, self.again, name, self.scratch)
        assert new is not None
        old = result_of(self.repo, self.record, name, self.repo.cache)
        if old is not None:
            try:
                return self.compared(old, new, dataset)
            except ObjectMissing:
                pass
        if manifest is None:
            return None
        there = self.repo.at(str(self.record.commit))[dataset]
        return self.compared(Pieces.of_dataset(there), new, dataset)


def _with_causes(work: _Work, judge: _Judge, verdicts: list[StepVerdict]) -> list[StepVerdict]:
    """Find out of steps that differ, though they took the same, whether they give another result each time."""
    states = {one.name: one.state for one in verdicts}
    record = judge.record
    first = {
        one.name
        for one in verdicts
        if one.state == "different"
        and all(states.get(name, "same") == "same" for name in record.steps[one.name].inputs)
    }
    runs = work.ask(tuple(sorted(first)))["runs"] if first else {}
    out = []
    for one in verdicts:
        note = ""
        if one.name in first:
            note = _cause(judge, one, runs[one.name], work)
        elif one.state == "different":
            note = "it took what differs"
        out.append(replace(one, note="; ".join(filter(None, (one.note, note)))))
    return out


def _cause(judge: _Judge, verdict: StepVerdict, run: str, work: _Work) -> str:
    name = verdict.name
    if run:
        third = Runs(work.kept).get(run)
        values = [result_of(judge.repo, one, name, judge.scratch) for one in (judge.again, third)]
        assert values[0] is not None
        assert values[1] is not None
        if judge.compared(values[0], values[1], verdict.dataset):
            return "this step gives another result each time: seed it"
    if judge.record.steps[name].code != judge.again.steps[name].code and not judge.record.code.get(
        "is_script"
    ):
        return "its code, or a package that it uses, is not what the run had"
    return ""


@contextmanager
def _said_as(record: RunRecord, what: str) -> Iterator[None]:
    try:
        yield
    except (ObjectMissing, NotFound) as error:
        raise NotFound(
            f"Run {record.id} {what}, which is not in this repository any more: removed by `hw gc`, or not fetched.",
            kind="commit",
            name=record.id,
        ) from error


def _require_complete(record: RunRecord) -> None:
    if record.state == "succeeded":
        return
    told = {
        "failed": "failed",
        "running": "is still running",
        "stopped": "was stopped",
        "interrupted": "was interrupted",
    }[record.state]
    raise UsageError(
        f"Run {record.id} {told}, so there is nothing to compare with. `hw runs` lists those that succeeded.",
        run=record.id,
        state=record.state,
    )


def _require_sources(repo: Repo, record: RunRecord) -> None:
    for label, commit in record.sources.items():
        dataset = label.partition("@")[0]
        with _said_as(record, f"read {dataset!r} at commit {commit[:12]}"):
            _ = repo.at(commit)[dataset]


def _outputs_of(repo: Repo, record: RunRecord) -> dict[str, Manifest | None]:
    """Return the datasets that a run made, as it made them; None for those whose commit is gone."""
    out: dict[str, Manifest | None] = {}
    for name in record.outputs:
        try:
            out[name] = repo.manifest(name, repo.resolve(str(record.commit)))
        except (ObjectMissing, NotFound):
            out[name] = None
    return out


def _other_packages(record: RunRecord, again: RunRecord) -> dict[str, dict[str, str | None]]:
    """Return the packages of which another version, or none, was there in the replay."""
    recorded: Mapping[str, str] = record.environment["packages"]
    used = set(record.environment.get("used") or recorded)
    found = {plain_name(name): version for name, version in again.environment["packages"].items()}
    return {
        name: {"recorded": version, "found": found.get(plain_name(name))}
        for name, version in recorded.items()
        if name in used and plain_name(name) != "pip" and found.get(plain_name(name)) != version
    }
