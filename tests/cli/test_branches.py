"""branch, switch and tag list, make and delete names of commits."""

from __future__ import annotations

from pathlib import Path

import headwater as hw
from tests.cli.conftest import Cli


def test_branch_lists_branches_and_marks_the_current_one(shop: hw.Repo, cli: Cli) -> None:
    lines = [line.split() for line in cli("branch").stdout.splitlines()]
    assert [line[0] for line in lines] == ["clash", "fix", "→"]
    assert lines[2][1] == "main"
    value = cli.json("branch")
    assert [(entry["name"], entry["current"]) for entry in value] == [
        ("clash", False),
        ("fix", False),
        ("main", True),
    ]


def test_branch_makes_one_here_or_at_a_ref(shop: hw.Repo, cli: Cli) -> None:
    assert cli("branch", "here").stdout.startswith("Made branch here at")
    made = cli.json("branch", "there", "v1")
    assert made == {"branch": "there", "commit": shop.resolve("v1"), "created": True}
    assert shop.branches()["here"] == shop.head
    assert "There is a branch 'here' already" in cli("branch", "here", code=2).stderr


def test_a_deleted_branch_comes_back(shop: hw.Repo, cli: Cli) -> None:
    answer = cli("branch", "-d", "fix")
    assert "Deleted branch fix" in answer.stdout
    assert "Next: hw undo fix" in answer.stderr
    assert "fix" not in shop.branches()
    cli("undo", "fix")
    assert "fix" in shop.branches()


def test_the_current_branch_is_not_deleted(shop: hw.Repo, cli: Cli) -> None:
    assert "Switch to another first" in cli("branch", "-d", "main", code=2).stderr
    assert "Which branch?" in cli("branch", "-d", code=2).stderr


def test_switch_changes_the_branch_for_the_next_command(shop: hw.Repo, cli: Cli) -> None:
    assert cli("switch", "fix").stdout.startswith("On branch fix, at")
    assert cli.json("status")["branch"] == "fix"
    assert "Branch 'nope' not found" in cli("switch", "nope", code=2).stderr


def test_switch_makes_a_branch_when_asked_to(shop: hw.Repo, cli: Cli) -> None:
    value = cli.json("switch", "-c", "old", "v1")
    assert value == {"branch": "old", "commit": shop.resolve("v1"), "created": True}
    assert "REF goes with -c" in cli("switch", "main", "v1", code=2).stderr


def test_switch_in_an_empty_repository_stays_on_its_branch(folder: Path, cli: Cli) -> None:
    cli("init")
    assert "without commits" in cli("switch", "-c", "main").stdout
    assert "There are no branches with commits yet." in cli("branch").stderr
    assert cli.json("branch") == []


def test_tags_are_made_listed_and_deleted(shop: hw.Repo, cli: Cli) -> None:
    assert cli.json("tag", "v2", "main")["commit"] == shop.head
    assert [entry["name"] for entry in cli.json("tag")] == ["v1", "v2"]
    assert "Four people" in cli("tag").stdout
    assert "Deleted tag v1" in cli("tag", "-d", "v1").stdout
    assert "Tag 'v1' not found" in cli("tag", "-d", "v1", code=2).stderr
    cli("tag", "-d", "v2")
    assert "There are no tags yet." in cli("tag").stderr
