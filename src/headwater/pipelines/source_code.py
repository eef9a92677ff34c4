"""The code of a run: kept with its record, and laid out anew to replay it years later.

What is kept are the files of the project's modules that the pipeline and its steps import, as they were. Within git the
revision is known too, and the files lie upon it: so code that was never committed is there, and so are the project's
other files.
"""

from __future__ import annotations

import ast
import importlib.util
import inspect
import os
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from types import ModuleType
from typing import Any

from headwater.core.errors import NotFound, UsageError
from headwater.pipelines.code import is_of_project
from headwater.pipelines.git import changed_files, git, top_of
from headwater.pipelines.graph import Graph
from headwater.pipelines.pipeline import Pipeline
from headwater.pipelines.records import RunRecord, Runs

__all__ = ["Restored", "keep_code", "remember", "restored"]

_ELSEWHERE = "elsewhere"
_SHORTEST_SECRET = 4
_seen: dict[str, tuple[object, bytes]] = {}
"""The text of modules as it was when they were first met: a file may be edited while the module works on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """The code of a run, laid out in a folder.

    Parameters
    ----------
    root : Path
        The folder.
    revision : str
        The git revision that is checked out there; empty if the kept files are all there is.
    notes : tuple of str
        What is not as it was.
    """

    root: Path
    revision: str = ""
    notes: tuple[str, ...] = ()


def remember(module: ModuleType) -> None:
    """Read the file of a module now, so that what is kept later is what was loaded."""
    file = _file_of(module)
    if file is not None:
        _text(module, file)


def keep_code(
    pipeline: Pipeline, graph: Graph, runs: Runs, *, file: str = "", hidden: Sequence[str] = ()
) -> dict[str, Any]:
    """Keep the files of a pipeline beside the records of runs, and return what has to be known to find them again.

    Parameters
    ----------
    pipeline, graph : Pipeline, Graph
        The pipeline and its steps.
    runs : Runs
        Where to keep the files; each by its content, once.
    file : str
        Where the pipeline was found.
    hidden : sequence of str
        Values of secrets. A file with one in it is not kept.

    Returns
    -------
    dict
        ``module`` and ``name`` of the pipeline and its ``file``; ``files`` with their hashes, by path; the folders on
        Python's ``paths``; the ``folder`` it was run in; ``changed``, the files that differ from the revision and are
        not kept. Nothing for a pipeline that is in no file, as one written at a prompt.
    """
    entry = _module_of(pipeline, file)
    entry_file = None if entry is None else _file_of(entry)
    if entry is None or entry_file is None:
        return {}
    name = next((name for name, value in vars(entry).items() if value is pipeline), "")
    if not is_of_project(entry):
        return {"module": entry.__name__, "name": name, "file": "", "files": {}, "paths": [], "changed": []}
    steps = [sys.modules.get(node.step.function.__module__) for node in graph.nodes]
    modules = _reached([entry, *(one for one in steps if one is not None)])
    top = top_of(entry_file.parent)
    base = (top or _import_root(entry, entry_file)).resolve()
    secrets = [one.encode() for one in hidden if len(one) >= _SHORTEST_SECRET]
    files: dict[str, str] = {}
    paths: list[str] = []
    outside: list[Path] = []
    left_out: list[str] = []
    entry_path = ""
    for module, module_file in modules:
        root = _import_root(module, module_file).resolve()
        if module_file.is_relative_to(base):
            path, place = _posix(module_file, base), _posix(root, base) if root.is_relative_to(base) else "."
        else:
            if root not in outside:
                outside.append(root)
            place = f"{_ELSEWHERE}-{outside.index(root) + 1}"
            path = f"{place}/{_posix(module_file, root)}"
        entry_path = path if module is entry else entry_path
        if place not in paths:
            paths.append(place)
        text = _text(module, module_file)
        if any(one in text for one in secrets):
            left_out.append(path)
        else:
            files[path] = runs.save_file(text)
    here = Path.cwd().resolve()
    changed = [one for one in (changed_files(base) if top else []) if one not in files]
    return {
        "module": _dotted_name(entry),
        "name": name,
        "is_script": entry.__name__ == "__main__",
        "file": entry_path,
        "files": files,
        "paths": paths,
        "folder": _posix(here, base) if here.is_relative_to(base) else ".",
        "changed": sorted({*changed, *left_out}),
    }


@contextmanager
def restored(record: RunRecord, runs: Runs) -> Iterator[Restored]:
    """Lay out the code of a run in a temporary folder.

    Within git that is a work tree at the run's revision, which is removed again, with the kept files upon it.

    Raises
    ------
    NotFound
        If the code was not kept, and its revision is in no git repository here.
    UsageError
        If the pipeline was in no file.
    """
    code = record.code
    _require_replayable(record)
    notes = [
        f"{name} differed from the revision when the run began, and was not kept."
        for name in code.get("changed", ())
    ]
    revision = str(record.environment.get("revision", "")).removesuffix("+")
    with tempfile.TemporaryDirectory(prefix="headwater-code-", ignore_cleanup_errors=True) as folder:
        root = Path(folder).resolve() / "code"
        repository = _repository_with(revision, record) if revision else None
        if revision and repository is None:
            if code["file"] not in ("", *code["files"]):
                raise NotFound(
                    f"The code of run {record.id} is at revision {revision[:12]}, which is in no git repository here, "
                    "and was not kept. Fetch that revision, or run this in the project's folder.",
                    kind="revision",
                    name=revision,
                )
            notes.append(
                f"Revision {revision[:12]} of the code is in no git repository here: the files kept with the run "
                f"({len(code['files'])}) are all there is of it."
            )
        leave: Callable[[], object] = lambda: None  # noqa: E731
        if repository is not None:
            _check_out(repository, revision, root)
            leave = lambda: git(repository, "worktree", "remove", "--force", str(root), wait_s=None)  # noqa: E731
        try:
            for path, name in code["files"].items():
                target = root / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(runs.file(name))
            root.mkdir(exist_ok=True)
            (root / code.get("folder", ".")).mkdir(parents=True, exist_ok=True)
            yield Restored(root=root, revision=revision if repository is not None else "", notes=tuple(notes))
        finally:
            leave()


def _require_replayable(record: RunRecord) -> None:
    code = record.code
    if not code:
        raise UsageError(
            f"The code of run {record.id} was not kept: it was written at a prompt or in a notebook, or the run is of "
            "an older Headwater. Write the pipeline into a file, and run it from there.",
            run=record.id,
        )
    if not code["name"]:
        raise UsageError(
            f"Pipeline {record.pipeline!r} of run {record.id} was made inside a function, where it cannot be found "
            "again. Put it at the top level of its file.",
            run=record.id,
        )
    for path in (*code["files"], *code["paths"], code.get("folder", ".")):
        if PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            raise UsageError(f"The record of run {record.id} names a file outside of its folder: {path}")


def _repository_with(revision: str, record: RunRecord) -> Path | None:
    """Return the top of a git work tree, of the code or of the current folder, that has a revision."""
    for place in (Path(record.file).parent if record.file else None, Path.cwd()):
        if place is None or not place.is_dir():
            continue
        top = top_of(place)
        if top is not None and git(top, "cat-file", "-e", f"{revision}^{{commit}}") is not None:
            return top
    return None


def _check_out(repository: Path, revision: str, root: Path) -> None:
    words = [
        "-c",
        f"core.hooksPath={os.devnull}",
        "worktree",
        "add",
        "--detach",
        "--force",
        str(root),
        revision,
    ]
    if git(repository, *words, wait_s=None) is None:
        raise NotFound(
            f"git cannot check out revision {revision[:12]} of {repository}: `git -C {repository} worktree add` fails.",
            kind="revision",
            name=revision,
        )


def _module_of(pipeline: Pipeline, file: str) -> ModuleType | None:
    """Return the module in which a pipeline is found by name, or else that of its function."""
    of_function = sys.modules.get(pipeline.function.__module__)
    wanted = str(Path(file).absolute()) if file else ""
    there = [one for one in list(sys.modules.values()) if wanted and getattr(one, "__file__", None) == wanted]
    for module in (*there, of_function):
        if module is not None and any(value is pipeline for value in vars(module).values()):
            return module
    for module in list(sys.modules.values()):
        if _file_of(module) is not None and any(value is pipeline for value in vars(module).values()):
            return module
    return of_function


def _reached(start: Sequence[ModuleType]) -> list[tuple[ModuleType, Path]]:
    """Return the modules of the project that modules import, and they themselves, with their files."""
    found: dict[str, tuple[ModuleType, Path] | None] = {}
    waiting = [one.__name__ for one in start]
    while waiting:
        name = waiting.pop(0)
        module = sys.modules.get(name)
        if name in found or module is None or not is_of_project(module):
            continue
        waiting += _parents(name)
        file = _file_of(module)
        found[name] = None if file is None else (module, file)
        if file is not None:
            waiting += _imported(_text(module, file), module)
    return [one for one in found.values() if one is not None]


def _imported(text: bytes, module: ModuleType) -> Iterator[str]:
    """Yield the names of modules that a text may import."""
    try:
        tree = ast.parse(text)
    except (SyntaxError, ValueError):
        return
    name = _dotted_name(module)
    package = name if hasattr(module, "__path__") else name.rpartition(".")[0]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for one in node.names:
                yield from (one.name, *_parents(one.name))
        elif isinstance(node, ast.ImportFrom):
            try:
                base = importlib.util.resolve_name("." * node.level + (node.module or ""), package or None)
            except ImportError:
                continue
            yield from (base, *_parents(base), *(f"{base}.{one.name}" for one in node.names))


def _parents(name: str) -> list[str]:
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(len(parts) - 1, 0, -1)]


def _file_of(module: ModuleType) -> Path | None:
    file = getattr(module, "__file__", None)
    if not isinstance(file, str) or not file.endswith(".py"):
        return None
    path = Path(file).resolve()
    return path if path.is_file() else None


def _text(module: ModuleType, file: Path) -> bytes:
    loaded = getattr(module, "__spec__", None)
    known = _seen.get(module.__name__)
    # A module that is loaded again has another spec.
    if known is None or known[0] is not loaded:
        known = _seen[module.__name__] = (loaded, file.read_bytes())
    return known[1]


def _dotted_name(module: ModuleType) -> str:
    """Return a module's name; of what runs as a script, the one by which it can be imported."""
    if module.__name__ != "__main__":
        return module.__name__
    spec = getattr(module, "__spec__", None)
    return spec.name if spec is not None else Path(inspect.getfile(module)).stem


def _import_root(module: ModuleType, file: Path) -> Path:
    """Return the folder on Python's path that a module was found in."""
    parts = _dotted_name(module).split(".")
    is_package = file.name == "__init__.py"
    if (file.parent.name if is_package else file.stem) != parts[-1]:
        return file.parent
    return file.parents[len(parts) if is_package else len(parts) - 1]


def _posix(path: Path, base: Path) -> str:
    return path.relative_to(base).as_posix()
