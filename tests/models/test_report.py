"""The report of an impact: what it says in words, in a table, in JSON and in Markdown."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from rich.console import Console

from headwater.models.comparison import Change, Verdict
from headwater.models.report import VIEWS, Impact


def change(difference: float, verdict: Verdict, *, part: str = "all", kind: str = "all") -> Change:
    """Return a change of ROC AUC from 0.9."""
    return Change(
        part=part,
        kind=kind,
        rows=470,
        metric="roc_auc",
        base=0.9,
        head=0.9 + difference,
        difference=difference,
        interval=(difference - 0.01, difference + 0.01),
        verdict=verdict,
        detectable=0.014,
    )


def report(found: Change) -> Impact:
    """Return a report whose deciding change is ``found``."""
    return Impact(
        dataset="loans",
        base="a" * 64,
        head="b" * 64,
        recipe="tabular@2:0",
        metric="roc_auc",
        label="approve",
        seeds=5,
        train_rows=(1500, 1498),
        test_rows=470,
        changes=(found, change(0.05, "no clear difference", part="race = 'a|b'", kind="slice")),
        gaps=(change(float("nan"), "no clear difference", part="race", kind="gap"),),
        on_base=(found,),
        on_head=(change(-0.04, "worse"),),
        notes=("Only 470 rows.",),
    )


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (change(0.03, "better"), "The change helped: roc_auc 0.9000 → 0.9300 (difference +0.0300"),
        (change(-0.03, "worse"), "The change made the model worse: roc_auc 0.9000 → 0.8700"),
        (change(0.002, "no clear difference"), "A difference below 0.0140 could not have been seen."),
        (replace(change(0.0, "no clear difference"), detectable=0.0), "Both models say the same."),
    ],
)
def test_summary_says_plainly_what_happened(found: Change, words: str) -> None:
    made = report(found)
    assert words in made.summary()
    assert made.verdict == found.verdict
    assert made.summary() in repr(made)
    assert "Note: Only 470 rows." in repr(made)


def test_other_readings_are_named_only_where_they_differ() -> None:
    made = report(change(0.03, "better"))
    assert [words for words, _ in made.views()] == [VIEWS["on_head"]]
    assert f"| {VIEWS['on_head']} | 470 |" in made.to_markdown()
    alike = replace(made, on_head=made.changes[:1])
    assert list(alike.views()) == []
    assert "judged otherwise" not in alike.to_markdown()


def test_json_has_every_figure_and_no_nan() -> None:
    value = json.loads(json.dumps(report(change(0.03, "better")).to_dict(), allow_nan=False))
    assert value["verdict"] == "better"
    assert value["gaps"][0]["difference"] is None
    assert value["changes"][0]["interval"] == pytest.approx([0.02, 0.04])
    assert {"on_base", "on_head", "on_unchanged", "notes", "summary", "train_rows"} <= set(value)


def test_table_and_markdown_list_parts_and_gaps() -> None:
    made = report(change(0.03, "better"))
    console = Console(width=160)
    with console.capture() as shown:
        console.print(made.table())
    assert "+0.0300" in shown.get()
    assert made.table().row_count == 3
    assert "race = 'a\\|b'" in made.to_markdown()
    assert made.to_markdown().startswith("### Impact on `loans`: better\n")
