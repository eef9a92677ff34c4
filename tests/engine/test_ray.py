"""Ray on one machine: the same verdicts and commits as here, bounded memory, clear errors."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater import api
from headwater.checks.base import CHECKS, Target
from headwater.checks.runner import run
from headwater.core.errors import HeadwaterError, MissingExtra, UsageError
from headwater.engine import ray as engine
from headwater.engine.base import Executor, Resources
from headwater.engine.local import LocalExecutor
from tests.checks.test_every_check import CONTRACT, NOW, examples, table, verdicts
from tests.engine import work


def repo_at(place: Path, *parts: pa.Table) -> api.Repo:
    repo = api.init(place)
    with repo.transaction("parts") as tx:
        for part in parts:
            tx.append("data", part, key="id")
    return repo


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> tuple[api.Repo, api.Repo]:
    """The same few chunks twice, so that nothing that one executor kept helps the other."""
    folder = tmp_path_factory.mktemp("both")
    repos = []
    for name in ("here", "there"):
        repo = api.init(folder / name)
        for number in range(3):
            with repo.transaction(f"part {number}") as tx:
                tx.append("data", table(100, number, 100 * number), key="id")
        repos.append(repo)
    return repos[0], repos[1]


@pytest.mark.parametrize("cost", ["scan", "rows", "model"])
def test_verdicts_of_every_check_are_those_of_here(
    cost: str, both: tuple[api.Repo, api.Repo], ray_executor: Executor
) -> None:
    pytest.importorskip("sklearn", reason="the model-based checks need it")
    checks = [check for name in CHECKS if CHECKS[name].cost == cost for check in examples(name)]
    reports = []
    for repo, executor in zip(both, (LocalExecutor(2), ray_executor), strict=True):
        target = Target(
            dataset=repo["data"],
            contract=CONTRACT,
            baseline=repo.at("main~1")["data"],
            executor=executor,
            cache=repo.cache,
            now=NOW,
        )
        reports.append(run(target, checks))
    assert verdicts(reports[1], numbers=True) == verdicts(reports[0], numbers=True)
    assert [finding.rows for finding in reports[1].findings] == [f.rows for f in reports[0].findings]
    assert reports[1].scanned_rows == reports[0].scanned_rows


def test_a_whole_check_is_that_of_here(both: tuple[api.Repo, api.Repo], ray_executor: Executor) -> None:
    both[1].executor = ray_executor
    here, there = (repo.check("data", label="label", sensitive=("group",), against="main~1") for repo in both)
    both[1].executor = LocalExecutor(2)
    assert verdicts(there, numbers=True) == verdicts(here, numbers=True)
    assert not [finding for finding in there.findings if "cannot be sent" in finding.message]


def test_states_that_workers_kept_are_found_here(tmp_path: Path, ray_executor: Executor) -> None:
    repo = repo_at(tmp_path / "repo", table(200))
    repo.executor = ray_executor
    assert repo.check("data", only=["completeness"]).scanned_rows == 200
    repo.executor = LocalExecutor(1)
    assert repo.check("data", only=["completeness"]).scanned_rows == 0


@pytest.mark.parametrize(
    ("transform", "parameters"),
    [
        ("clean.missing", {"columns": ["x"]}),
        ("clean.deduplicate", {"columns": ["word", "group"]}),
        ("anonymize.mask", {"columns": ["word"]}),
        ("embed.column", {"column": "word", "encoder": "hash", "options": {"dimensions": 16}}),
    ],
)
def test_transforms_make_the_rows_that_they_make_here(
    transform: str, parameters: dict[str, Any], both: tuple[api.Repo, api.Repo], ray_executor: Executor
) -> None:
    prints = []
    for repo, executor in zip(both, (LocalExecutor(2), ray_executor), strict=True):
        view = repo.branch(transform)
        view.executor = executor
        done = view.transform("data", transform, parameters, branch=transform)
        assert done.is_new
        prints.append(repo.branch(transform)["data"].fingerprint)
    assert prints[0] == prints[1]


def test_what_is_in_memory_cannot_be_read_elsewhere(ray_executor: Executor) -> None:
    for place in ("memory://", "memory://named-for-ray"):
        repo = api.init(place)
        with repo.transaction("rows") as tx:
            tx.append("data", table(10), key="id")
        repo.executor = ray_executor
        with pytest.raises(HeadwaterError, match=r"stays in its process.*Use a directory or a bucket"):
            repo.profile("data")


def test_other_versions_on_the_workers_are_named(
    ray_executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_MADE_BY", ("0.0.9", "3.11"))
    with pytest.raises(UsageError, match=r"has Headwater .* here is Headwater 0\.0\.9 .*Install the same"):
        list(ray_executor.map(work.square, [1]))


def test_a_result_that_cannot_be_sent_is_named(ray_executor: Executor) -> None:
    with pytest.raises(UsageError, match=r"'locks' gave a result.*cannot be sent.*lock"):
        list(ray_executor.map(_lock, [1], label="locks"))
    with pytest.raises(HeadwaterError, match=r"_Stubborn: no"):
        list(ray_executor.map(_stubborn, [1]))


def _lock(_: int) -> Any:
    return threading.Lock()


class _Stubborn(Exception):
    def __init__(self) -> None:
        super().__init__("no")
        self.lock = threading.Lock()


def _stubborn(_: int) -> None:
    raise _Stubborn


def test_work_that_no_machine_has_room_for_is_told(
    ray_executor: Executor, caplog: pytest.LogCaptureFixture
) -> None:
    results = ray_executor.map(work.square, [1], resources=Resources(gpus=1))
    interrupt = threading.Timer(0.5, os.kill, (os.getpid(), 2))
    interrupt.start()
    with pytest.raises(KeyboardInterrupt):
        next(results)
    assert "no machine" in caplog.text.lower()


def test_workers_are_no_more_than_asked_for(ray_executor: Any, tmp_path: Path) -> None:
    one = engine.RayExecutor(workers=1)
    results = one.map(partial(work.slow, tmp_path), range(20))
    next(results)
    assert work.marks(tmp_path) <= 3
    results.close()  # type: ignore[attr-defined]
    # It uses the connection that there was, and leaves it alone.
    one.close()
    assert list(ray_executor.map(work.square, [2])) == [4]
    with pytest.raises(UsageError, match=r"1 worker or more"):
        engine.RayExecutor(workers=0)


def test_memory_is_bounded_by_the_work_in_flight(ray_executor: Executor) -> None:
    def big() -> Iterator[int]:
        yield from range(150)

    list(ray_executor.map(work.wide, range(10)))
    before = work.own_bytes()
    peak = 0
    for number, result in enumerate(ray_executor.map(work.wide, big())):
        assert result[0] == number
        if number % 10 == 0:
            peak = max(peak, work.own_bytes())
    # All results together are 600 MB.
    assert peak - before < 60 << 20
    figures = list(ray_executor.map(work.used, range(150)))
    assert max(figures[75:]) - max(figures[:75]) < 30 << 20


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"The engine 'ray' needs .*headwater\[ray\]"):
        engine.RayExecutor()
