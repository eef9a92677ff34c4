"""Contracts and tags of two sides go together statement by statement; none is lost in silence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import ColumnPromise, Contract, Rule
from headwater.core.errors import MergeConflict
from headwater.versions.documents import Documents, merge_documents, named
from headwater.versions.repo import Repo
from tests.places import Fresh

AGE = ColumnPromise(name="age", type="int64")
BASE = Contract(dataset="d", columns=(AGE,), key=("id",), sensitive=("sex",), description="people")


def low(minimum: int) -> Rule:
    return Rule(check="validity.range", column="age", parameters={"minimum": minimum})


def merged(base: Contract | None, ours: Contract | None, theirs: Contract | None, **options: Any) -> Any:
    sides = (Documents(side.to_odcs() if side else None, {}) for side in (base, ours, theirs))
    result, disputed = merge_documents(*sides, **options)
    return Contract.from_odcs(result.contract) if result.contract else None, [d.name for d in disputed]


@pytest.mark.parametrize(
    ("ours", "theirs", "both"),
    [
        ({"label": "y"}, {"owner": "ada"}, {"label": "y", "owner": "ada"}),
        ({"label": "y"}, {"label": "y"}, {"label": "y"}),
        (
            {"columns": (replace(AGE, required=True),)},
            {"columns": (replace(AGE, unique=True),)},
            {"columns": (replace(AGE, required=True, unique=True),)},
        ),
        (
            {"columns": (AGE, ColumnPromise(name="a"))},
            {"columns": (ColumnPromise(name="b"),)},
            {"columns": (ColumnPromise(name="a"), ColumnPromise(name="b"))},
        ),
        ({"sensitive": ("sex", "a")}, {"sensitive": ("b",)}, {"sensitive": ("a", "b")}),
        ({"rules": (low(0),)}, {"rules": (low(0),)}, {"rules": (low(0),)}),
        ({"rules": (low(0),)}, {"rules": (low(1),)}, {"rules": (low(0), low(1))}),
    ],
)
def test_statements_of_both_sides_are_there(
    ours: dict[str, Any], theirs: dict[str, Any], both: dict[str, Any]
) -> None:
    found = merged(BASE, replace(BASE, **ours), replace(BASE, **theirs))
    assert found == (replace(BASE, **both), [])


@pytest.mark.parametrize(
    ("base", "ours", "theirs", "name"),
    [
        (BASE, replace(BASE, label="a"), replace(BASE, label="b"), "contract: label"),
        (BASE, None, replace(BASE, label="b"), "contract"),
        (BASE, replace(BASE, key=("a",)), replace(BASE, key=("b",)), "contract: key"),
        (None, replace(BASE, label="a"), replace(BASE, label="b"), "contract: label"),
        (
            BASE,
            replace(BASE, columns=()),
            replace(BASE, columns=(replace(AGE, type="string"),)),
            "contract: columns.age",
        ),
        (
            replace(BASE, rules=(low(0),)),
            replace(BASE, rules=(low(1),)),
            replace(BASE, rules=(low(2),)),
            "contract: rules.age.validity.range",
        ),
    ],
)
def test_a_statement_that_both_sides_changed_is_disputed(
    base: Contract | None, ours: Contract | None, theirs: Contract | None, name: str
) -> None:
    assert merged(base, ours, theirs) == (ours, [name])
    assert merged(base, theirs, ours) == (theirs, [name])
    assert merged(base, ours, theirs, resolve="ours") == (ours, [])
    assert merged(base, ours, theirs, resolve="theirs") == (theirs, [])


TAGS = st.dictionaries(
    st.sampled_from("ab"), st.dictionaries(st.sampled_from("xyz"), st.integers(0, 2)), max_size=2
)


@given(base=TAGS, ours=TAGS, theirs=TAGS)
def test_any_merge_of_tags_is_symmetric_and_that_of_single_facts(base: Any, ours: Any, theirs: Any) -> None:
    def merge(*sides: Any) -> tuple[Any, set[str]]:
        result, disputed = merge_documents(*(Documents(None, side) for side in sides))
        return result.tags, {item.name for item in disputed}

    found, disputed = merge(base, ours, theirs)
    again, disputed_again = merge(base, theirs, ours)
    assert disputed == disputed_again
    if disputed:
        return
    assert found == again
    flat = [
        {(c, x): v for c, facts in side.items() for x, v in facts.items()} for side in (base, ours, theirs)
    ]
    facts = {(c, x): v for c, values in found.items() for x, v in values.items()}
    for fact in set().union(*flat):
        before, mine, yours = (side.get(fact) for side in flat)
        assert facts.get(fact) == (yours if mine == before else mine)


def test_what_a_contract_names_is_found() -> None:
    contract = replace(BASE, label="y", rules=(Rule(check="validity.range", column="r"),)).to_odcs()
    assert named(contract, ["age", "y", "r", "sex", "other"]) == {"age", "y", "r", "sex"}
    assert named(None, ["age"]) == set()


def test_of_two_writers_neither_loses_what_it_said(fresh: Fresh) -> None:
    repo = Repo.init(fresh())
    with repo.transaction("first") as tx:
        tx.append("d", [{"id": 1, "age": 3, "sex": "f", "y": 0}], key="id")
        tx.set_contract("d", BASE)
    one, other, third = (repo.transaction(message) for message in ("one", "other", "third"))
    one.set_contract("d", replace(BASE, label="y"))
    one.set_tags("d", "age", {"unit": "years"})
    other.set_contract("d", replace(BASE, owner="ada"))
    other.set_tags("d", "age", {"source": "form"})
    third.set_contract("d", replace(BASE, label="age"))
    one.commit()
    other.commit()
    found = repo["d"]
    assert found.contract == replace(BASE, label="y", owner="ada")
    assert found.manifest.tags == {"age": {"unit": "years", "source": "form"}}
    head = repo.head
    with pytest.raises(MergeConflict, match="at contract: label of dataset 'd'"):
        third.commit()
    assert repo.head == head
