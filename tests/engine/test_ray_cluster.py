"""Ray on two machines: one is lost in mid-work, and the command line reaches a cluster."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from headwater import api
from headwater.engine.base import Held
from headwater.engine.ray import RayExecutor
from tests.checks.test_every_check import table, verdicts
from tests.clusters import CLIENT_PORT
from tests.engine import work


def test_the_command_line_checks_on_a_cluster(two_nodes: Any, tmp_path: Path) -> None:
    pytest.importorskip("ray")
    pytest.importorskip("grpc")
    with api.init(tmp_path / "repo").transaction("rows") as tx:
        tx.append("data", table(300), key="id")
    address = f"ray://127.0.0.1:{CLIENT_PORT}"
    code = "from headwater.cli.main import main; main()"
    places = [str(Path(api.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    settings = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, places))}
    found = []
    for engine_name in ("local", address):
        command = [sys.executable, "-c", code, "-C", str(tmp_path / "repo"), "check", "data", "--json"]
        done = subprocess.run(
            [*command, "--label", "label", "--engine", engine_name, "--workers", "1"],
            capture_output=True,
            text=True,
            check=False,
            env=settings,
        )
        assert done.returncode in (0, 1), done.stderr
        assert done.stderr == ""
        report = json.loads(done.stdout)
        found.append(
            [(one["check"], one["column"], one["outcome"], one["value"]) for one in report["findings"]]
        )
    assert found[0] == found[1]


class Cuts:
    """Progress that takes a machine away when some of the work is done."""

    def __init__(self, cluster: Any, node: Any, *, after: int, label: str) -> None:
        self.cluster, self.node, self.after, self.label = cluster, node, after, label
        self.done = 0

    def start(self, label: str, total: int | None) -> None:
        pass

    def advance(self, label: str, units: int = 1) -> None:
        self.done += label == self.label
        if label == self.label and self.done == self.after:
            self.cluster.remove_node(self.node, allow_graceful=False)

    def finish(self, label: str) -> None:
        pass


@pytest.mark.filterwarnings("ignore")  # Ray leaves processes of the lost machine to be collected
def test_a_machine_lost_in_mid_check_changes_no_verdict(two_nodes: Any, tmp_path: Path) -> None:
    executor = RayExecutor(two_nodes.address)
    parts = [table(4000, number, 4000 * number) for number in range(24)]
    repos = []
    for name in ("here", "there"):
        repo = api.init(tmp_path / name)
        for start in range(0, len(parts), 2):
            with repo.transaction("part") as tx:
                tx.append("data", pa.concat_tables(parts[start : start + 2]), key="id")
        repos.append(repo)
    expected = repos[0].check("data", label="label")
    node = two_nodes.add_node(num_cpus=1, object_store_memory=100 << 20)
    two_nodes.wait_for_nodes()
    # The machine has begun to work before it is lost.
    seen = set(executor.map(_node, range(12)))
    assert len(seen) == 2
    cuts = Cuts(two_nodes, node, after=2, label="measure")
    repos[1].executor, repos[1].progress = executor, cuts
    found = repos[1].check("data", label="label")
    assert cuts.done > cuts.after
    assert len(set(executor.map(_node, range(6)))) == 1
    assert verdicts(found, numbers=True) == verdicts(expected, numbers=True)
    assert found.outcome == expected.outcome


def _node(_: int) -> str:
    import ray

    time.sleep(0.1)
    return str(ray.get_runtime_context().get_node_id())


@pytest.mark.filterwarnings("ignore")
def test_results_of_a_lost_machine_are_made_again(two_nodes: Any) -> None:
    executor = RayExecutor(two_nodes.address)
    node = two_nodes.add_node(num_cpus=1, object_store_memory=100 << 20)
    two_nodes.wait_for_nodes()
    results = executor.map(work.wide, range(20))
    sums = [next(results).sum() for _ in range(3)]
    two_nodes.remove_node(node, allow_graceful=False)
    sums += [result.sum() for result in results]
    assert sums == [500_000.0 * number for number in range(20)]


@pytest.mark.filterwarnings("ignore")
def test_what_a_lost_machine_held_is_made_again(two_nodes: Any, tmp_path: Path) -> None:
    executor = RayExecutor(two_nodes.address)
    node = two_nodes.add_node(num_cpus=1, object_store_memory=100 << 20)
    two_nodes.wait_for_nodes()
    time.sleep(1.1)  # until the executor counts again
    held = Held(partial(work.make_model, tmp_path), _slow_add)
    added = executor.map(held, range(30))
    first = [next(added) for _ in range(5)]
    two_nodes.remove_node(node, allow_graceful=False)
    assert [*first, *added] == [1000 + number for number in range(30)]


def _slow_add(model: int, number: int) -> int:
    time.sleep(0.05)
    return model + number
