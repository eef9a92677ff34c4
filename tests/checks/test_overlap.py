"""Held-out rows among the training rows."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from headwater.checks.overlap import Overlap
from headwater.core.findings import Outcome
from headwater.recipes.split import split
from headwater.versions.repo import Repo
from tests.checks.targets import loans, one_finding, target_of


def test_messages_that_came_twice_are_among_the_training_rows(shared: Path) -> None:
    frame = pytest.importorskip("pandas").read_csv(shared / "sms_spam" / "sms_spam.csv.gz")
    target = replace(
        target_of(frame.assign(id=np.arange(len(frame))), key="id", label="label"), row_limit=9999
    )
    finding = one_finding(Overlap(), target)
    rows = target.dataset.to_arrow()
    masks = split(target.dataset, rows)
    exact = frame["text"].to_numpy()
    known = set(exact[masks.train])
    twins = {str(n) for n in np.flatnonzero(masks.test) if exact[n] in known}
    assert finding.outcome is Outcome.WARN
    assert twins <= set(finding.rows)
    # Further ones differ in case, spaces or punctuation alone.
    assert len(finding.rows) == finding.row_count < 1.3 * len(twins)
    assert finding.fix is not None
    assert finding.fix.parameters == {"columns": ["text"]}


def test_loan_applications_do_not_overlap() -> None:
    finding = one_finding(Overlap(), target_of(loans(), key="application", label="approve"))
    assert finding.outcome is Outcome.PASS
    assert finding.value == 0.0


def test_rows_agree_but_for_case_spaces_and_the_last_digits() -> None:
    table = pa.table(
        {
            "part": ["train", "train", "train", "test", "test", "test", "test"],
            "text": ["Hello,  you!", "b", None, "hello you", "b", "c", None],
            "x": [0.1234567, 2.0, None, 0.12345671, 2.1, 3.0, None],
            "y": [0, 1, 0, 1, 1, 0, 1],
        }
    )
    target = target_of(table, label="y")
    finding = one_finding(Overlap(split="part", train="train"), target)
    assert finding.row_count == 1
    assert finding.value == 0.25
    assert finding.evidence["columns"] == ["text", "x"]
    assert one_finding(Overlap(split="part", train="train", columns=("text",)), target).value == 0.5
    # By default the greater part is for training.
    assert one_finding(Overlap(split="part"), target).value == pytest.approx(1 / 3)


def test_rows_shared_with_another_dataset_are_counted() -> None:
    repo = Repo.init("memory://")
    with repo.transaction("two sets") as tx:
        tx.append("train", pa.table({"id": range(100), "x": np.arange(100.0)}), key="id")
        tx.append("data", pa.table({"id": range(50), "x": np.arange(90.0, 140.0)}), key="id")
    target = target_of(pa.table({"id": [1], "x": [1.0]}), key="id")
    target = replace(target, dataset=repo["data"], baseline=repo["train"])
    finding = one_finding(Overlap(), target)
    assert finding.row_count == 10
    assert sorted(json.loads(key) for key in finding.rows) == list(range(10))
    assert "are in dataset 'train' as well" in finding.message
    same = replace(target, baseline=repo["data"])
    assert one_finding(Overlap(), same).outcome is Outcome.PASS


def test_a_row_augmented_from_a_training_row_is_not_held_out(rng: np.random.Generator) -> None:
    x = rng.normal(size=200)
    marks = [None] * 200 + [str(n) for n in range(100)]
    table = pa.table(
        {"id": range(300), "x": np.concatenate([x, x[:100]]), "_augmented_from": pa.array(marks)}
    )
    finding = one_finding(Overlap(), target_of(table, key="id"))
    assert finding.evidence["held_out_rows"] < 100
    # A held-out row and its own copy: the copy may not be trained on, so it is no leak.
    masks = split(target_of(table, key="id").dataset, table)
    assert not (masks.train & ~masks.test)[200:][masks.test[:100]].any()


def test_a_dataset_of_key_and_label_has_nothing_to_compare() -> None:
    finding = one_finding(Overlap(), target_of(pa.table({"id": [1], "y": [0]}), key="id", label="y"))
    assert finding.outcome is Outcome.ERROR
    assert "no feature" in finding.message
