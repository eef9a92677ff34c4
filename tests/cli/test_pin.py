"""pin: the file beside the code, as one works with it in git."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

import headwater as hw
from tests.cli.conftest import Cli, people
from tests.cli.git import git

IGNORED = ".headwater\nwork\n"


@pytest.fixture
def code(work_tree: Path, shop: hw.Repo) -> Path:
    """Return a git work tree around a repository."""
    (work_tree / ".gitignore").write_text(IGNORED)
    return work_tree


def renamed(key: int, name: str) -> None:
    with hw.open(".").transaction(f"{key} is {name}") as tx:
        tx.upsert("people", [{"id": key, "name": name}])


def test_git_checkout_names_the_data_too(code: Path, cli: Cli) -> None:
    first = cli("pin")
    assert "headwater.lock pins 1 dataset(s)" in first.stdout
    assert "git add headwater.lock" in first.stderr
    git("add", ".")
    git("commit", "-qm", "one")
    renamed(1, "Anna")
    assert "people is pinned at" in cli("pin", "--check", code=1).stdout
    assert "row(s) →" in cli("pin").stdout
    git("commit", "-qam", "two")
    assert hw.open(".").pinned("people").to_arrow(where="id = 1")["name"].to_pylist() == ["Anna"]
    git("checkout", "-q", "HEAD~1")
    assert hw.open(".").pinned("people").to_arrow(where="id = 1")["name"].to_pylist() == ["Anne"]
    assert "Anne " in cli("show", "people@PIN").stdout
    cli("pin", "--check", code=1)
    git("checkout", "-q", "-")
    assert cli("pin", "--check").stdout == "1 pinned dataset(s), all as main has them\n"
    assert "nothing to change" in cli("pin").stdout
    assert cli.json("pin")["changed"] is False


def test_no_path_of_this_machine_is_written(code: Path, cli: Cli) -> None:
    inner = code / "src"
    inner.mkdir()
    os.chdir(inner)
    cli("pin")
    text = (code / "headwater.lock").read_text()
    assert 'repository = "."' in text
    for place in (str(code), "..", f"{code.parent}/{code.name}"):
        cli("-C", place, "pin", "--ref", "v1")
        assert 'repository = "."' in (code / "headwater.lock").read_text()
    assert str(code.parent) not in text
    cli("clone", "..", "../work")
    cli("-C", "../work", "pin")
    text = (code / "headwater.lock").read_text()
    assert 'repository = "work"' in text
    # Its origin is a folder of this machine, and so of no use to others.
    assert "origin" not in text
    # What was named once stays named.
    cli("pin")
    assert 'repository = "work"' in (code / "headwater.lock").read_text()


def test_status_tells_how_pins_stand_in_git_and_in_the_repository(code: Path, cli: Cli) -> None:
    assert cli.json("status")["lock"] is None
    cli("pin")
    assert "all as here; the file is not in git yet" in cli("status").stdout
    git("add", ".")
    assert cli.json("status")["lock"]["git"] == "staged"
    git("commit", "-qm", "one")
    assert "pins 1 dataset(s), all as here\n" in cli("status").stdout
    renamed(1, "Anna")
    found = cli.json("status")["lock"]
    assert (found["git"], [entry["state"] for entry in found["pins"]]) == ("committed", ["differs"])
    cli("pin")
    assert "has changes that are not staged" in " ".join(cli("status").stdout.split())


def test_single_datasets_are_pinned_at_a_ref_and_dropped(code: Path, cli: Cli) -> None:
    with hw.open(".").transaction("pets") as tx:
        tx.append("pets", people({1: "Rex"}), key="id")
        tx.append("pets.quarantine", people({1: "Rex"}))
    assert [entry["dataset"] for entry in cli.json("pin")["pins"]] == ["people", "pets"]
    pinned = cli.json("pin", "people", "--ref", "v1")["pins"]
    repo = hw.open(".")
    assert [entry["commit"] for entry in pinned] == [repo.resolve("v1"), repo.head]
    assert "different commits. Name one: people@PIN, pets@PIN" in cli("log", "PIN", code=2).stderr
    assert cli.json("pin", "--check", "pets")["outcome"] == "pass"
    assert [e["state"] for e in cli.json("pin", "--check", code=1)["pins"]] == ["differs", "current"]
    assert cli.json("pin", "--check", "people", "--ref", "v1")["outcome"] == "pass"
    with repo.transaction("no pets") as tx:
        tx.drop("pets")
    assert "hw pin pets --drop" in cli("pin", code=2).stderr
    assert "no longer pinned" in cli("pin", "pets", "--drop").stdout
    assert "Pin 'pets' not found" in cli("pin", "pets", "--drop", code=2).stderr
    assert "--drop goes with" in cli("pin", "--drop", code=2).stderr


def test_what_cannot_be_found_fails_the_check(code: Path, cli: Cli, tmp_path: Path) -> None:
    assert "`hw pin` writes one" in cli("pin", "--check", code=2).stderr
    cli("pin")
    other = tmp_path / "elsewhere"
    subprocess.run(["git", "init", "-q", str(other)], check=True)
    (other / "headwater.lock").write_text((code / "headwater.lock").read_text())
    os.chdir(other)
    found = cli.json("pin", "--check", code=1)
    assert (found["outcome"], found["pins"]) == ("fail", [])
    assert "which" in found["message"]
    hw.init(".").import_("people", people({9: "Zoe"}), key="id")
    assert [entry["state"] for entry in cli.json("pin", "--check", code=1)["pins"]] == ["missing"]
    (other / "headwater.lock").write_text("<<<<<<< ours\n")
    assert "unfinished merge" in cli("pin", "--check", code=2).stderr


def test_what_origin_lacks_is_noted(code: Path, cli: Cli) -> None:
    cli("clone", ".", "work")
    assert "Note" not in cli("-C", "work", "pin").stderr
    with hw.open("work").transaction("new") as tx:
        tx.upsert("people", [{"id": 1, "name": "Anna"}])
    assert "what is pinned of people is not at origin yet" in cli("-C", "work", "pin").stderr
    cli("-C", "work", "push")
    assert "Note" not in cli("-C", "work", "pin").stderr


def test_another_file_can_be_named(code: Path, cli: Cli) -> None:
    cli("pin", "--file", "frozen.lock", "--ref", "v1")
    assert not Path("headwater.lock").exists()
    assert hw.open(".").pinned("people", lock="frozen.lock").commit == hw.open(".").resolve("v1")
    assert cli.json("pin", "--check", "--file", "frozen.lock", code=1)["outcome"] == "fail"
