"""Datasets for PyTorch: iterable ones that shuffle, share out and resume, and ones that give rows by number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from headwater.core.arrays import to_python
from headwater.core.errors import UsageError
from headwater.core.extras import require
from headwater.reading.epoch import Shard
from headwater.reading.loading import Chunks, EpochBatches, RowReader

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Decode", "iterable_dataset", "map_dataset", "tensors"]

Decode = Mapping[str, Callable[[Any], Any]]


def iterable_dataset(chunks: Chunks, **options: Any) -> Any:
    """Return a ``torch.utils.data.IterableDataset``; see `headwater.reading.dataset.Dataset.to_torch`.

    Parameters
    ----------
    chunks : Chunks
        What to read.
    **options : Any
        Those of `to_torch` that are about the iterable.
    """
    data = require("torch.utils.data", extra="torch", purpose="to_torch")

    class HeadwaterIterable(_Batched, data.IterableDataset):  # type: ignore[name-defined,misc]
        """Batches of an epoch as dicts of tensors and lists."""

    return HeadwaterIterable(chunks, **options)


def map_dataset(chunks: Chunks, *, kept: int = 4, decode: Decode | None = None) -> Any:
    """Return a map-style ``torch.utils.data.Dataset``; see `headwater.reading.dataset.Dataset.to_torch`.

    Parameters
    ----------
    chunks : Chunks
        What to read.
    kept : int
        How many chunks to keep in memory.
    decode : mapping of str to callable, optional
        See `tensors`.
    """
    data = require("torch.utils.data", extra="torch", purpose="to_torch")

    class HeadwaterRows(_Numbered, data.Dataset):  # type: ignore[name-defined,misc]
        """Rows by number, as dicts of tensors and values."""

    return HeadwaterRows(chunks, kept, decode)


class _Batched:
    """The iterable, but for the class of PyTorch that it also is: that is made where PyTorch is there."""

    def __init__(
        self,
        chunks: Chunks,
        *,
        batch_size: int | None = None,
        drop_last: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        window: int = 4,
        rank: int | None = None,
        world_size: int | None = None,
        equal: bool = False,
        decode: Decode | None = None,
    ) -> None:
        self.epoch = epoch
        self._chunks, self._batch_size, self._decode = chunks, batch_size, decode
        self._order: dict[str, Any] = {
            "drop_last": drop_last,
            "shuffle": shuffle,
            "seed": seed,
            "window": window,
        }
        self._rank, self._world_size = _process(rank, world_size)
        self._equal = equal
        self._batches: EpochBatches | None = None
        self._state: Mapping[str, Any] | None = None
        # Wrong options are refused now, not by a worker.
        self._made(0, 1)

    def __reduce__(self) -> tuple[Any, ...]:
        return _iterable_again, (
            self._chunks,
            {
                **self._order,
                "batch_size": self._batch_size,
                "epoch": self.epoch,
                "rank": self._rank,
                "world_size": self._world_size,
                "equal": self._equal,
                "decode": self._decode,
            },
            self._state,
        )

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch that is read next: another order, where shuffled."""
        self.epoch, self._state, self._batches = epoch, None, None

    def __len__(self) -> int:
        """How many batches this process has; with several workers each may end with a smaller one."""
        return sum(len(self._made(number, _worker()[1])) for number in range(_worker()[1]))

    def __iter__(self) -> Iterator[dict[str, Any]]:
        batches = self._made(*_worker())
        if self._state is not None:
            batches.load_state_dict(self._state)
            self._state = None
        self._batches = batches
        for table in batches:
            values = tensors(table, self._decode)
            yield values if self._batch_size else _only(values)

    def state_dict(self) -> dict[str, Any]:
        """Return where this reader is, for `load_state_dict`; each worker of a loader has a state of its own."""
        return dict(self._state or {}) if self._batches is None else self._batches.state_dict()

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on, when read next, where a state was taken."""
        self._state, self._batches = dict(state) or None, None
        self.epoch = int(state.get("epoch", self.epoch))

    def _made(self, worker: int, workers: int) -> EpochBatches:
        shard = Shard(self._rank, self._world_size, worker, workers, self._equal)
        rows = 1 if self._batch_size is None else self._batch_size
        return EpochBatches(self._chunks, batch_rows=rows, epoch=self.epoch, shard=shard, **self._order)


class _Numbered:
    """Rows by number, but for the class of PyTorch that it also is."""

    def __init__(self, chunks: Chunks, kept: int, decode: Decode | None) -> None:
        self._given = (chunks, kept, decode)
        self._reader, self._decode = RowReader(chunks, kept=kept), decode

    def __reduce__(self) -> tuple[Any, ...]:
        return _rows_again, self._given

    def __len__(self) -> int:
        return len(self._reader)

    def __getitem__(self, number: int) -> dict[str, Any]:
        return _only(tensors(self._reader.rows([number]), self._decode))

    def __getitems__(self, numbers: Sequence[int]) -> list[dict[str, Any]]:
        """Return several rows at once, as a ``DataLoader`` asks for a batch."""
        values = tensors(self._reader.rows(numbers), self._decode)
        return [{name: column[row] for name, column in values.items()} for row in range(len(numbers))]


def _iterable_again(chunks: Chunks, options: dict[str, Any], state: Mapping[str, Any] | None) -> Any:
    made = iterable_dataset(chunks, **options)
    if state:
        made.load_state_dict(state)
    return made


def _rows_again(chunks: Chunks, kept: int, decode: Decode | None) -> Any:
    return map_dataset(chunks, kept=kept, decode=decode)


def _worker() -> tuple[int, int]:
    """Return which worker of a loader this is, and of how many."""
    info = require("torch.utils.data", extra="torch", purpose="to_torch").get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)


def tensors(table: pa.Table, decode: Decode | None = None) -> dict[str, Any]:
    """Return the columns of a table as tensors where they are numbers, and as lists otherwise.

    Parameters
    ----------
    table : pyarrow.Table
        The rows.
    decode : mapping of str to callable, optional
        For a column, what to make of each of its values, such as an image of its bytes.

    Returns
    -------
    dict
        Numbers and booleans as tensors with one dimension, times as whole numbers in the unit of their column,
        decimals as doubles, fixed-size lists of those with one dimension more. Lists of other lengths as a list of
        tensors. All else as a list of Python values. A missing real is NaN.

    Raises
    ------
    UsageError
        If a whole number or boolean is missing, for a tensor cannot say so.
    """
    torch = require("torch", extra="torch", purpose="to_torch")
    out: dict[str, Any] = {}
    for name, column in zip(table.schema.names, table.columns, strict=True):
        if decode and name in decode:
            made: list[Any] = [None if value is None else decode[name](value) for value in to_python(column)]
            same = made and all(
                isinstance(item, torch.Tensor) and item.shape == made[0].shape for item in made
            )
            out[name] = torch.stack(made) if same else made
            continue
        array = column.combine_chunks()
        if isinstance(array, pa.ChunkedArray):
            array = pa.concat_arrays(array.chunks) if array.num_chunks else pa.array([], array.type)
        values = _numbers(array, name)
        if values is not None:
            out[name] = torch.from_numpy(values)
        elif _is_list_of_numbers(array.type) and not array.null_count:
            lengths = pc.list_value_length(array).to_pylist()
            out[name] = list(torch.split(torch.from_numpy(_numbers(array.flatten(), name)), lengths))
        else:
            out[name] = to_python(array)
    return out


def _numbers(array: pa.Array, name: str) -> NDArray[Any] | None:
    """Return the values as a numpy array of their own, or None if they are no numbers."""
    kind = array.type
    if pa.types.is_fixed_size_list(kind):
        if array.null_count and not pa.types.is_floating(_innermost(kind)):
            raise _missing(name, kind)
        if array.null_count:
            # Under a missing list there are as many values as under another one.
            array = pc.if_else(array.is_valid(), array, pa.scalar([float("nan")] * kind.list_size, kind))
        values = _numbers(array.flatten(), name)
        return None if values is None else values.reshape(len(array), kind.list_size, *values.shape[1:])
    if pa.types.is_decimal(kind):
        array = array.cast(pa.float64())
    elif pa.types.is_temporal(kind) and not pa.types.is_interval(kind):
        array = array.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
    elif not (pa.types.is_boolean(kind) or pa.types.is_integer(kind) or pa.types.is_floating(kind)):
        return None
    if array.null_count and not pa.types.is_floating(array.type):
        raise _missing(name, kind)
    # Tensors may be written to; what Arrow holds may not.
    return np.array(array.to_numpy(zero_copy_only=False), copy=True)


def _missing(name: str, kind: pa.DataType) -> UsageError:
    return UsageError(
        f"Column {name!r} ({kind}) has missing values, which a tensor cannot hold. Leave those rows out with "
        f"where='\"{name}\" IS NOT NULL', or fill them: `hw clean DATASET --transform clean.missing`.",
        column=name,
    )


def _innermost(kind: pa.DataType) -> pa.DataType:
    return _innermost(kind.value_type) if pa.types.is_fixed_size_list(kind) else kind


def _is_list_of_numbers(kind: pa.DataType) -> bool:
    if not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        return False
    return bool(pa.types.is_integer(kind.value_type) or pa.types.is_floating(kind.value_type))


def _only(values: dict[str, Any]) -> dict[str, Any]:
    """Return the one row of a batch of one."""
    return {name: column[0] for name, column in values.items()}


def _process(rank: int | None, world_size: int | None) -> tuple[int, int]:
    """Return which process this is: as told, or as the launcher of a distributed run says."""
    if (rank is None) != (world_size is None):
        raise UsageError("Give both rank and world_size, or neither.")
    if rank is not None and world_size is not None:
        return rank, world_size
    return int(os.environ.get("RANK", "0")), int(os.environ.get("WORLD_SIZE", "1"))
