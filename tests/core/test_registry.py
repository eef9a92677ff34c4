"""Registries: members come from decorators, from the modules of a package, and from entry points."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from headwater.core import registry as module
from headwater.core.errors import HeadwaterError, NotFound, UsageError
from headwater.core.registry import Registry


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    folder = tmp_path / "some_plugins"
    folder.mkdir()
    (folder / "__init__.py").write_text("LOADED = []\n")
    (folder / "one.py").write_text("from some_plugins import LOADED\nLOADED.append('one')\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield "some_plugins"
    for name in [name for name in sys.modules if name.startswith("some_plugins")]:
        del sys.modules[name]


def test_members_are_found_by_name_and_listed_in_order(package: str) -> None:
    registry: Registry[int] = Registry("thing", package)
    registry.register("b")(2)
    registry.register("a")(1)
    assert list(registry) == ["a", "b"]
    assert len(registry) == 2
    assert registry["a"] == 1
    assert "a" in registry
    assert "c" not in registry


def test_the_modules_of_the_package_are_imported_when_first_needed(package: str) -> None:
    registry: Registry[int] = Registry("thing", package)
    assert "some_plugins.one" not in sys.modules
    assert len(registry) == 0
    assert sys.modules["some_plugins"].LOADED == ["one"]


def test_a_name_can_be_taken_once(package: str) -> None:
    registry: Registry[int] = Registry("thing", package)
    registry.register("a")(1)
    with pytest.raises(UsageError, match="thing 'a' is registered twice"):
        registry.register("a")(2)


def test_an_unknown_name_lists_the_known_ones(package: str) -> None:
    registry: Registry[int] = Registry("thing", package)
    registry.register("alpha")(1)
    with pytest.raises(NotFound, match=r"Thing 'alhpa' not found\. Did you mean 'alpha'"):
        registry["alhpa"]


def test_other_packages_add_members_by_entry_point_but_replace_none(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    points = [EntryPoint(name, "math:tau", "headwater.things") for name in ("theirs", "ours")]
    monkeypatch.setattr(module, "entry_points", lambda group: points if group == "headwater.things" else [])
    registry: Registry[float] = Registry("thing", package)
    registry.register("ours")(1.0)
    assert registry["theirs"] > 6
    assert registry["ours"] == 1.0


def test_a_package_that_cannot_be_imported_is_named(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = EntryPoint("theirs", "no_such_module:thing", "headwater.things")
    monkeypatch.setattr(module, "entry_points", lambda group: [broken])
    registry: Registry[float] = Registry("thing", package)
    for _ in range(2):
        with pytest.raises(HeadwaterError, match=r"'theirs' of the package 'no_such_module'.*ModuleNotFound"):
            len(registry)


def test_threads_that_look_up_at_once_all_find_what_is_there(package: str, tmp_path: Path) -> None:
    (tmp_path / "some_plugins" / "two.py").write_text("import time\ntime.sleep(0.2)\n")
    registry: Registry[int] = Registry("thing", package)
    (tmp_path / "some_plugins" / "three.py").write_text(
        "import some_plugins\nsome_plugins.REGISTRY.register('late')(3)\n"
    )
    import_module(package).REGISTRY = registry  # type: ignore[attr-defined]
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: registry["late"], range(4))) == [3, 3, 3, 3]
