"""PyTorch: tensors of a repository's rows; loaders with workers, ranks, and states to go on from."""

from __future__ import annotations

import pickle
import sys
from decimal import Decimal
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import MissingExtra, NotFound, UsageError
from headwater.reading.dataset import Dataset
from headwater.versions.repo import Repo


@pytest.fixture
def data(home: str) -> Dataset:
    """A hundred rows in five chunks."""
    repo = Repo.init(home)
    for part in range(5):
        numbers = np.arange(20 * part, 20 * part + 20)
        vectors = pa.FixedSizeListArray.from_arrays(pa.array(np.repeat(numbers, 3), pa.float32()), 3)
        with repo.transaction("more") as tx:
            tx.append("d", pa.table({"n": numbers, "t": [f"é{n}" for n in numbers], "v": vectors}), key="n")
    return repo["d"]


def test_without_torch_the_extra_is_named(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "torch.utils.data", None)
    styles: list[Literal["iterable", "map"]] = ["iterable", "map"]
    for style in styles:
        with pytest.raises(MissingExtra, match=r"headwater\[torch\]"):
            data.to_torch(style=style)


def test_an_iterable_gives_batches_of_tensors_and_lists(data: Dataset) -> None:
    torch = pytest.importorskip("torch")
    batches = list(data.to_torch(batch_size=32))
    assert [len(batch["n"]) for batch in batches] == [32, 32, 32, 4]
    first = batches[0]
    assert (first["n"].dtype, first["v"].dtype, first["v"].shape) == (torch.int64, torch.float32, (32, 3))
    assert first["t"][:2] == ["é0", "é1"]
    assert torch.cat([batch["n"] for batch in batches]).tolist() == list(range(100))
    assert [row["n"].item() for row in data.to_torch(["n"])] == list(range(100))
    assert len(data.to_torch(batch_size=32)) == 4
    assert (
        len(data.to_torch(batch_size=32, drop_last=True))
        == 3
        == len(list(data.to_torch(batch_size=32, drop_last=True)))
    )


def test_workers_and_ranks_share_the_rows_of_a_shuffled_epoch(data: Dataset) -> None:
    torch = pytest.importorskip("torch")
    found: list[int] = []
    for rank in range(2):
        part = data.to_torch(["n"], batch_size=7, shuffle=True, seed=1, rank=rank, world_size=2)
        loader = torch.utils.data.DataLoader(
            part, batch_size=None, num_workers=2, multiprocessing_context="fork"
        )
        found += [n for batch in loader for n in batch["n"].tolist()]
    assert sorted(found) == list(range(100))
    assert found != list(range(100))
    equal = [data.to_torch(["n"], "n < 99", rank=rank, world_size=2, equal=True) for rank in range(2)]
    assert [sum(1 for _ in part) for part in equal] == [49, 49]


def test_epochs_differ_and_a_seed_repeats_them(data: Dataset) -> None:
    pytest.importorskip("torch")
    loader = data.to_torch(["n"], batch_size=100, shuffle=True, seed=5)
    (first,) = [batch["n"].tolist() for batch in loader]
    assert [batch["n"].tolist() for batch in loader] == [first]
    loader.set_epoch(1)
    (second,) = [batch["n"].tolist() for batch in loader]
    assert sorted(second) == sorted(first) != second != first
    assert [b["n"].tolist() for b in data.to_torch(["n"], batch_size=100, shuffle=True, seed=5, epoch=1)] == [
        second
    ]


def test_a_loader_goes_on_in_the_middle_of_an_epoch(data: Dataset) -> None:
    pytest.importorskip("torch")

    def made() -> Any:
        return data.to_torch(["n"], batch_size=9, shuffle=True, seed=2, epoch=3)

    whole = [batch["n"].tolist() for batch in made()]
    loader = made()
    walk = iter(loader)
    begun = [next(walk)["n"].tolist() for _ in range(4)]
    state = pickle.loads(pickle.dumps(loader.state_dict()))
    again = data.to_torch(["n"], batch_size=9, shuffle=True, seed=2)
    again.load_state_dict(state)
    assert again.state_dict() == state
    assert begun + [batch["n"].tolist() for batch in again] == whole
    assert [batch["n"].tolist() for batch in pickle.loads(pickle.dumps(made()))] == whole
    other = data.to_torch(["n"], batch_size=8, shuffle=True, seed=2)
    other.load_state_dict(state)
    with pytest.raises(UsageError, match="batch_rows was 9 and is 8"):
        next(iter(other))


@pytest.mark.filterwarnings("ignore")  # torchdata reads what PyTorch deprecates
def test_a_stateful_loader_goes_on_with_workers(data: Dataset) -> None:
    pytest.importorskip("torch")
    loading = pytest.importorskip("torchdata.stateful_dataloader")

    def made() -> Any:
        part = data.to_torch(["n"], batch_size=6, shuffle=True, seed=2)
        return loading.StatefulDataLoader(
            part, batch_size=None, num_workers=2, multiprocessing_context="fork"
        )

    whole = [batch["n"].tolist() for batch in made()]
    loader = made()
    walk = iter(loader)
    begun = [next(walk)["n"].tolist() for _ in range(5)]
    state = loader.state_dict()
    del walk
    again = made()
    again.load_state_dict(state)
    assert begun + [batch["n"].tolist() for batch in again] == whole


def test_rows_by_number_serve_samplers(data: Dataset) -> None:
    torch = pytest.importorskip("torch")
    rows = data.to_torch(["n", "t", "v"], where="n >= 10", style="map")
    assert len(rows) == 90
    assert (rows[5]["n"].item(), rows[-1]["t"], rows[0]["v"].tolist()) == (15, "é99", [10.0, 10.0, 10.0])
    with pytest.raises(IndexError):
        rows[90]
    order = torch.utils.data.RandomSampler(rows, generator=torch.Generator().manual_seed(1))
    batches = list(torch.utils.data.DataLoader(rows, batch_size=16, sampler=order))
    assert batches[0]["v"].shape == (16, 3)
    assert sorted(n for batch in batches for n in batch["n"].tolist()) == list(range(10, 100))
    assert pickle.loads(pickle.dumps(rows))[5]["n"].item() == 15


def test_values_of_every_kind_become_tensors_or_lists() -> None:
    torch = pytest.importorskip("torch")
    from headwater.reading.tensors import tensors

    nested = pa.list_(pa.list_(pa.int8(), 2), 3)
    table = pa.table(
        {
            "bool": [True, False],
            "uint": pa.array([1, 2**64 - 1], pa.uint64()),
            "half": pa.array(np.array([1, 2], np.float16)),
            "real": [1.5, None],
            "money": [Decimal("1.50"), Decimal("2.25")],
            "day": pa.array([0, 1], pa.date32()),
            "time": pa.array([5, 6], pa.timestamp("ms", "UTC")),
            "matrix": pa.array([[[1, 2], [3, 4], [5, 6]]] * 2, nested),
            "vector": pa.array([[1.0, 2.0], None], pa.list_(pa.float32(), 2)),
            "list": [[1, 2], []],
            "texts": [["a"], None],
            "bytes": [b"x", None],
            "struct": [{"a": 1}, {"a": 2}],
        }
    )
    found = tensors(table)
    kinds = {name: value.dtype for name, value in found.items() if isinstance(value, torch.Tensor)}
    assert kinds == {
        "bool": torch.bool,
        "uint": torch.uint64,
        "half": torch.float16,
        "real": torch.float64,
        "money": torch.float64,
        "day": torch.int32,
        "time": torch.int64,
        "matrix": torch.int8,
        "vector": torch.float32,
    }
    assert found["matrix"].shape == (2, 3, 2)
    assert found["vector"][0].tolist() == [1.0, 2.0]
    assert found["vector"][1].isnan().all()
    assert [item.tolist() for item in found["list"]] == [[1, 2], []]
    assert (found["texts"], found["bytes"], found["struct"][1]) == ([["a"], None], [b"x", None], {"a": 2})
    found["day"][0] = 9
    assert table.column("day").cast(pa.int32()).to_pylist() == [0, 1], "tensors are copies"
    for kind in (pa.int32(), pa.bool_(), pa.timestamp("s"), pa.list_(pa.int8(), 2)):
        with pytest.raises(UsageError, match="IS NOT NULL"):
            tensors(pa.table({"a": pa.array([None, None], kind)}))
    assert tensors(pa.table({"a": pa.array([], nested)}))["a"].shape == (0, 3, 2)


def test_values_are_decoded_when_asked(data: Dataset) -> None:
    torch = pytest.importorskip("torch")
    (batch,) = data.to_torch(
        ["t", "v"], "n < 3", batch_size=8, decode={"t": lambda text: torch.tensor(len(text))}
    )
    assert batch["t"].tolist() == [2, 2, 2]
    (batch,) = data.to_torch(["t"], "n < 3", batch_size=8, decode={"t": str.upper})
    assert batch["t"] == ["É0", "É1", "É2"]
    with pytest.raises(NotFound):
        data.to_torch(["t"], decode={"x": str})


def test_wrong_requests_are_refused_at_once(data: Dataset, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torch")
    for options, message in [
        ({"rank": 1}, "both rank and world_size"),
        ({"rank": 2, "world_size": 2}, "no rank 2"),
        ({"batch_size": 0}, "1 row or more"),
        ({"style": "maps"}, "'map'"),
        ({"window": 0}, "1 chunk"),
    ]:
        with pytest.raises(UsageError, match=message):
            data.to_torch(**options)  # type: ignore[arg-type]
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert len(data.to_torch(batch_size=1)) == 25
