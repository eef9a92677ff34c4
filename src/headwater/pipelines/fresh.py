"""Make the environment of a run afresh: its Python and its packages, by uv or by venv and pip.

Packages are pinned to the recorded versions and installed without asking for what else they need, for that is recorded
too. Where they come from is a matter of uv's or pip's own configuration.
"""

from __future__ import annotations

import importlib
import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from filelock import FileLock

import headwater
from headwater.core.errors import HeadwaterError, UsageError
from headwater.core.ids import canonical_json, digest
from headwater.pipelines.environment import plain_name

__all__ = ["Fresh", "Plan", "make_environment", "plan_environment"]

_READY = "headwater-environment.json"
_OURS = "headwater"
_NEVER = frozenset({"pip", _OURS})
_TOLD_LINES = 12
_TOLD_LETTERS = 300
_MATCH = re.compile(r"(\d+)\.(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What an environment is to hold.

    Parameters
    ----------
    python, implementation : str
        The version, such as ``3.12.4``, and ``cpython`` or another.
    requirements : tuple of str
        A line for each package, as pip and uv read them.
    copies_headwater : bool
        Whether Headwater is copied from here, for it was not from an index when it was recorded.
    notes : tuple of str
        What cannot be as it was.
    """

    python: str
    implementation: str = "cpython"
    requirements: tuple[str, ...] = ()
    copies_headwater: bool = False
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A name for the content: equal plans make equal environments."""
        own = _digest_of_headwater() if self.copies_headwater else ""
        facts = [self.python, self.implementation, platform.machine(), sorted(self.requirements), own]
        return digest(canonical_json(facts))[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Fresh:
    """An environment that was made, or found as it was made before.

    Parameters
    ----------
    python : Path
        Its interpreter.
    version : str
        The version of that.
    tool : str
        ``uv`` or ``pip``.
    is_new : bool
        Whether it was made now.
    """

    python: Path
    version: str
    tool: str
    is_new: bool


def plan_environment(recorded: Mapping[str, Any], *, everything: bool = False) -> Plan:
    """Return what the environment of a run has to hold.

    Parameters
    ----------
    recorded : mapping
        The ``environment`` of its record.
    everything : bool
        All packages that were installed, and not only those that the run used and what these need.
    """
    packages, origins = recorded["packages"], recorded.get("origins", {})
    chosen = packages if everything else {name: packages[name] for name in recorded.get("used") or packages}
    lines, notes = [], []
    for name, version in chosen.items():
        if plain_name(name) in _NEVER:
            continue
        line, note = _requirement(name, version, origins.get(name))
        lines += [line] if line else []
        notes += [note] if note else []
    was = recorded.get("headwater", "")
    ours = next((name for name in packages if plain_name(name) == _OURS), None)
    copies = ours is None or ours in origins
    if copies:
        now = headwater.__version__
        what = f"Headwater {now}, copied from here" + ("" if now == was else f" (the run had {was})")
        notes.insert(0, f"The run's Headwater was installed from its source, not from an index: {what}.")
    else:
        lines.append(f"{ours}=={was}")
    return Plan(
        python=recorded["python"],
        implementation=recorded.get("implementation", "cpython"),
        requirements=tuple(sorted(lines, key=str.lower)),
        copies_headwater=copies,
        notes=tuple(notes),
    )


def make_environment(
    plan: Plan,
    place: Path,
    *,
    any_python: bool = False,
    uses_uv: bool = True,
    tell: Callable[[str], None] = lambda _: None,
) -> Fresh:
    """Make an environment in a folder below ``place``, or find the one that was made there by an equal plan.

    Parameters
    ----------
    plan : Plan
        What it holds.
    place : Path
        Where environments are; each has a folder of its own, named by its content.
    any_python : bool
        Take the nearest Python there is where the very version is not.
    uses_uv : bool
        Use uv if it is there; else ``venv`` and pip.
    tell : callable
        Told what is done.

    Raises
    ------
    UsageError
        If that Python is not available.
    HeadwaterError
        If the packages cannot be installed.
    """
    uv = _uv() if uses_uv else None
    place = place.absolute()
    place.mkdir(parents=True, exist_ok=True)
    folder = place / plan.name
    with FileLock(str(place / f"{plan.name}.lock")):
        ready = folder / _READY
        facts = json.loads(ready.read_text()) if ready.is_file() else {}
        if facts and (any_python or facts["python"] == plan.python):
            tell(f"The environment is there: {folder}")
            return Fresh(python=_python_of(folder), version=facts["python"], tool=facts["tool"], is_new=False)
        if folder.exists():
            # Half made, for it has no file that says it is ready; or with another Python.
            shutil.rmtree(folder)
        tool = "uv" if uv else "pip"
        tell(
            f"Making an environment with Python {plan.python} and {len(plan.requirements)} packages ({tool})"
        )
        try:
            _make(plan, folder, uv, any_python)
            python = _python_of(folder)
            version = _version_of(python)
            _install(plan, folder, python, uv)
            if plan.copies_headwater:
                _copy_headwater(python)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        ready.write_text(json.dumps({"python": version, "tool": tool, "requirements": plan.requirements}))
    return Fresh(python=python, version=version, tool=tool, is_new=True)


def _requirement(name: str, version: str, origin: Mapping[str, Any] | None) -> tuple[str, str]:
    """Return the line that installs a package as it was, and what to say if it cannot be."""
    if not origin:
        return f"{name}=={version}", ""
    if origin.get("editable"):
        told = f"{name} was under development: of it there are the modules that came with the run's code."
        return "", told
    url = str(origin["url"])
    if origin.get("vcs"):
        part = f"#subdirectory={origin['subdirectory']}" if origin.get("subdirectory") else ""
        return f"{name} @ {origin['vcs']}+{url}@{origin['commit']}{part}", ""
    parts = urlsplit(url)
    if parts.scheme == "file" and not Path(unquote(parts.path)).exists():
        return "", f"{name} {version} was installed from {unquote(parts.path)}, which is not there any more."
    if parts.scheme == "file" and not origin.get("hash"):
        return f"{name} @ {url}", f"{name} is installed from {unquote(parts.path)}, as that is now."
    return f"{name} @ {url}" + (f"#{origin['hash']}" if origin.get("hash") else ""), ""


def _uv() -> str | None:
    """Return the program uv: on the path, or installed as a package."""
    found = shutil.which("uv")
    if found is None and importlib.util.find_spec("uv") is not None:
        with suppress(FileNotFoundError):
            return str(importlib.import_module("uv").find_uv_bin())
    return found


def _make(plan: Plan, folder: Path, uv: str | None, any_python: bool) -> None:
    if uv:
        wanted = [f"{plan.implementation}@{plan.python}"]
        if any_python:
            wanted += [".".join(plan.python.split(".")[:2]), sys.executable]
        told = ""
        for one in wanted:
            done = _run([uv, "venv", "--quiet", "--python", one, str(folder)])
            if done.returncode == 0:
                return
            shutil.rmtree(folder, ignore_errors=True)
            told = told or _last(done)
        raise _no_python(
            plan, f"uv said:\n{told}\n`uv python install {plan.python}` gets it where uv may download."
        )
    found = _pythons()
    exact = [path for path, version in found.items() if version == plan.python]
    if plan.implementation != sys.implementation.name:
        exact = []
    near = sorted(found, key=lambda path: _distance(found[path], plan.python)) if any_python else []
    if not (exact or near):
        there = ", ".join(sorted(set(found.values())))
        raise _no_python(
            plan,
            f"Here is {there}. uv gets others: install uv and run this again, or `uv python install {plan.python}`.",
        )
    done = _run([(exact or near)[0], "-m", "venv", str(folder)])
    if done.returncode:
        raise HeadwaterError(f"An environment cannot be made: `python -m venv` said:\n{_last(done)}")


def _no_python(plan: Plan, told: str) -> UsageError:
    kind = "" if plan.implementation == "cpython" else f" ({plan.implementation})"
    return UsageError(
        f"The run had Python {plan.python}{kind}, which is not available. {told} Or take another: --allow-python for "
        "the nearest in a fresh environment, --here for the environment that is.",
        python=plan.python,
    )


def _pythons() -> dict[str, str]:
    """Return the Pythons of this machine: program and version."""
    names = [sys.executable, *(f"python3.{minor}" for minor in range(11, 30)), "python3", "python"]
    paths = dict.fromkeys(filter(None, (shutil.which(name) for name in names)))
    out = {}
    for path in paths:
        with suppress(OSError, subprocess.SubprocessError, ValueError):
            out[path] = _version_of(Path(path))
    return out


def _distance(version: str, wanted: str) -> tuple[int, ...]:
    return tuple(abs(a - b) for a, b in zip(_numbers(version), _numbers(wanted), strict=True))


def _numbers(version: str) -> tuple[int, ...]:
    found = [int(one) for one in re.findall(r"\d+", version)[:3]]
    return tuple(found + [0] * (3 - len(found)))


def _version_of(python: Path) -> str:
    code = "import platform; print(platform.python_version())"
    done = subprocess.run(
        [str(python), "-I", "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    if not _MATCH.match(done.stdout):
        raise ValueError(done.stdout)
    return done.stdout.strip()


def _install(plan: Plan, folder: Path, python: Path, uv: str | None) -> None:
    if not plan.requirements:
        return
    listed = folder / "requirements.txt"
    listed.write_text("".join(f"{line}\n" for line in plan.requirements))
    if uv:
        words = [uv, "pip", "install", "--quiet", "--python", str(python)]
    else:
        words = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-input"]
    done = _run([*words, "--no-deps", "--requirement", str(listed)])
    if done.returncode:
        own = "uv reads its own configuration, not pip's; --pip installs with pip. " if uv else ""
        raise HeadwaterError(
            f"The packages of the run cannot be installed. {'uv' if uv else 'pip'} said:\n{_last(done)}\n{own}"
            "Mend that and run this again, or see with --here what the environment that is here gives."
        )


def _copy_headwater(python: Path) -> None:
    """Put the package that runs here, with what its metadata say, into an environment."""
    code = "import sysconfig; print(sysconfig.get_path('purelib'))"
    done = subprocess.run([str(python), "-I", "-c", code], capture_output=True, text=True, check=True)
    target = Path(done.stdout.strip())
    source = Path(headwater.__file__).parent
    shutil.copytree(source, target / _OURS, ignore=shutil.ignore_patterns("__pycache__"), dirs_exist_ok=True)
    info = target / f"{_OURS}-{headwater.__version__}.dist-info"
    info.mkdir(exist_ok=True)
    told = f"Metadata-Version: 2.1\nName: {_OURS}\nVersion: {headwater.__version__}\n"
    with suppress(metadata.PackageNotFoundError):
        ours = metadata.distribution(_OURS)
        if ours.version == headwater.__version__:
            told = ours.read_text("METADATA") or told
        points = ours.read_text("entry_points.txt")
        if points:
            (info / "entry_points.txt").write_text(points)
    (info / "METADATA").write_text(told)
    (info / "INSTALLER").write_text(_OURS)


def _digest_of_headwater() -> str:
    source = Path(headwater.__file__).parent
    files = sorted(one for one in source.rglob("*") if one.is_file() and "__pycache__" not in one.parts)
    return digest(canonical_json([[str(one.relative_to(source)), digest(one.read_bytes())] for one in files]))


def _python_of(folder: Path) -> Path:
    return folder / "Scripts" / "python.exe" if os.name == "nt" else folder / "bin" / "python"


def _run(words: Sequence[str]) -> subprocess.CompletedProcess[str]:
    variables = {
        name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")
    }
    return subprocess.run(list(words), capture_output=True, text=True, check=False, env=variables)


def _last(done: subprocess.CompletedProcess[str]) -> str:
    """Return the last lines that a program said, or the errors among them, without credentials."""
    lines = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("ERROR:")] or lines
    told = "\n".join(
        textwrap.shorten(line, _TOLD_LETTERS, placeholder=" …") for line in errors[-_TOLD_LINES:]
    )
    return re.sub(r"//[^/@\s]+@", "//***@", told)
