"""What a proposal looks like in a terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from headwater.cli.render_proposals import draw_proposal, draw_proposals
from headwater.versions.proposal import Proposal
from headwater.versions.proposals import Proposals
from tests.versions.reviewing import Fixed, with_fix


@pytest.fixture
def there(tmp_path: Path) -> Proposals:
    """Return the proposals of a repository that has one, whose checks fail."""
    found = Proposals(with_fix(tmp_path / "repo"), Fixed("fail"))
    found.open("fix", into="main", title="Bell \x07 and \x1b[31mred")
    return found


def drawn(proposal: Proposal, reasons: list[str], width: int = 80) -> str:
    out = Console(file=io.StringIO(), width=width, no_color=True)
    draw_proposal(out, proposal, reasons)
    text = out.file.getvalue()  # type: ignore[attr-defined]
    assert isinstance(text, str)
    return text


def test_the_checks_the_impact_and_the_history_are_drawn(there: Proposals) -> None:
    one = there[1]
    text = drawn(one, ["Because."])
    assert "d  ~1 changed  39 unchanged" in text
    assert " FAIL   d: 1 fail" in text
    assert "So it is." in text
    assert "- Because." in text
    assert "ada proposed this" in text
    there.add_impact(1, {"summary": "The change helped."})
    assert "Impact: The change helped." in drawn(there[1], [])
    assert "ada measured the impact" in drawn(there[1], [])
    old = {**(there[1].impact or {}), "source_commit": "x"}
    assert "Impact (of earlier commits)" in drawn(replace(there[1], impact=old), [])
    assert "Ready to be merged" in drawn(one, [])
    assert "have not run" in drawn(replace(one, picture=replace(one.picture, outcome=None)), [])
    many = [{**one.picture.reports[0], "findings": one.picture.reports[0]["findings"] * 8}]
    assert "… 3 more" in drawn(replace(one, picture=replace(one.picture, reports=many)), [])


def test_terminals_are_sent_no_commands_and_long_reasons_are_whole(there: Proposals) -> None:
    reason = "word " * 40
    text = drawn(there[1], [reason], width=60)
    assert "\x07" not in text
    assert "\x1b[31m" not in text
    assert text.count("word") == 40


def test_the_list_has_a_line_for_each(there: Proposals) -> None:
    out = Console(file=io.StringIO(), width=100, no_color=True)
    one = there[1]
    draw_proposals(out, [(one, there.standing(one))])
    lines = out.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert lines[0].split() == ["number", "status", "checks", "approved", "branches", "author", "title"]
    assert lines[1].split()[:4] == ["1", "open", "FAIL", "0/1"]
