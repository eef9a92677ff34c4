"""Kinds of option values are read as people write them."""

from __future__ import annotations

import shlex
from collections.abc import Callable
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
    reading,
    reading_options,
    role_options,
    roles,
    seed_option,
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
        ("new\nline,id", ("new\nline", "id")),
        ('qu"ot, "a ""b"" ", "x"y', ('qu"ot', 'a "b" ', '"x"y')),
    ],
)
def test_column_names_are_separated_by_commas(text: str, names: tuple[str, ...]) -> None:
    assert column_names(text) == names


@pytest.mark.parametrize("text", ["", "a,,b", ","])
def test_an_empty_column_name_is_refused(text: str) -> None:
    with pytest.raises(click.BadParameter, match="empty column name"):
        column_names(text)


@pytest.mark.parametrize("option", ["--label", "--time"])
def test_a_role_whose_column_has_no_name_is_refused(option: str) -> None:
    result = CliRunner().invoke(
        click.Command("x", callback=print, params=_options(role_options(""))), [option, ""]
    )
    assert (result.exit_code, "empty" in result.output) == (2, True)


@pytest.mark.parametrize(("seed", "code"), [("0", 0), ("2147483647", 0), ("-1", 2), ("2147483648", 2)])
def test_a_seed_is_one_that_all_generators_take(seed: str, code: int) -> None:
    options = _options(seed_option("Seed."))
    result = CliRunner().invoke(
        click.Command("x", callback=lambda seed: None, params=options), ["--seed", seed]
    )
    assert result.exit_code == code


def test_a_tab_can_be_written_as_people_write_it() -> None:
    command = click.Command(
        "x",
        callback=lambda **given: click.echo(repr(reading(given))),
        params=_options(reading_options("--format")),
    )
    assert CliRunner().invoke(command, ["--delimiter", r"\t"]).output == "{'delimiter': '\\t'}\n"


def _options(adding: Callable[[Callable[..., None]], Callable[..., None]]) -> list[click.Parameter]:
    """Return the options that a decorator adds."""
    return list(reversed(adding(lambda: None).__click_params__))  # type: ignore[attr-defined]


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
