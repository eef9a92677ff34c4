"""Ray for tests: skipped where it is not installed, quiet, and gone after the module."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import Any

import pytest

__all__ = ["CLIENT_PORT", "ray_executor", "two_nodes"]

CLIENT_PORT = 21_001
"""Where a cluster answers to ``ray://``."""


@pytest.fixture(scope="module")
def ray_executor() -> Iterator[Any]:
    """A cluster of one machine with two processors."""
    pytest.importorskip("ray")
    from headwater.engine.ray import RayExecutor

    executor = RayExecutor("local", workers=2)
    yield executor
    executor.close()


@pytest.fixture(scope="module")
def two_nodes() -> Iterator[Any]:
    """A cluster of one machine with one processor; tests add others, and take them away again."""
    pytest.importorskip("ray")
    if os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1):
        pytest.skip("Ray gives its many processes 30 s to start, and this machine is too busy for that")
    import warnings

    import ray
    from ray.cluster_utils import Cluster

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        small = {
            "num_cpus": 1,
            "object_store_memory": 100 << 20,
            "include_dashboard": False,
            "ray_client_server_port": CLIENT_PORT,
        }
        cluster = Cluster(initialize_head=True, head_node_args=small)
    yield cluster
    ray.shutdown()
    cluster.shutdown()
