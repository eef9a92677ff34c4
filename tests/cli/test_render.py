"""Commits, branches and datasets read well."""

from __future__ import annotations

from typing import Any

from headwater.cli.render import change_text, commit_graph, source_text


def drawn(history: list[tuple[str, list[str]]]) -> list[str]:
    lines: list[str] = []
    entries: list[dict[str, Any]] = [{"id": name, "parents": parents} for name, parents in history]
    for entry, gutter in zip(entries, commit_graph(entries), strict=True):
        lines += gutter.joins
        lines.append(f"{gutter.commit}{entry['id']}")
        lines += [gutter.fork] if gutter.fork else []
    return lines


def test_a_line_of_commits_is_a_line() -> None:
    assert drawn([("c", ["b"]), ("b", ["a"]), ("a", [])]) == ["● c", "● b", "● a"]


def test_a_merge_opens_a_lane_that_closes_at_the_common_commit() -> None:
    history = [("m", ["x", "y"]), ("x", ["a"]), ("y", ["a"]), ("a", [])]
    assert drawn(history) == ["● m", "├─╮ ", "● │ x", "│ ● y", "├─╯", "● a"]


def test_lanes_cross_where_they_must() -> None:
    history = [("m", ["x", "y"]), ("n", ["x"]), ("y", ["x"]), ("x", [])]
    assert drawn(history) == ["● m", "├─╮ ", "│ │ ● n", "│ ● │ y", "├─┼─╯", "├─╯", "● x"]


def test_two_roots_have_two_ends() -> None:
    assert drawn([("m", ["a", "b"]), ("a", []), ("b", [])]) == ["● m", "├─╮ ", "● │ a", "  ● b"]


def test_where_a_change_came_from_is_one_line() -> None:
    entry = {
        "provenance": {
            "kind": "import",
            "id": "a.csv",
            "version": "",
            "record": {"added": 5574, "removed": 0},
        },
        "changed": ["sms"],
    }
    assert source_text(entry) == "import a.csv · sms · 5,574 added"
    entry["provenance"] = {"kind": "transform", "id": "clean.values", "version": "2", "record": {}}
    assert source_text(entry) == "transform clean.values 2 · sms"


def test_a_change_is_counted_in_words() -> None:
    stat = {
        "dataset": "people",
        "added": 1200,
        "removed": 0,
        "changed": 3,
        "unchanged": 0,
        "columns": {"added": ["a: int64"], "dropped": [], "retyped": ["b: int64 → double"]},
        "contract_changed": True,
    }
    assert change_text(stat).plain.splitlines() == [
        "people  +1,200 added  ~3 changed  0 unchanged",
        "  column added: a: int64",
        "  column retyped: b: int64 → double",
        "  contract changed",
    ]
