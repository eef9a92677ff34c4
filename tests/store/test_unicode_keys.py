"""Keys with every trick of Unicode: what differs by a code point is another key, all the way through."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.api import Repo
from headwater.cli.main import main
from headwater.core.errors import MergeConflict
from headwater.versions.blame import blame
from headwater.versions.decisions import Decisions
from headwater.versions.fsck import verify

KEYS = [
    "",
    " ",
    "a",
    "A",
    "ａ",  # full width
    unicodedata.normalize("NFC", "é"),
    unicodedata.normalize("NFD", "é"),
    "ß",
    "SS",
    "ſ",
    "İ",
    "ı",
    "\u200b",  # zero width space
    "a\u200d",  # zero width joiner
    "\ufeffa",  # byte order mark
    "\u202eevil",  # right to left
    "שלום",
    "日本語",
    "👩‍👩‍👧",
    "👩🏽",
    "\U0010ffff",
    "\x00",
    "a\x00b",
    "line\nbreak",
    "line\r\nbreak",
    "\u2028",
    "tab\t",
    '"quoted"',
    "back\\slash",
    "'; DROP TABLE d; --",
    "null",
    "NaN",
    "0",
    "00",
    "../../etc/passwd",
    "x" * 5000,
    "q\u0301\u0302" * 300,
]


def table(keys: list[str], value: str) -> pa.Table:
    return pa.table(
        {"key": keys, "v": [f"{value}{number}" for number in range(len(keys))], "w": [0] * len(keys)}
    )


@pytest.fixture
def repo(home: str) -> Repo:
    repo = Repo.init(home)
    with repo.transaction("all") as tx:
        tx.append("d", table(KEYS, "first"), key="key")
    return repo


def test_each_key_is_found_changed_compared_and_blamed(repo: Repo) -> None:
    names = repo["d"].keys_of(table(KEYS, ""))
    assert len(set(names)) == len(KEYS)
    assert repo["d"].take(names).column("key").to_pylist() == KEYS
    changed = KEYS[::2]
    with repo.transaction("some") as tx:
        tx.upsert("d", table(changed, "second"))
        tx.delete("d", keys=KEYS[1::4])
    cells = repo.diff()["d"].cells()
    assert sorted(cells.column("key").to_pylist()) == sorted(changed)
    assert sorted(repo["d"].to_arrow().column("key").to_pylist()) == sorted(set(KEYS) - set(KEYS[1::4]))
    for key, name in zip(KEYS[4:30:2], names[4:30:2], strict=True):
        (cell,) = blame(repo, "d", name, "v")
        assert cell.value == f"second{KEYS[::2].index(key)}"
        assert cell.summary == "some"
    assert verify(repo).findings == []


def test_conflicts_name_each_key_and_are_decided_by_it(repo: Repo) -> None:
    for branch in ("side", "main"):
        with repo.branch(branch).transaction(branch) as tx:
            tx.upsert("d", table(KEYS, branch))
    with pytest.raises(MergeConflict) as caught:
        repo.merge("side")
    conflicts = caught.value.facts["conflicts"]
    assert sorted(conflicts.column("key").to_pylist()) == sorted(KEYS)
    choose = ["theirs" if number % 2 else "ours" for number in range(len(KEYS))]
    by_key = dict(zip(KEYS, choose, strict=True))
    chosen = [by_key[key] for key in conflicts.column("key").to_pylist()]
    repo.merge("side", resolve=Decisions(conflicts.append_column("choose", pa.array(chosen))))
    found = {row["key"]: row["v"] for row in repo["d"].to_arrow().to_pylist()}
    assert found == {
        key: f"{'side' if side == 'theirs' else 'main'}{number}"
        for number, (key, side) in enumerate(zip(KEYS, choose, strict=True))
    }


@pytest.mark.parametrize("suffix", ["csv", "jsonl", "parquet", "arrow"])
def test_each_key_comes_back_from_a_file(repo: Repo, home: str, suffix: str, tmp_path: Path) -> None:
    keys = [key for key in KEYS if "\x00" not in key or suffix in ("parquet", "arrow")]
    if suffix == "csv":
        # A field of spaces alone, or none, is not told from an absent one.
        keys = [key for key in keys if key.strip(" ")]
    with repo.transaction("those") as tx:
        tx.overwrite("d", table(keys, "v"))
    file = tmp_path / f"d.{suffix}"
    with pytest.raises(SystemExit) as ended:
        main(["-C", home, "export", "d", str(file)])
    assert ended.value.code == 0
    done = repo.import_("again", file, key="key", schema={"key": "string"})
    assert done.rows == len(keys)
    assert repo["again"].fingerprint == repo["d"].fingerprint
