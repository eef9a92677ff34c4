"""Clusters of texts that are the same word written differently: by key, and by typing errors.

References
----------
OpenRefine documentation, "Clustering in depth" (the fingerprint and n-gram fingerprint keys).
Damerau (1964). A technique for computer detection and correction of spelling errors. doi:10.1145/363958.363994
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from headwater.methods.text_mending import ascii_folded

__all__ = ["ClusterMethod", "canonical_values", "fingerprint", "ngram_fingerprint", "typing_errors"]

ClusterMethod = Literal["case", "fingerprint", "ngram", "typo"]

_PUNCTUATION = re.compile(
    r"[\u0000-\u001f\u007f!\"'(),./:;?\[\\\]`_{|}~\u00a1\u00ab\u00b7\u00bb\u00bf\u2010-\u2027\u2030-\u205e-]"
)
_LETTERS = re.compile(r"[^\W\d_]")
_DIGITS = re.compile(r"\d+")
_FEW_LETTERS = 3
_ONE_ERROR = 5
_TWO_ERRORS = 10


def fingerprint(text: str) -> str:
    """Return the key of a text: its words in lower case, without accents and punctuation, sorted and once each.

    Numbers keep their order and number, and texts of fewer than three letters their punctuation: ``1 2`` is not
    ``2 1``, and ``C++`` is not ``C``.

    Examples
    --------
    >>> fingerprint("Müller, Anna"), fingerprint("anna  MULLER")
    ('anna muller', 'anna muller')
    """
    folded = " ".join(ascii_folded(text).casefold().split())
    if len(_LETTERS.findall(folded)) < _FEW_LETTERS:
        return folded
    words = sorted(set(_PUNCTUATION.sub(" ", folded.replace("'", "").replace(".", "")).split()))
    return " ".join(words) + _numbers(folded)


def ngram_fingerprint(text: str, size: int = 2) -> str:
    """Return the sorted distinct n-grams of a text without blanks, punctuation, case and accents.

    Examples
    --------
    >>> ngram_fingerprint("New York") == ngram_fingerprint("newyork")
    True
    """
    folded = ascii_folded(text).casefold()
    if len(_LETTERS.findall(folded)) < _FEW_LETTERS:
        return " ".join(folded.split())
    bare = "".join(_PUNCTUATION.sub("", folded).split())
    grams = sorted({bare[at : at + size] for at in range(max(1, len(bare) - size + 1))})
    return "".join(["".join(grams), "\u0000", *_DIGITS.findall(folded)])


def typing_errors(counts: Mapping[str, int], *, ratio: float = 10.0) -> dict[str, str]:
    """Return for each text that seems to be a typing error of a more frequent one that other text.

    Parameters
    ----------
    counts : mapping of str to int
        How often each text comes.
    ratio : float
        How many times as frequent the right text must be at least.

    Notes
    -----
    An error is a letter too many, too few, wrong, or two neighbours swapped. Texts of 5 letters may have one, from 10
    letters on two. Words with a digit in them are codes and may not differ: ``Room 12`` is no error of ``Room 11``,
    nor ``AK-1`` one of ``AL-1``. Candidates are found
    by deleting letters from both sides, so that time is linear in the number of texts and quadratic in their length.
    """
    found: dict[str, str] = {}
    by_deletion: dict[str, list[str]] = defaultdict(list)
    usual = sorted(counts, key=lambda text: (-counts[text], text))
    least = min(counts.values(), default=0)
    for text in usual:
        if counts[text] >= ratio * least and len(_LETTERS.findall(text)) >= _ONE_ERROR:
            for shorter in _deletions(text.casefold(), _allowed(text)):
                by_deletion[shorter].append(text)
    for text in usual:
        if len(_LETTERS.findall(text)) < _ONE_ERROR - 1:
            continue
        mine = text.casefold()
        best: tuple[int, int, str] | None = None
        for candidate in {c for key in _deletions(mine, _allowed(text)) for c in by_deletion.get(key, ())}:
            if counts[candidate] < ratio * counts[text] or candidate == text:
                continue
            theirs = candidate.casefold()
            if _codes(mine) != _codes(theirs) or mine == theirs:
                continue
            errors = _distance(mine, theirs)
            rank = (errors, -counts[candidate], candidate)
            if errors <= _allowed(candidate) and (best is None or rank < best):
                best = rank
        if best is not None:
            found[text] = best[2]
    return {text: _end(text, found) for text in found}


def canonical_values(
    counts: Mapping[str, int], methods: Sequence[ClusterMethod], *, ratio: float = 10.0, size: int = 2
) -> dict[str, tuple[str, str]]:
    """Return for each text that is a variant of another one that other text, and why.

    Parameters
    ----------
    counts : mapping of str to int
        How often each text comes.
    methods : sequence of {"case", "fingerprint", "ngram", "typo"}
        What makes texts variants of each other: they differ by case and white space alone; they have the same
        `fingerprint`; the same `ngram_fingerprint`; one is among the `typing_errors`.
    ratio, size
        As there.

    Returns
    -------
    dict
        Canonical text and reason by text. The canonical one is the most frequent of its cluster.
    """
    group = {text: text for text in counts}
    why: dict[str, str] = {}
    keys = {
        "case": (_folded, "same but for case and white space"),
        "fingerprint": (fingerprint, "same words but for case, accents, punctuation and order"),
        "ngram": (lambda text: ngram_fingerprint(text, size), f"same {size}-grams of letters"),
    }
    for name, (key, reason) in keys.items():
        if name not in methods:
            continue
        clusters: dict[str, list[str]] = defaultdict(list)
        for text in counts:
            sign = key(text)
            if sign.strip():
                clusters[sign].append(text)
        for members in clusters.values():
            for text in members[1:]:
                _join(group, members[0], text)
            for text in members if len(members) > 1 else ():
                why.setdefault(text, reason)
    usual = _usual(group, counts)
    found = {text: (usual[text], why[text]) for text in counts if usual[text] != text}
    while "typo" in methods:
        mass: dict[str, int] = defaultdict(int)
        for text, count in counts.items():
            mass[usual[text]] += count
        wrong = typing_errors(mass, ratio=ratio)
        if not wrong:
            break
        for text, now in usual.items():
            right = wrong.get(now)
            if right is not None:
                usual[text] = right
                found[text] = (
                    right,
                    f"typing error of a value {mass[right] / mass[now]:,.0f} times as frequent",
                )
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())


def _numbers(folded: str) -> str:
    """Return the numbers of a text in their order, where there are several: sorting must not mix them up."""
    numbers = _DIGITS.findall(folded)
    return "\u0000" + ",".join(numbers) if len(numbers) > 1 else ""


def _codes(text: str) -> list[str]:
    return [word for word in text.split() if _DIGITS.search(word)]


def _join(group: dict[str, str], one: str, two: str) -> None:
    first, second = _root(group, one), _root(group, two)
    if first != second:
        group[second] = first


def _root(group: dict[str, str], text: str) -> str:
    while group[text] != text:
        group[text] = group[group[text]]
        text = group[text]
    return text


def _usual(group: dict[str, str], counts: Mapping[str, int]) -> dict[str, str]:
    """Return the most frequent text of the cluster of each; of equally frequent ones the tidier."""
    best: dict[str, str] = {}

    def rank(text: str) -> tuple[int, bool, bool, str]:
        is_mixed = text != text.lower() and text != text.upper()
        return counts[text], text == " ".join(text.split()), is_mixed, text

    for text in counts:
        root = _root(group, text)
        if root not in best or rank(text) > rank(best[root]):
            best[root] = text
    return {text: best[_root(group, text)] for text in counts}


def _end(text: str, found: Mapping[str, str]) -> str:
    """Follow corrections to the end: each goes to a more frequent text, so there is one."""
    while text in found:
        text = found[text]
    return text


def _allowed(text: str) -> int:
    return 2 if len(text) >= _TWO_ERRORS else 1


def _deletions(text: str, errors: int) -> Iterable[str]:
    """Return the text and all that is left of it without up to so many characters."""
    found, edge = {text}, {text}
    for _ in range(errors):
        edge = {shorter[:at] + shorter[at + 1 :] for shorter in edge for at in range(len(shorter))}
        found |= edge
    return found


def _distance(one: str, two: str) -> int:
    """Return how many letters are too many, too few, wrong or swapped (optimal string alignment)."""
    before: list[int] = []
    row = list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        older, before, row = before, row, [i, *([0] * len(two))]
        for j, b in enumerate(two, 1):
            row[j] = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and one[i - 2] == b:
                row[j] = min(row[j], older[j - 2] + 1)
    return row[-1]
