"""What the readers of other tools' promises share."""

from __future__ import annotations

import math

from headwater.checks.contract_draft import Draft, compared, listed, mappings


def test_a_draft_keeps_what_it_can_judge_and_names_the_rest() -> None:
    draft = Draft("people", key=("id",))
    draft.promise("id", type="int64", required=True, unique=False)
    draft.promise("id", description="who")
    draft.ask("completeness.null_fraction", "id", maximum=0.0)
    draft.ask("completeness.null_fraction", "id", maximum=0.0)
    draft.ask("completeness.null_fraction", "id", maximum="much")
    draft.hold("id > 0", allowed=0.1)
    done = draft.done()
    assert [(each.name, each.type, each.description) for each in done.contract.columns] == [
        ("id", "int64", "who")
    ]
    assert [rule.check for rule in done.contract.rules] == ["completeness.null_fraction", "consistency.rule"]
    assert done.contract.rules[1].parameters == {"condition": "id > 0", "max_fraction": 0.1}
    assert len(done.left) == 1
    assert "completeness.null_fraction of id" in done.left[0]


def test_conditions_quote_names_and_values() -> None:
    assert compared('a"b', "<", "it's") == "\"a\"\"b\" < 'it''s'"
    assert listed("a", [1, None, math.nan]) == '"a" IN (1)'
    assert listed("a", ["x"], inside=False) == "\"a\" NOT IN ('x')"


def test_only_mappings_of_a_list_are_read() -> None:
    assert list(mappings([{"a": 1}, "b", None])) == [{"a": 1}]
    assert list(mappings(None)) == []
