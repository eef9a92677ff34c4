"""The chunks of one version: a list that is kept in pages, so that a small change writes little of it.

The pages form a tree. Where a page ends depends on what it holds alone, so that equal lists have equal pages
however they came about, and versions share all pages but those that a change fell into and those above them.
Pages are read when they are needed.

References
----------
The tree is a probabilistic B-tree ("prolly tree"): Noms, technical overview (2016); Auvolat and Taïani (2019),
Merkle Search Trees, doi:10.1109/SRDS47363.2019.00032.
"""

from __future__ import annotations

import operator
from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import asdict, dataclass, field
from itertools import accumulate, compress
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

from headwater.core.ids import ObjectId
from headwater.engine.base import Executor
from headwater.store.chunk import Chunk
from headwater.store.objects import Objects

__all__ = ["INLINE", "ChunkList", "Entry", "Page", "missing", "unshared"]

INLINE = 64
"""A list of at most so many chunks needs no pages."""

_FAN = 32
"""How many entries a page has on average."""
_LARGEST = 128


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """What stands for a page in the one above it.

    Parameters
    ----------
    object : ObjectId
        The page.
    chunks, rows : int
        Chunks and stored rows below it, deleted rows included.
    is_loose : bool
        Whether a chunk below it is small or has many deletions, so that compaction has to look.
    statistics : mapping of str to list
        As of a chunk, over the rows stored below it; None is unknown.
    """

    object: ObjectId
    chunks: int
    rows: int
    is_loose: bool
    statistics: Mapping[str, list[Any]] = field(default_factory=dict)


Entry = Chunk | Page


class ChunkList(Sequence[Chunk]):
    """The chunks of one version, in scan order.

    Parameters
    ----------
    entries : sequence of Chunk or of Page
        The chunks, or the pages of the highest level.
    level : int
        0: the entries are chunks; else so many levels of pages.
    objects : Objects, optional
        Where the pages are.
    """

    def __init__(
        self, entries: Iterable[Any] = (), *, level: int = 0, objects: Objects | None = None
    ) -> None:
        self._entries: tuple[Any, ...] = tuple(entries)
        self._level = level
        self._objects = objects
        self._starts = [0, *accumulate(_count(entry) for entry in self._entries)] if level else []
        self._stored = self._starts[-1] if level else len(self._entries)
        # Edits of a list in pages, until it is saved: by number in the stored list; None takes the chunk out.
        self._changes: dict[int, Chunk | None] = {}
        self._removed: list[int] = []
        self._appended: tuple[Chunk, ...] = ()

    def __repr__(self) -> str:
        return f"ChunkList({len(self)} chunks)"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ChunkList) and len(self) == len(other) and all(map(operator.eq, self, other))

    __hash__ = None  # type: ignore[assignment]

    def __len__(self) -> int:
        return self._stored - len(self._removed) + len(self._appended)

    def __iter__(self) -> Iterator[Chunk]:
        for _, chunk in self.where(lambda entry: True):
            yield chunk

    @overload
    def __getitem__(self, number: int) -> Chunk: ...

    @overload
    def __getitem__(self, number: slice) -> tuple[Chunk, ...]: ...

    def __getitem__(self, number: int | slice) -> Chunk | tuple[Chunk, ...]:
        if isinstance(number, slice):
            return tuple(self[one] for one in range(*number.indices(len(self))))
        at = number + len(self) if number < 0 else number
        if not 0 <= at < len(self):
            raise IndexError(f"There are {len(self)} chunks; {number} is none of them.")
        stored = self._stored_number(at)
        if stored >= self._stored:
            return self._appended[stored - self._stored]
        return self._changes.get(stored) or self._find(stored)

    def where(self, wanted: Callable[[Entry], bool]) -> Iterator[tuple[int, Chunk]]:
        """Yield the chunks that are wanted, with their numbers; pages that are not are not read.

        Parameters
        ----------
        wanted : callable
            Takes a page or a chunk. Chunks below a page that is not wanted are not asked for.
        """
        for stored, chunk in self._walk(self._entries, self._level, 0, wanted):
            if wanted(chunk):
                yield stored - bisect_left(self._removed, stored), chunk
        start = self._stored - len(self._removed)
        for number, chunk in enumerate(self._appended, start):
            if wanted(chunk):
                yield number, chunk

    def narrowed(self, may_hold: Callable[[Sequence[Entry]], NDArray[np.bool_]]) -> list[tuple[int, Chunk]]:
        """Return the chunks that may hold what is sought, with their numbers, a level of pages at a time.

        Parameters
        ----------
        may_hold : callable
            Says of pages, or of chunks, which may.
        """
        edited = self._changes or self._appended
        level = 0 if edited else self._level
        front = _numbered(0, tuple(self) if edited else self._entries)
        while True:
            kept = list(compress(front, may_hold([entry for _, entry in front])))
            if not level:
                return kept
            front = [child for number, page in kept for child in _numbered(number, self._load(page))]
            level -= 1

    def edited(
        self,
        changes: Mapping[int, Chunk] | None = None,
        *,
        appended: Iterable[Chunk] = (),
        removed: Iterable[int] = (),
    ) -> ChunkList:
        """Return the list with some chunks replaced or removed, and others appended.

        Chunks without a live row are left out.

        Parameters
        ----------
        changes : mapping of int to Chunk, optional
            Chunks by number.
        appended : iterable of Chunk
            Those that follow.
        removed : iterable of int
            Numbers of those that go.
        """
        edits: dict[int, Chunk | None] = {self._stored_number(n): c for n, c in (changes or {}).items()}
        edits.update((self._stored_number(number), None) for number in removed)
        more = [*self._appended, *appended]
        edits = {number: chunk if chunk and chunk.live_rows else None for number, chunk in edits.items()}
        tail = (edits.get(number, chunk) for number, chunk in enumerate(more, self._stored))
        kept = tuple(chunk for chunk in tail if chunk is not None and chunk.live_rows)
        if not self._level:
            stored = (edits.get(number, chunk) for number, chunk in enumerate(self._entries))
            return ChunkList([*(chunk for chunk in stored if chunk is not None), *kept])
        new = ChunkList(self._entries, level=self._level, objects=self._objects)
        inside = {number: chunk for number, chunk in edits.items() if number < self._stored}
        new._changes = {**self._changes, **inside}
        new._removed = sorted(number for number, chunk in new._changes.items() if chunk is None)
        new._appended = kept
        return new

    def saved(self, objects: Objects) -> ChunkList:
        """Store the pages that are new; return the same list, in pages if it is long."""
        if len(self) <= INLINE:
            return self if not self._level else ChunkList(self)
        edited = sorted(self._changes)
        if self._level and not edited and not self._appended:
            return self
        builder = _Builder(objects)

        def is_whole(start: int, stop: int) -> bool:
            # The last page of each level ended with the list, not where a page ends.
            ends = stop < self._stored or not self._appended
            return ends and bisect_left(edited, start) == bisect_left(edited, stop)

        def copy(entries: Sequence[Any], level: int, start: int) -> None:
            for entry in entries:
                stop = start + _count(entry)
                if level == 0:
                    chunk = self._changes.get(start, entry)
                    if chunk is not None:
                        builder.add(0, chunk)
                elif is_whole(start, stop) and builder.is_between(level):
                    builder.add(level, entry)
                else:
                    copy(self._load(entry), level - 1, start)
                start = stop

        copy(self._entries, self._level, 0)
        for chunk in self._appended:
            builder.add(0, chunk)
        entries, level = builder.root()
        return ChunkList(entries, level=level, objects=objects)

    def unseen(self, seen: set[ObjectId]) -> Iterator[Chunk]:
        """Yield the chunks that are not below a page in ``seen``; the pages read are added to it."""

        def is_new(entry: Entry) -> bool:
            if isinstance(entry, Chunk):
                return True
            new = entry.object not in seen
            seen.add(entry.object)
            return new

        return (chunk for _, chunk in self.where(is_new))

    def to_dict(self) -> dict[str, Any]:
        """Return the form kept in a manifest, of a list that was saved."""
        if not self._level:
            return {"chunks": [chunk.to_dict() for chunk in self]}
        return {"level": self._level, "pages": [asdict(page) for page in self._entries]}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], objects: Objects) -> ChunkList:
        """Read the form that `to_dict` gives."""
        return cls(_decoded(value), level=value.get("level", 0), objects=objects)

    def _stored_number(self, number: int) -> int:
        """Return the number that a chunk has in the stored list, or after its end if it was appended."""
        if not self._removed:
            return number
        return number + bisect_right([at - place for place, at in enumerate(self._removed)], number)

    def _find(self, stored: int) -> Chunk:
        entries, level = self._entries, self._level
        starts = self._starts
        while level:
            place = bisect_right(starts, stored) - 1
            stored -= starts[place]
            entries, level = self._load(entries[place]), level - 1
            starts = [0, *accumulate(map(_count, entries))] if level else []
        found: Chunk = entries[stored]
        return found

    def _walk(
        self, entries: Sequence[Any], level: int, start: int, wanted: Callable[[Entry], bool]
    ) -> Iterator[tuple[int, Chunk]]:
        for entry in entries:
            if level == 0:
                chunk = self._changes.get(start, entry)
                if chunk is not None:
                    yield start, chunk
            elif wanted(entry):
                yield from self._walk(self._load(entry), level - 1, start, wanted)
            start += _count(entry)

    @property
    def _home(self) -> Objects:
        assert self._objects is not None, "a list in pages knows where they are"
        return self._objects

    def _load(self, page: Page) -> tuple[Any, ...]:
        return _load(page.object, self._home)


class _Builder:
    """Puts entries into pages as they come, level by level."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._open: list[list[Any]] = [[]]

    def is_between(self, level: int) -> bool:
        """Say whether all pages below ``level`` are closed, so that one that exists already fits in there."""
        return not any(self._open[:level])

    def add(self, level: int, entry: Entry) -> None:
        """Add an entry to the open page of a level, and close that page where it ends."""
        while len(self._open) <= level:
            self._open.append([])
        self._open[level].append(entry)
        if _ends_page(entry) or len(self._open[level]) >= _LARGEST:
            self._close(level)

    def root(self) -> tuple[list[Any], int]:
        """Close all pages but the topmost; return its entries and their level."""
        level = 0
        while level < len(self._open):
            entries = self._open[level]
            if not any(self._open[level + 1 :]):
                if level and len(entries) == 1:
                    return list(_load(entries[0].object, self._objects)), level - 1
                return entries, level
            if entries:
                self._close(level)
            level += 1
        return [], 0

    def _close(self, level: int) -> None:
        entries, self._open[level] = self._open[level], []
        name = "pages" if level else "chunks"
        rows = [asdict(entry) if level else entry.to_dict() for entry in entries]
        page = Page(
            object=self._objects.put_document({"format": 1, name: rows}),
            chunks=sum(map(_count, entries)),
            rows=sum(entry.rows for entry in entries),
            is_loose=any(entry.is_loose for entry in entries),
            statistics=_joined([entry.statistics for entry in entries]),
        )
        self.add(level + 1, page)


def unshared(left: ChunkList, right: ChunkList) -> tuple[list[tuple[int, Chunk]], list[tuple[int, Chunk]]]:
    """Return the chunks, with their numbers, that are not below a page which both lists have."""
    sides = [_Front(left), _Front(right)]
    for level in range(max(side.level for side in sides), 0, -1):
        at = [side for side in sides if side.level == level]
        if len(at) == 2:
            counts = [Counter(entry.object for _, entry in side.entries) for side in at]
            for side in at:
                side.drop(counts[0] & counts[1])
        for side in at:
            side.descend()
    return sides[0].entries, sides[1].entries


def missing(
    wanted: Iterable[ChunkList],
    there: Iterable[ChunkList],
    executor: Executor,
    *,
    seen: Set[ObjectId] = frozenset(),
) -> tuple[set[ObjectId], list[Chunk], list[Chunk]]:
    """Compare versions that are wanted with versions that are there, without what is below the same pages.

    Parameters
    ----------
    wanted, there : iterable of ChunkList
        The versions.
    executor : Executor
        Who reads the pages, a level at a time.
    seen : set of ObjectId
        Pages to leave out, with all below them.

    Returns
    -------
    set of ObjectId
        The pages that only wanted versions have.
    list of Chunk
        The chunks of wanted versions that are not below a shared page.
    list of Chunk
        Those of the versions that are there.
    """
    pages: list[dict[int, dict[ObjectId, ChunkList]]] = [defaultdict(dict), defaultdict(dict)]
    chunks: list[list[Chunk]] = [[], []]
    fresh: set[ObjectId] = set()

    def sort(side: int, level: int, entries: Iterable[Any], home: ChunkList) -> None:
        if level == 0:
            chunks[side].extend(entries)
        else:
            pages[side][level].update((entry.object, home) for entry in entries)

    for side, lists in enumerate((wanted, there)):
        for one in lists:
            sort(side, one._level, one._entries, one)
    for level in range(max((*pages[0], *pages[1]), default=0), 0, -1):
        for side in (0, 1):
            names = sorted(pages[side][level].keys() - pages[1 - side][level].keys() - seen)
            homes = [pages[side][level][name] for name in names]
            if side == 0:
                fresh.update(names)
            loaded = executor.map(lambda pair: _load(pair[0], pair[1]._home), zip(names, homes, strict=True))
            for entries, home in zip(loaded, homes, strict=True):
                sort(side, level - 1, entries, home)
    return fresh, chunks[0], chunks[1]


class _Front:
    """The entries of one list that are still to be compared, all of one level, with their first numbers."""

    def __init__(self, chunks: ChunkList) -> None:
        plain = chunks._changes or chunks._appended
        self._list = chunks
        self.level = 0 if plain else chunks._level
        entries = tuple(chunks) if plain else chunks._entries
        self.entries: list[tuple[int, Any]] = _numbered(0, entries)

    def drop(self, shared: Counter[ObjectId]) -> None:
        left = Counter(shared)
        kept = []
        for number, entry in self.entries:
            if left[entry.object] > 0:
                left[entry.object] -= 1
            else:
                kept.append((number, entry))
        self.entries = kept

    def descend(self) -> None:
        self.entries = [
            child for number, page in self.entries for child in _numbered(number, self._list._load(page))
        ]
        self.level -= 1


def _numbered(start: int, entries: Sequence[Any]) -> list[tuple[int, Any]]:
    return list(zip(accumulate(map(_count, entries), initial=start), entries, strict=False))


def _count(entry: Entry) -> int:
    return entry.chunks if isinstance(entry, Page) else 1


def _ends_page(entry: Entry) -> bool:
    name = entry.object if isinstance(entry, Page) else entry.row_hashes
    return int(name[:8], 16) % _FAN == 0


def _load(name: ObjectId, objects: Objects) -> tuple[Any, ...]:
    found: tuple[Any, ...] = objects.get_document(name, _decoded)
    return found


def _decoded(value: Mapping[str, Any]) -> tuple[Any, ...]:
    if "pages" in value:
        return tuple(Page(**page) for page in value["pages"])
    return tuple(Chunk.from_dict(chunk) for chunk in value["chunks"])


def _joined(parts: Sequence[Mapping[str, list[Any]]]) -> dict[str, list[Any]]:
    """Return the statistics of all parts together; a column that one part does not know is unknown."""
    columns = [name for name in parts[0] if all(name in part for part in parts)]
    return {name: _span([part[name] for part in parts]) for name in columns}


def _span(parts: Sequence[list[Any]]) -> list[Any]:
    # Of a chunk from before its whole numbers became floats it is not said that none is NaN.
    width = max(map(len, parts))
    lows, highs, *counts = zip(*((*part, None)[:width] for part in parts), strict=True)
    try:
        low = None if None in lows else min(lows)
        high = None if None in highs else max(highs)
    except TypeError:
        # A column whose type has changed: text beside numbers.
        low = high = None
    return [low, high, *(None if None in count else sum(count) for count in counts)]
