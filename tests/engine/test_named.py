"""Executors by name."""

from __future__ import annotations

import sys

import pytest

from headwater.core.errors import MissingExtra, StorageError, UsageError
from headwater.engine.local import LocalExecutor
from headwater.engine.named import executor_of


def test_local_is_the_default() -> None:
    made = executor_of(workers=3)
    assert isinstance(made, LocalExecutor)
    assert made.workers == 3


def test_an_unknown_engine_is_named() -> None:
    with pytest.raises(UsageError, match=r"no engine 'dask'. Engines: local, ray"):
        executor_of("dask")


def test_without_ray_its_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"headwater\[ray\]"):
        executor_of("ray")


def test_a_cluster_that_does_not_answer_is_named() -> None:
    pytest.importorskip("ray")
    with pytest.raises(StorageError, match=r"ray://127.0.0.1:9 cannot be used: .*refused.*same versions"):
        executor_of("ray://127.0.0.1:9")
    with pytest.raises(UsageError, match=r"'ray://nowhere' is no address"):
        executor_of("ray://nowhere")
