"""Parameters in a recipe's name: read as values, never run, and held against the recipe's fields."""

from __future__ import annotations

import pytest

from headwater.core.errors import NotFound, UsageError
from headwater.recipes.base import identity, load
from headwater.recipes.parameters import split_name, with_parameters
from headwater.recipes.tabular import Tabular


def test_a_name_alone_has_no_parameters() -> None:
    assert split_name("tabular") == ("tabular", {})
    assert split_name("my.module:make") == ("my.module:make", {})
    assert split_name("tabular()") == ("tabular", {})


def test_parameters_replace_those_of_the_recipe_and_its_identity() -> None:
    found = load("tabular(iterations=300, leaves=16, l2=0)")
    assert found == Tabular(iterations=300, leaves=16, l2=0.0)
    assert identity(found) != identity(load("tabular"))
    assert identity(load("tabular(iterations=100)")) == identity(load("tabular"))
    assert identity(load("tabular( l2 = 1 )")) == identity(load("tabular"))


@pytest.mark.parametrize(
    "text",
    [
        "tabular(",
        "tabular)",
        "tabular(300)",
        "tabular(iterations)",
        "tabular(**{'iterations': 3})",
        "tabular(iterations=__import__('os').getpid())",
        "tabular(iterations=3, iterations=4)",
        "tabular(iterations=3) + 1",
        "tabular(iterations=3)(leaves=4)",
        "tabular(iterations=" + "(" * 500 + ")" * 500 + ")",
        "(iterations=3)",
    ],
)
def test_what_is_no_list_of_values_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        load(text)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tabular(iterations=0)", "1 or more"),
        ("tabular(iterations=2.5)", "whole number"),
        ("tabular(iterations=True)", "whole number"),
        ("tabular(iterations='9')", "whole number"),
        ("tabular(learning_rate=0)", "above 0"),
        ("tabular(learning_rate=1e999)", "finite"),
        ("tabular(l2=1" + "0" * 400 + ")", "too large"),
        ("text(strength=-1)", "above 0"),
    ],
)
def test_a_value_of_another_type_or_size_is_refused(text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says):
        load(text)


def test_unknown_parameters_and_parameters_of_functions_are_told() -> None:
    with pytest.raises(NotFound, match="iterations"):
        load("tabular(iteration=3)")
    with pytest.raises(UsageError, match="write them into it"):
        load("collections:OrderedDict(size=3)")
    with pytest.raises(NotFound, match="tabular"):
        load("tabluar(iterations=3)")


def test_a_recipe_without_fields_has_no_parameters() -> None:
    class Plain:
        pass

    plain = Plain()
    assert with_parameters(plain, "plain", {}) is plain
    with pytest.raises(NotFound):
        with_parameters(plain, "plain", {"size": 3})
