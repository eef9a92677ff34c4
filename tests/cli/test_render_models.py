"""Metrics and differences fit 80 columns."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rich.console import Console

from headwater.cli.render_models import draw_impact
from headwater.models.comparison import Change
from headwater.models.report import Impact

CHANGE = Change(
    part="all",
    kind="all",
    rows=12_345,
    metric="balanced_accuracy",
    base=0.91,
    head=0.92,
    difference=0.01,
    interval=(0.004, 0.016),
    verdict="better",
    detectable=0.006,
)
NAN = float("nan")
IMPACT = Impact(
    dataset="loans",
    base="a" * 64,
    head="b" * 64,
    recipe="tabular@1:123456789012",
    metric="balanced_accuracy",
    label="approve",
    seeds=5,
    train_rows=(1000, 1010),
    test_rows=12_345,
    changes=(
        CHANGE,
        replace(CHANGE, part="race = black and a long name", kind="group", verdict="worse", difference=-0.01),
        replace(
            CHANGE, part="sex = f", kind="group", base=NAN, interval=(NAN, NAN), verdict="no clear difference"
        ),
    ),
    on_base=(replace(CHANGE, difference=0.008),),
    gaps=(replace(CHANGE, part="sex", kind="gap", metric="accuracy_gap", verdict="no clear difference"),),
    notes=("few rows",),
)


@pytest.mark.parametrize("width", [80, 200])
def test_an_impact_fits_and_says_all_that_matters(width: int) -> None:
    console = Console(width=width, highlight=False)
    gates = [{"gate": "accuracy >= 0", "difference": 0.01, "passed": True}]
    with console.capture() as captured:
        draw_impact(console, IMPACT, gates)
    text = captured.get()
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    assert text.startswith(" BETTER  aaaaaaaaaaaa → bbbbbbbbbbbb of loans")
    assert "tabular@1 predicts approve; trained on 1,000 and 1,010 rows, 5 seeds" in text
    assert "+0.0040 to +0.0160" in text
    assert text.count("better") == 1
    assert text.count("worse") == 1
    assert "–" in text
    said = " ".join(text.split())
    assert (
        "both sides on the rows as they were before the change: balanced_accuracy 0.9100 → 0.9200 (+0.0080)"
        in said
    )
    assert "sex accuracy_gap 0.9100 0.9200" in said
    assert "Note: few rows" in text
    assert "Gate accuracy >= 0 passed: the difference is +0.0100" in text
