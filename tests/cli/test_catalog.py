"""checks and transforms list what there is, from its own documentation."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from headwater.cli.catalog import describe
from tests.cli.conftest import Cli


@dataclass(frozen=True, kw_only=True)
class Example:
    """Say ``hello``,
    in one sentence over two lines.

    More about it.

    Parameters
    ----------
    name : str
        Whose name,
        at length.
    low, high : float
        The bounds.

    Examples
    --------
    >>> 1
    1
    """

    id = "test.example"
    title = "Greeting"
    version = 3
    name: str
    low: float = 0.0
    high: float = 1.0
    extra: tuple[str, ...] = field(default_factory=tuple)


def test_documentation_becomes_a_description() -> None:
    entry = describe("test.example", Example)
    assert entry["summary"] == "Say hello, in one sentence over two lines."
    assert entry["text"].endswith("More about it.")
    assert (entry["version"], entry["title"]) == ("3", "Greeting")
    helps = {item["name"]: (item["required"], item["default"], item["help"]) for item in entry["parameters"]}
    assert helps == {
        "name": (True, None, "Whose name, at length."),
        "low": (False, 0.0, "The bounds."),
        "high": (False, 1.0, "The bounds."),
        "extra": (False, [], ""),
    }


@pytest.mark.parametrize(
    ("words", "known"), [("checks", ()), ("transforms", ("clean.values", "clean.missing"))]
)
def test_everything_is_listed_with_its_first_line(words: str, known: tuple[str, ...], cli: Cli) -> None:
    text = cli(words).stdout
    entries = cli.json(words)
    assert set(known) <= {entry["id"] for entry in entries}
    for entry in entries:
        assert entry["id"] in text
        assert entry["summary"].endswith(".")


@pytest.mark.parametrize("kind", ["checks", "transforms"])
def test_every_one_can_be_explained(kind: str, cli: Cli) -> None:
    for entry in cli.json(kind):
        text = cli(kind, entry["id"]).stdout
        assert text.startswith(entry["id"])
        assert all(item["help"] for item in entry["parameters"]), (
            f"{entry['id']}: a parameter without a description"
        )
        assert cli.json(kind, entry["id"]) == entry


def test_an_explained_transform_shows_the_command_to_try(cli: Cli) -> None:
    assert "Next: hw clean DATASET clean.values --dry-run" in cli("transforms", "clean.values").stderr


def test_an_unknown_id_is_wrong_usage(cli: Cli) -> None:
    assert "Did you mean 'clean.values'?" in cli("transforms", "clean.valeus", code=2).stderr
