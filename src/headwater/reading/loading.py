"""Rows for a training loop: batches of an epoch that can stop and go on anywhere, and rows by number.

Nothing here knows PyTorch: `headwater.reading.tensors` makes tensors of what comes from here.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.core.errors import UsageError
from headwater.reading.epoch import Epoch, Shard

__all__ = ["Chunks", "EpochBatches", "RowReader"]

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Chunks:
    """What a loader reads: chunks with `read`, their schema, and a name for all rows.

    Parameters
    ----------
    parts : sequence of DatasetChunk
        The chunks.
    schema : pyarrow.Schema
        The columns to read.
    fingerprint : str
        A name for the rows: where it is another, a saved position means nothing.
    """

    parts: Sequence[Any]
    schema: pa.Schema
    fingerprint: str

    @property
    def counts(self) -> list[int]:
        """Live rows of each chunk."""
        return [part.live_rows for part in self.parts]

    def read(self, number: int) -> pa.Table:
        """Return the live rows of a chunk."""
        table: pa.Table = self.parts[number].read(self.schema.names)
        return table.combine_chunks()


class EpochBatches:
    """Batches of the rows of one epoch, or of one reader's share of it.

    Parameters
    ----------
    chunks : Chunks
        What to read.
    batch_rows : int
        Rows a batch; the last one may be smaller.
    drop_last : bool
        Whether to leave out a last batch that is smaller.
    shuffle, seed, epoch, window
        As in `Epoch`.
    shard : Shard
        Which share.

    Notes
    -----
    Memory: the chunks of a window, once as they are and once in the order drawn.
    """

    def __init__(
        self,
        chunks: Chunks,
        *,
        batch_rows: int,
        drop_last: bool = False,
        shuffle: bool = False,
        seed: int = 0,
        epoch: int = 0,
        window: int = 4,
        shard: Shard | None = None,
    ) -> None:
        if batch_rows < 1:
            raise UsageError(f"A batch has 1 row or more, not {batch_rows}.", batch_rows=batch_rows)
        self.chunks, self.batch_rows, self.drop_last = chunks, batch_rows, drop_last
        self.shard = shard or Shard()
        self.done = 0
        self._order = {"shuffle": shuffle, "seed": seed, "epoch": epoch, "window": window}
        self._epoch = Epoch(chunks.counts, shuffle=shuffle, seed=seed, epoch=epoch, window=window)

    def __len__(self) -> int:
        """How many batches an epoch of this reader has."""
        start, end = self.shard.stretch(self._epoch.rows)
        whole, rest = divmod(end - start, self.batch_rows)
        return whole + (1 if rest and not self.drop_last else 0)

    def __iter__(self) -> Iterator[pa.Table]:
        """Yield the batches from the one after those that are done; ``done`` counts rows along."""
        start, end = self.shard.stretch(self._epoch.rows)
        if self.drop_last:
            end -= (end - start) % self.batch_rows
        held: list[pa.Table] = []
        size = 0
        for stretch in self._epoch.stretches(start + self.done, end):
            tables = [self.chunks.read(number) for number in stretch.chunks]
            rows = pa.concat_tables(tables).combine_chunks().take(pa.array(stretch.rows))
            del tables
            at = 0
            while at < rows.num_rows:
                piece = rows.slice(at, self.batch_rows - size)
                held.append(piece)
                size += piece.num_rows
                at += piece.num_rows
                if size == self.batch_rows:
                    self.done += size
                    yield pa.concat_tables(held) if len(held) > 1 else held[0]
                    held, size = [], 0
        if size:
            self.done += size
            yield pa.concat_tables(held)

    def state_dict(self) -> dict[str, Any]:
        """Return where this reader is, as numbers and texts."""
        shard = self.shard
        return {
            "version": _VERSION,
            "fingerprint": self.chunks.fingerprint,
            **self._order,
            "batch_rows": self.batch_rows,
            "shard": [shard.rank, shard.world_size, shard.worker, shard.workers, shard.is_equal],
            "done": self.done,
        }

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where a state was taken.

        Raises
        ------
        UsageError
            If it was taken of other rows, in another order, or by another reader.
        """
        mine = {name: value for name, value in self.state_dict().items() if name != "done"}
        other = {name: list(value) if name == "shard" else value for name, value in state.items()}
        differ = [name for name, value in mine.items() if other.get(name) != value]
        if differ:
            name = differ[0]
            raise UsageError(
                f"This state does not fit the loader: {name} was {other.get(name)!r} and is {mine[name]!r}. Make the "
                "loader as it was, over the same commit.",
                differ=differ,
            )
        self.done = int(state["done"])


class RowReader:
    """Rows by number, in the order of a scan; the chunks read last are kept.

    Parameters
    ----------
    chunks : Chunks
        What to read.
    kept : int
        How many chunks to keep in memory.
    """

    def __init__(self, chunks: Chunks, *, kept: int = 4) -> None:
        if kept < 1:
            raise UsageError(f"At least 1 chunk is kept, not {kept}.", kept=kept)
        self.chunks = chunks
        self._starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(chunks.counts, dtype=np.int64)])
        self._kept, self._tables = kept, OrderedDict[int, pa.Table]()

    def __len__(self) -> int:
        """How many rows there are."""
        return int(self._starts[-1])

    def rows(self, numbers: Sequence[int] | NDArray[np.integer[Any]]) -> pa.Table:
        """Return the rows with these numbers, in that order; negative ones count from the end.

        Raises
        ------
        IndexError
            If there is no such row.
        """
        asked = np.asarray(numbers, np.int64)
        wanted = np.where(asked < 0, asked + len(self), asked)
        outside = (wanted < 0) | (wanted >= len(self))
        if outside.any():
            raise IndexError(f"There are {len(self)} rows; {int(asked[outside][0])} is none of them.")
        parts = [self.chunks.schema.empty_table()]
        chunk = np.searchsorted(self._starts, wanted, side="right") - 1
        order = np.argsort(chunk, kind="stable")
        for number in np.unique(chunk):
            mine = wanted[order][chunk[order] == number] - self._starts[number]
            parts.append(self._table(int(number)).take(pa.array(mine)))
        back = np.argsort(order, kind="stable")
        return pa.concat_tables(parts).take(pa.array(back))

    def _table(self, number: int) -> pa.Table:
        if number not in self._tables:
            while len(self._tables) >= self._kept:
                self._tables.popitem(last=False)
            self._tables[number] = self.chunks.read(number)
        self._tables.move_to_end(number)
        return self._tables[number]
