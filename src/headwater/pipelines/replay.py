"""The part of reproducing a run that happens in the run's own environment: this module is its program.

It reads what to do from standard input and answers in a folder, so that the two sides share no more than files.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from headwater.core.errors import HeadwaterError, RunFailed, UsageError
from headwater.pipelines.giving import rows_of
from headwater.pipelines.graph import Graph
from headwater.pipelines.loading import load_module
from headwater.pipelines.pipeline import Pipeline
from headwater.pipelines.records import Runs, StepRecord
from headwater.pipelines.run import run
from headwater.store.storage import Storage
from headwater.versions.repo import Repo

__all__ = ["ANSWER", "EVENT", "main", "replay"]

ANSWER = "answer.json"
"""The file that says how it went."""
EVENT = "step: "
"""What a line begins with that tells of a step."""


def main() -> None:
    """Do what standard input says, and write the answer."""
    asked = json.load(sys.stdin)
    # What steps print past Python goes where messages go; the lines that tell of steps stay apart.
    with os.fdopen(os.dup(1), "w", buffering=1) as told:
        os.dup2(2, 1)

        def listener(step: StepRecord) -> None:
            told.write(EVENT + json.dumps([step.name, step.state, step.seconds]) + "\n")

        scratch = Path(asked["scratch"])
        try:
            answer = replay(asked, listener)
        except HeadwaterError as error:
            answer = {"error": str(error), "is_usage": isinstance(error, UsageError)}
        except ModuleNotFoundError as error:
            answer = {"error": str(error), "is_usage": False}
        (scratch / ANSWER).write_text(json.dumps(answer))


def replay(asked: Mapping[str, Any], listener: Any = None) -> dict[str, Any]:
    """Run a pipeline as a record says, into a scratch folder, and make its datasets in a repository there.

    Parameters
    ----------
    asked : mapping
        ``repository`` and ``options`` to open it; the folder ``scratch``; ``root``, ``paths``, ``folder``, ``file``,
        ``module`` and ``name`` of the code; ``parameters``, ``branch``, ``sources`` and ``steps`` of the run; ``keys``
        of the datasets that it made; ``again``, steps that are run once more, from what is in the scratch folder.
    listener : callable, optional
        Told of each step.

    Returns
    -------
    dict
        ``run``, the id of the record in the scratch folder; ``outputs``, the fingerprint and rows of each dataset; or,
        with ``again``, ``runs`` by step.
    """
    pipeline = _pipeline(asked)
    scratch = Storage(Path(asked["scratch"]) / "kept")
    repo = Repo.open(asked["repository"], **asked["options"])
    options: dict[str, Any] = {
        "branch": asked["branch"],
        "sources": asked["sources"],
        "scratch": scratch,
        "listener": listener,
    }
    if asked["again"]:
        return {"runs": {step: _once_more(repo, pipeline, asked, step, options) for step in asked["again"]}}
    steps = list(asked["steps"])
    graph = pipeline.graph(pipeline.arguments(asked["parameters"]))
    _require_steps(pipeline, graph, steps)
    until = steps[-1] if len(graph.nodes) > len(steps) else None
    try:
        done = run(repo, pipeline, asked["parameters"], until=until, **options)
    except RunFailed as error:
        return {"run": error.facts.get("run", Runs(scratch).ids()[0]), "outputs": {}}
    outputs = {} if until else _outputs(done, graph, asked)
    return {"run": done.record.id, "outputs": outputs}


def _once_more(
    repo: Repo, pipeline: Pipeline, asked: Mapping[str, Any], step: str, options: Mapping[str, Any]
) -> str:
    """Run one step again; those before it are known."""
    try:
        return run(repo, pipeline, asked["parameters"], until=step, force=[step], **options).record.id
    except RunFailed:
        return ""


def _pipeline(asked: Mapping[str, Any]) -> Pipeline:
    root = Path(asked["root"])
    os.chdir(root / asked["folder"])
    sys.path[:0] = [str(root / one) for one in asked["paths"]]
    # A file that is in no package is loaded by its path, for its name may be that of another module.
    is_lone = asked["file"] and "." not in asked["module"]
    module = load_module(str(root / asked["file"]) if is_lone else asked["module"])
    found = getattr(module, asked["name"], None)
    if not isinstance(found, Pipeline):
        raise UsageError(
            f"{asked['file'] or asked['module']} has no pipeline {asked['name']!r} as it is restored."
        )
    return found


def _require_steps(pipeline: Pipeline, graph: Graph, steps: list[str]) -> None:
    found = [node.name for node in graph.nodes]
    missing = [name for name in steps if name not in found]
    if missing:
        raise UsageError(
            f"Pipeline {pipeline.name!r} as it is restored has no step {missing[0]!r}; it has {', '.join(found)}."
        )


def _outputs(done: Any, graph: Graph, asked: Mapping[str, Any]) -> dict[str, Any]:
    """Make the datasets of the run in a repository of their own, and return what identifies their content."""
    made = Repo.init(Path(asked["scratch"]) / "made")
    out: dict[str, Any] = {}
    for node in graph.nodes:
        name = node.step.into
        if not name or name not in asked["keys"]:
            continue
        try:
            with made.transaction(f"replay of {name}") as tx:
                tx.append(name, rows_of(done.value(node.name), node.step), key=asked["keys"][name] or None)
        except HeadwaterError as error:
            out[name] = {"error": str(error)}
            continue
        manifest = made.manifest(name, made.head)
        assert manifest is not None
        out[name] = {"fingerprint": str(manifest.fingerprint), "rows": manifest.rows}
    return out
