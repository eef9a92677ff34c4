"""Drift as a terminal shows it."""

from __future__ import annotations

from rich.console import Console

from headwater.checks.drift_history import ColumnDrift, DriftHistory, WindowFacts
from headwater.checks.runner import run
from headwater.cli.render_drift import draw_comparison, draw_history
from headwater.core.findings import Finding, Outcome
from tests.checks.targets import target_of


def drawn(history: DriftHistory, **options: int) -> str:
    out = Console(width=80, no_color=True)
    with out.capture() as captured:
        draw_history(out, history, **options)
    return captured.get()


def test_long_names_and_histories_fit() -> None:
    windows = tuple(WindowFacts(label=f"{n:08x}", rows=10) for n in range(200))
    columns = tuple(
        ColumnDrift(
            column=f"{'long' * 10}{n}",
            kind="recurring",
            starts=(1, 50, 100),
            size=0.4,
            distances=tuple(None if place > 190 else 0.003 * place for place in range(200)),
            what="a: 1% → 5%",
        )
        for n in range(40)
    )
    history = DriftHistory(dataset="d", ref="0" * 64, by="commits", windows=windows, columns=columns)
    text = drawn(history)
    assert max(map(len, text.splitlines())) <= 80
    assert "+1" in text
    assert "·" in text
    assert "10 more column(s)" in text
    assert "more column" not in drawn(history, limit=100)
    empty = DriftHistory(dataset="d", ref="", by="commits", windows=(), columns=())
    assert drawn(empty).strip().endswith("0 windows (commits), 0 of 0 columns changed")


def test_a_comparison_lists_columns_and_then_the_rest() -> None:
    target = target_of({"x": [1, 2, 3]})
    evidence = {"adjusted_p_value": 0.004, "bins": ["a", "b"], "baseline": [0.9, 0.1], "now": [0.2, 0.8]}
    findings = [
        Finding(
            check="drift.distribution",
            outcome=Outcome.WARN,
            message="Moved.",
            column="x",
            value=0.5,
            evidence=evidence,
        ),
        Finding(check="drift.label", outcome=Outcome.WARN, message="Labels moved.", column="y"),
    ]
    report = run(target, [])
    object.__setattr__(report, "findings", findings)
    out = Console(width=80, no_color=True)
    with out.capture() as captured:
        draw_comparison(out, report)
    text = captured.get()
    assert "1 of 1 columns changed" in text
    assert "0.004" in text
    assert "b: 10% → 80%" in text
    assert "Labels moved." in text
