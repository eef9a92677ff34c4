"""`hw gc` and `hw fsck`."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.store.objects import object_path
from headwater.versions.repo import FOLDER, Repo
from tests.cli.conftest import Cli


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    repo = Repo.init(tmp_path)
    with repo.transaction("first") as tx:
        tx.append("p", [{"id": 1}], key="id")
    with repo.transaction("second") as tx:
        tx.append("p", [{"id": 2}])
    repo.undo()
    return tmp_path


def test_gc_says_what_it_removed(cli: Cli, shop: Path) -> None:
    tried = cli("-C", str(shop), "gc", "--grace", "0", "--keep-reflog", "0", "--dry-run")
    assert "Would remove" in tried.stdout
    done = cli.json("-C", str(shop), "gc", "--grace", "0", "--keep-reflog", "0")
    assert done["removed"] > 0
    assert done["moves"] == 2
    again = cli("-C", str(shop), "gc", "--grace", "0")
    assert "Removed 0 file(s)" in again.stdout
    assert "grace under an hour" in again.stderr


@pytest.mark.parametrize("text", ["10", "-1d", "a day", "1.5h", ""])
def test_a_time_that_cannot_be_read_is_wrong_usage(cli: Cli, shop: Path, text: str) -> None:
    done = cli("-C", str(shop), "gc", "--grace", text, code=2)
    assert "write 15m, 12h, 30d or 0" in done.stderr


def test_fsck_passes_and_counts(cli: Cli, shop: Path) -> None:
    assert "PASS" in cli("-C", str(shop), "fsck").stdout
    found = cli.json("-C", str(shop), "fsck")
    assert (found["outcome"], found["commits"], found["findings"]) == ("pass", 2, [])


def test_fsck_names_the_damaged_file_and_exits_with_1(cli: Cli, shop: Path) -> None:
    lost = object_path(Repo.open(shop)["p"].manifest.chunks[0].row_hashes)
    (shop / FOLDER / lost).write_bytes(b"damaged!")
    done = cli("-C", str(shop), "fsck", code=1)
    assert lost in done.stdout.replace("\n", "")
    found = cli.json("-C", str(shop), "fsck", "--no-data", code=1)
    assert [one["check"] for one in found["findings"]] == ["store.damaged"]
