"""The commands of the model registry, as a user calls them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Cli
from tests.models.registered import repo_with_loans

pytest.importorskip("sklearn")
pytest.importorskip("skops")


@pytest.fixture
def trained(cli: Cli, folder: Path) -> Path:
    """Return a folder with a repository in which a model is registered."""
    repo_with_loans(folder)
    said = cli("train", "loans", "--register", "loans", "--note", "first")
    assert "Registered loans@1" in said.stderr
    return folder


@pytest.mark.usefixtures("trained")
def test_a_model_is_listed_shown_promoted_and_rolled_back(cli: Cli) -> None:
    assert "317 rows of loans" in cli("models").stdout
    (one,) = cli.json("models", "list", "loans")
    assert (one["model"], one["version"], one["stage"], one["note"]) == ("loans", 1, "candidate", "first")
    assert "# loans@1" in cli("models", "show", "loans", "--card").stdout
    assert "loans@1: candidate → production" in cli("promote", "loans").stdout
    cli("train", "loans", "--register", "loans", "--json")
    cli("promote", "loans")
    assert [one["stage"] for one in cli.json("models")] == ["archived", "production"]
    assert cli.json("models", "rollback", "loans", "--reason", "noise")["version"] == 1
    decisions = cli.json("models", "show", "loans@1")["decisions"]
    assert [one["reason"] for one in decisions] == ["", "noise"]


@pytest.mark.usefixtures("trained")
def test_a_closed_gate_is_exit_code_1_and_can_be_overruled_with_a_reason(cli: Cli) -> None:
    assert "accuracy >= 0.999" in cli("models", "gate", "loans", "--require", "accuracy >= 0.999").stdout
    assert cli.json("models", "gate", "loans")["rules"] == ["accuracy >= 0.999"]
    said = cli("promote", "loans", code=1)
    assert "loans@1 stays candidate" in said.stdout
    assert "does not hold" in said.stdout
    assert cli.json("promote", "loans", code=1)["moved"] is False
    assert "--reason" in cli("promote", "loans", "--force", code=2).stderr
    assert "overruled" in cli("promote", "loans", "--force", "--reason", "trial").stdout
    changed = cli.json(
        "models", "gate", "loans", "--against", "none", "--checks", "schema", "--may-use", "income"
    )
    assert (changed["against"], changed["checks"], changed["may_use"]) == ("", ["schema"], ["income"])
    assert changed["rules"] == ["accuracy >= 0.999"]


@pytest.mark.usefixtures("trained")
def test_files_go_out_and_come_in_and_aliases_point(cli: Cli, folder: Path) -> None:
    cli("models", "export", "loans", "loans.model")
    assert (folder / "loans.model").stat().st_size > 1000
    assert "Registered again@1" in cli("models", "register", "again", "loans.model").stdout
    assert "loans@best is loans@1" in cli("models", "alias", "loans@1", "best").stdout
    assert cli.json("models", "show", "loans@best")["aliases"] == ["best"]
    cli("models", "alias", "loans", "best", "--remove")
    assert "again@1 is removed" in cli("models", "remove", "again@1").stdout
    (folder / "bad.pkl").write_bytes(b"\x80\x04\x95")
    assert "ONNX" in cli("models", "register", "bad", "bad.pkl", code=2).stderr


@pytest.mark.usefixtures("trained")
def test_wrong_usage_is_told(cli: Cli) -> None:
    assert "loans" in cli("models", "show", "loan", code=2).stderr
    assert "Which version" in cli("models", "remove", "loans", code=2).stderr
    assert "METRIC >= NUMBER" in cli("models", "gate", "loans", "--require", "be good", code=2).stderr
    assert "already" in cli("promote", "loans", "--to", "candidate", code=2).stderr


def test_an_empty_registry_says_how_to_fill_it(cli: Cli, folder: Path) -> None:
    repo_with_loans(folder)
    assert "--register" in cli("models").stderr
    assert cli.json("models") == []
