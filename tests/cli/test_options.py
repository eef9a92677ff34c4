"""Kinds of option values are read as people write them."""

from __future__ import annotations

import shlex
from typing import Any

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from headwater.cli.options import (
    assignment,
    column_names,
    column_types,
    joined,
    role_options,
    roles,
    shell_word,
    split_ref,
)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("id", ("id",)),
        ("sex, race", ("sex", "race")),
        ('"last, first",id', ("last, first", "id")),
        ("größe", ("größe",)),
    ],
)
def test_column_names_are_separated_by_commas(text: str, names: tuple[str, ...]) -> None:
    assert column_names(text) == names


@pytest.mark.parametrize("text", ["", "a,,b", ","])
def test_an_empty_column_name_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="empty column name"):
        column_names(text)


def test_an_option_given_twice_joins_its_names_once_each() -> None:
    assert joined((("a", "b"), ("b", "c"))) == ("a", "b", "c")
    assert joined(()) == ()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ([], {"label": None, "sensitive": None, "time": None}),
        (
            ["--label", "y", "--sensitive", "sex,race", "--sensitive", "sex"],
            {"label": "y", "sensitive": ("sex", "race"), "time": None},
        ),
    ],
)
def test_roles_are_what_was_given_and_none_else(words: list[str], expected: dict[str, Any]) -> None:
    given: list[dict[str, Any]] = []

    @click.command()
    @role_options("What the key is here.")
    def command(**options: Any) -> None:
        given.append(roles(options))

    runner = CliRunner()
    assert runner.invoke(command, words).exit_code == 0
    assert given == [expected]
    assert "What the key is here." in runner.invoke(command, ["--help"]).output


def test_commas_and_colons_inside_brackets_belong_to_a_type() -> None:
    text = "price:decimal(10, 2),at:timestamp[us, +01:00],who:struct<a: int64, b: string>,x:y:int64"
    assert column_types(text) == {
        "price": "decimal(10, 2)",
        "at": "timestamp[us, +01:00]",
        "who": "struct<a: int64, b: string>",
        "x:y": "int64",
    }


@pytest.mark.parametrize("text", ["age", "age:", ":int64", "a:int64,,b:string"])
def test_a_column_without_a_type_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no COLUMN:TYPE"):
        column_types(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("n=3", 3),
        ("n=0.5", 0.5),
        ("n=true", True),
        ('n=["a"]', ["a"]),
        ("n=plain text", "plain text"),
        ("n=", ""),
    ],
)
def test_a_parameter_is_json_where_it_is_json(text: str, value: Any) -> None:
    assert assignment(text) == ("n", value)


@pytest.mark.parametrize("text", ["n", "=3", " =3"])
def test_a_parameter_without_a_name_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="no NAME=VALUE"):
        assignment(text)


def test_a_ref_follows_the_first_at() -> None:
    assert split_ref("reviews") == ("reviews", None)
    assert split_ref("reviews@main@{2026-11-01}") == ("reviews", "main@{2026-11-01}")


def test_words_are_quoted_where_a_shell_needs_it() -> None:
    assert shell_word("plain") == "plain"
    assert shell_word("two words") == "'two words'"
    assert shell_word("""x = 'y' and "z" """) == """"x = 'y' and \\"z\\" \""""


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1))
def test_a_quoted_word_is_one_word_again(text: str) -> None:
    assert shlex.split(shell_word(text)) == [text]
