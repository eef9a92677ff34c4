"""``validity.language``: texts are in the languages they should be in."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from headwater.checks.base import CHECKS, Check, Cost, Level, RowFilter, States, Target
from headwater.checks.judging import graded, judged, percent, rows_text
from headwater.core.errors import NotFound
from headwater.core.extras import require
from headwater.core.findings import Finding
from headwater.core.ids import canonical_json, digest
from headwater.profile.codec import decode, encode
from headwater.profile.columns import require_kind
from headwater.profile.kinds import Kind
from headwater.reading.chunks import DatasetChunk

__all__ = ["Language"]

_UNKNOWN = 65_535
_LIKELIEST = 4
_MARGIN = 10.0
"""How much likelier another language must be (natural logarithm) than the expected ones."""


@CHECKS.register("validity.language")
@dataclass(frozen=True, kw_only=True)
class Language(Check):
    """Texts are in the languages that they should be in.

    A text counts as foreign if another language is at least e^10 times as likely as all that are expected; so
    names, codes and a few words of slang in a text do not. Each text is looked at once, and again only where rows
    are new or changed.

    Parameters
    ----------
    column : str
        A text column.
    languages : tuple of str
        The expected languages, as ISO 639-1 codes (``en``, ``de``); by default the one that most texts are in.
    shortest : int
        Characters that a text has at least to be judged.
    max_fraction : float
        The share of judged texts that may be in other languages.
    level : {"warn", "fail"}
        The outcome above it.

    Notes
    -----
    Needs the package of ``headwater[text]``.

    References
    ----------
    Lui, Baldwin (2012). langid.py: an off-the-shelf language identification tool. ACL system demonstrations.
    """

    id = "validity.language"
    title = "Foreign texts"
    cost: ClassVar[Cost] = "rows"

    column: str
    languages: tuple[str, ...] = ()
    shortest: int = 30
    max_fraction: float = 0.02
    level: Level = "warn"

    @classmethod
    def defaults(cls, target: Target) -> Sequence[Check]:
        """Ask for text columns, and the package."""
        if importlib.util.find_spec("py3langid") is None:
            return ()
        return tuple(cls(column=name) for name in target.columns_of(Kind.TEXT) if name not in target.key)

    def judge(self, states: States, target: Target) -> list[Finding]:
        """Identify what was not looked at before, and count what is foreign."""
        require_kind(target.schema, self.column, "a language", text=True)
        names = _labels()
        for name in self.languages:
            if name not in names:
                raise NotFound.among("language", name, names)
        chunks = target.dataset.chunks
        look = partial(self._likeliest, target=target)
        stored = list(target.executor.map(look, chunks, label="identify", progress=target.progress))
        live = [
            (codes[chunk.live_positions()], margins[chunk.live_positions()])
            for chunk, (codes, margins) in zip(chunks, stored, strict=True)
        ]
        codes = np.concatenate([part[0] for part in live]) if live else _nothing()[0]
        margins = np.concatenate([part[1] for part in live]) if live else _nothing()[1]
        judged_texts = codes[:, 0] != _UNKNOWN
        found, counts = np.unique(codes[judged_texts, 0], return_counts=True)
        total = int(judged_texts.sum())
        expected = self.languages or tuple(names[code] for code in found[np.argsort(-counts)][:1])
        foreign = _foreign(codes, margins, expected)
        count = int(foreign.sum())
        share = count / total if total else 0.0
        others, numbers = np.unique(codes[foreign, 0], return_counts=True)
        listed = {names[others[at]]: int(numbers[at]) for at in np.argsort(-numbers, kind="stable")}
        said = ", ".join(f"{number:,} in {name}" for name, number in list(listed.items())[:5])
        wanted = " or ".join(expected)
        return [
            judged(
                self,
                share > self.max_fraction,
                f"{rows_text(count, 'text')} of {self.column!r} ({percent(share)}) are not in {wanted}: {said}."
                if share > self.max_fraction
                else f"Texts of {self.column!r} are in {wanted}."
                if total
                else f"Column {self.column!r} has no text long enough to tell its language.",
                severity=graded(0.3, share),
                column=self.column,
                value=share,
                threshold=self.max_fraction,
                row_count=count if share > self.max_fraction else 0,
                evidence={"expected": list(expected), "languages": listed} if count else {},
            )
        ]

    def offending(self, finding: Finding, target: Target) -> RowFilter:
        """Return the texts in other languages."""
        expected = tuple(finding.evidence["expected"])

        def mask(table: pa.Table) -> NDArray[np.bool_]:
            return _foreign(*self._identified(table.column(self.column)), expected)

        return RowFilter((self.column,), mask)

    def _likeliest(
        self, chunk: DatasetChunk, *, target: Target
    ) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        """Return the likeliest languages of the stored rows of a chunk, and how far behind the first each is."""
        facts = [self.id, self.version, chunk.identity([self.column]), self.column, self.shortest]
        path = f"{chunk.cache_prefix([self.column])}/language-{digest(canonical_json(facts))[:24]}"
        kept = None if target.cache is None else target.cache.get(path)
        if kept is not None:
            fields = decode("language", 1, kept)
            return fields["codes"], fields["margins"]
        table = chunk.whole(chunk.read_stored([self.column], deleted=True))
        codes, margins = self._identified(table.column(self.column))
        if target.cache is not None:
            target.cache.put(path, encode("language", 1, {"codes": codes, "margins": margins}))
        return codes, margins

    def _identified(self, texts: pa.ChunkedArray) -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
        encoded = texts.combine_chunks().cast(pa.string()).dictionary_encode()
        distinct = encoded.dictionary
        long = np.asarray(pc.greater_equal(pc.utf8_length(distinct), self.shortest))
        codes = np.full((len(distinct) + 1, _LIKELIEST), _UNKNOWN, np.uint16)
        margins = np.zeros((len(distinct) + 1, _LIKELIEST), np.float32)
        for at in np.flatnonzero(long):  # the identifier takes one text at a time
            ranked = _identifier().rank(distinct[at].as_py())[:_LIKELIEST]
            codes[at] = [_places()[name] for name, _ in ranked]
            margins[at] = [ranked[0][1] - score for _, score in ranked]
        place = np.asarray(pc.fill_null(encoded.indices, len(distinct)), np.int64)
        return codes[place], margins[place]


def _foreign(
    codes: NDArray[np.uint16], margins: NDArray[np.float32], expected: tuple[str, ...]
) -> NDArray[np.bool_]:
    """Return which texts are in none of some languages, by a clear margin."""
    wanted = np.isin(codes, [_places()[name] for name in expected])
    near = wanted & (margins < _MARGIN)
    foreign: NDArray[np.bool_] = (codes[:, 0] != _UNKNOWN) & ~near.any(axis=1)
    return foreign


def _nothing() -> tuple[NDArray[np.uint16], NDArray[np.float32]]:
    return np.zeros((0, _LIKELIEST), np.uint16), np.zeros((0, _LIKELIEST), np.float32)


@cache
def _identifier() -> Any:
    langid = require("py3langid.langid", extra="text", purpose="The check 'validity.language'")
    return langid.LanguageIdentifier.from_model_file(langid.MODEL_FILE)


@cache
def _labels() -> list[str]:
    return list(dict.fromkeys(str(name) for name in _identifier().labels))


@cache
def _places() -> dict[str, int]:
    return {name: place for place, name in enumerate(_labels())}
