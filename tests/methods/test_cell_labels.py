"""Confirmed cells, what they teach, and what to ask next."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from headwater.methods.cell_errors import Verdict, learn
from headwater.methods.cell_labels import Lesson, learn_lesson, most_useful_rows, signatures
from headwater.methods.coded_values import Coded, encode

Groups = dict[str, NDArray[np.uint64]]


def setting() -> tuple[dict[str, Coded], dict[str, Verdict], Groups]:
    """Return a column where a suffix looks like a unit, and is meant."""
    size = [f"{n % 40}" for n in range(300)]
    for row in range(0, 300, 10):
        size[row] += "b"
    columns = {
        "size": encode(pa.array(size), is_text=True),
        "n": encode(pa.array(np.arange(300)), is_text=False),
    }
    verdicts = learn(columns, rng=np.random.default_rng(0)).judge(columns)
    return columns, verdicts, {name: signatures(name, columns[name], verdicts[name]) for name in columns}


def test_without_confirmations_nothing_changes() -> None:
    _, verdicts, groups = setting()
    assert Lesson().chances(verdicts["size"], groups["size"]) is verdicts["size"].chance


def test_cells_of_one_signature_share_their_confirmations() -> None:
    columns, verdicts, groups = setting()
    rows = np.arange(0, 60, 10)
    assert (verdicts["size"].chance[::10] > 0.5).all()
    right = columns["size"].objects[columns["size"].codes[rows]]
    lesson = learn_lesson(verdicts, columns, [("size", rows, np.zeros(6, np.bool_), right)])
    assert (lesson.chances(verdicts["size"], groups["size"]) < 0.5).all()


def test_confirmed_values_teach_what_was_meant() -> None:
    columns, verdicts, _ = setting()
    rows = np.array([0, 40, 80, 120])
    right = np.array(["0 bis"] * 4, object)
    lesson = learn_lesson(verdicts, columns, [("size", rows, np.ones(4, np.bool_), right)])
    assert lesson.meant == {("size", "0b"): "0 bis"}
    share = lesson.sure("size", np.array(["unit"], object), np.array([0.9]))
    assert share[0] < 0.5


def test_rows_at_stake_are_asked_for_first_and_not_again() -> None:
    _, verdicts, groups = setting()
    chances = {name: verdict.chance for name, verdict in verdicts.items()}
    first = most_useful_rows(chances, groups, Lesson(), rows=2, skip=np.zeros(0, np.int64))
    assert all(row % 10 == 0 for row in first.tolist())
    again = most_useful_rows(chances, groups, Lesson(), rows=400, skip=first)
    assert len(again) == 298
    assert not set(again.tolist()) & set(first.tolist())
    assert most_useful_rows({}, {}, Lesson(), rows=3, skip=first).tolist() == []
