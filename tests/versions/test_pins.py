"""The file beside the code names the data: it is stable, reads back, and says when the data are others."""

from __future__ import annotations

import re
import string
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.contract import Contract
from headwater.core.errors import InputError, NotFound, UsageError
from headwater.core.ids import CommitId
from headwater.store.storage import is_url
from headwater.versions import gc
from headwater.versions.pins import (
    LOCK,
    Lock,
    Pin,
    compare,
    find_lock,
    new_lock_path,
    parse_lock,
    pin,
    pin_state,
    pinned_commit,
    place_of,
    read_lock,
)
from headwater.versions.remotes import clone
from headwater.versions.repo import Repo
from headwater.versions.sql import query

commits = st.text("0123456789abcdef", min_size=64, max_size=64).map(CommitId)
texts = st.text(st.characters(blacklist_categories=["Cs"]), max_size=30)
pins = st.builds(Pin, commit=commits, fingerprint=texts, rows=st.integers(0, 2**62))
locks = st.builds(
    Lock, repository=texts, origin=texts, pins=st.dictionaries(texts.filter(bool), pins, max_size=5)
)


@given(locks)
def test_a_lock_reads_back_as_it_was_written_and_order_does_not_matter(lock: Lock) -> None:
    text = lock.to_text()
    assert parse_lock(text.encode()) == lock
    turned = Lock(
        repository=lock.repository, origin=lock.origin, pins=dict(reversed(list(lock.pins.items())))
    )
    assert turned.to_text() == text


@given(st.binary(max_size=200))
def test_any_bytes_are_a_lock_or_a_clear_refusal(data: bytes) -> None:
    with suppress(InputError):
        parse_lock(data)


ONE = Lock(repository=".", pins={"d": Pin(commit=CommitId("a" * 64), fingerprint="1-f", rows=1)}).to_text()


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("version = 1", "version = 9", "Install a newer version"),
        ("version = 1\n", "", "it lacks 'version'"),
        ("rows = 1", "rows = -1", "no number of rows"),
        ("rows = 1", "rows = true", "no number of rows"),
        ("rows = 1", 'rows = "1"', "no number of rows"),
        ("a" * 64, "main", "no commit id"),
        ('repository = "."', "repository = 3", "no text"),
        ("[datasets.d]", "[datasets]", "cannot be read"),
        ("[datasets.d]\n", "<<<<<<< HEAD\n[datasets.d]\n", "unfinished merge"),
    ],
)
def test_a_damaged_lock_says_what_is_wrong(old: str, new: str, complaint: str) -> None:
    assert old in ONE
    with pytest.raises(InputError, match=complaint):
        parse_lock(ONE.replace(old, new, 1).encode())


def test_a_change_of_one_dataset_changes_its_lines_alone() -> None:
    names = [f"set{letter}" for letter in string.ascii_lowercase[:5]]
    entries = {name: Pin(commit=CommitId("a" * 64), fingerprint="1-f", rows=1) for name in names}
    before = Lock(repository=".", pins=entries).to_text().splitlines()
    other = Pin(commit=CommitId("b" * 64), fingerprint="2-e", rows=2)
    after = Lock(repository=".", pins={**entries, "setc": other}).to_text().splitlines()
    changed = [number for number, (a, b) in enumerate(zip(before, after, strict=True)) if a != b]
    assert changed == list(range(changed[0], changed[0] + 3))
    assert before[changed[0] - 1] == "[datasets.setc]"


@pytest.fixture
def code(tmp_path: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder with code, beside a repository with two commits and a lock of the first."""
    rows = [{"id": number, "v": str(number)} for number in range(10)]
    with repo.transaction("first") as tx:
        tx.append("d", rows, key="id")
        tx.append("e", rows, key="id")
    folder = tmp_path / "code"
    (folder / "inner").mkdir(parents=True)
    (folder / ".git").mkdir()
    monkeypatch.chdir(folder)
    path = new_lock_path(folder / "inner")
    assert path == folder / LOCK
    Lock(repository=place_of(repo, path), pins=pin(repo, ["d", "e"])).write(path)
    with repo.transaction("second") as tx:
        tx.upsert("d", [{"id": 1, "v": "new"}])
    return folder


def test_pinned_data_are_read_wherever_a_ref_is(
    code: Path, repo: Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(code / "inner")
    value = "SELECT v FROM d@PIN WHERE id = 1"
    assert query(repo, value).to_pylist() == [{"v": "1"}]
    assert repo.pinned("d").to_arrow(where="id = 1")["v"].to_pylist() == ["1"]
    assert repo["d"].at("PIN").fingerprint == repo.pinned("d").fingerprint
    assert repo.diff("PIN", "main")["d"].stat()["changed"] == 1
    monkeypatch.chdir(code.parent)
    with pytest.raises(NotFound, match="`hw pin` writes one"):
        repo.pinned("d")
    assert repo.pinned("d", lock=code / LOCK).num_rows == 10


def test_a_repository_is_found_through_the_lock(code: Path, repo: Repo) -> None:
    assert Repo.open().storage.location == repo.storage.location
    lock = read_lock(code / LOCK)
    place = repo.storage.location.removesuffix("/.headwater")
    assert lock.repository == (place if is_url(place) else "../home")
    Lock(repository="../gone", origin="memory://nowhere", pins=lock.pins).write(code / LOCK)
    with pytest.raises(NotFound, match="hw clone memory://nowhere"):
        Repo.open()
    origin = f"memory://origin-of-{Path(place).name}"
    Repo.init(origin)
    Lock(repository="../gone", origin=origin).write(code / LOCK)
    assert Repo.open().storage.location.startswith(origin)
    # Its own folder is no reason to look for itself again.
    Lock(repository=".").write(code / LOCK)
    with pytest.raises(NotFound, match=r"which .* names"):
        Repo.open()


def test_pins_are_held_against_the_branch(code: Path, repo: Repo) -> None:
    lock = read_lock(code / LOCK)
    assert [(s.dataset, s.state) for s in compare(repo, lock)] == [("d", "differs"), ("e", "current")]
    assert [s.state for s in compare(repo, lock, ref="main~1")] == ["current", "current"]
    with repo.transaction("drop") as tx:
        tx.drop("d")
    assert [s.state for s in compare(repo, lock)] == ["gone", "current"]
    with pytest.raises(NotFound, match="Pin 'x' not found"):
        compare(repo, lock, ["x"])


def test_equal_rows_with_another_contract_differ(code: Path, repo: Repo) -> None:
    lock = Lock(repository=".", pins=pin(repo, ["d"]))
    with repo.transaction("a contract") as tx:
        tx.set_contract("d", Contract(dataset="d", key=("id",), label="v"))
    (state,) = compare(repo, lock)
    assert (state.state, "the same rows, but" in state.message) == ("differs", True)


def test_a_pin_that_was_edited_or_is_of_another_repository_is_not_read(
    code: Path, repo: Repo, tmp_path: Path
) -> None:
    path = code / LOCK
    whole = path.read_text()
    path.write_text(re.sub(r"rows = 10", "rows = 11", whole, count=1))
    with pytest.raises(UsageError, match="is not what"):
        repo.pinned("d")
    path.write_text(whole)
    other = Repo.init(tmp_path / "other")
    with other.transaction("x") as tx:
        tx.append("d", [{"id": 1, "v": "x"}], key="id")
    with pytest.raises(NotFound, match=r"is not in .*other"):
        other.pinned("d")
    with pytest.raises(NotFound, match="is not in"):
        other.resolve("PIN")
    assert pin_state(other, "d", read_lock(path)["d"]).state == "missing"


def test_pin_alone_means_a_commit_only_if_all_agree(code: Path, repo: Repo) -> None:
    lock = read_lock(code / LOCK)
    assert repo.resolve("PIN") == repo.resolve("main~1")
    assert repo.resolve("PIN", dataset="d") == pinned_commit(repo, "d")
    Lock(repository=lock.repository, pins={**lock.pins, **pin(repo, ["d"])}).write(code / LOCK)
    with pytest.raises(UsageError, match=r"different commits. Name one: d@PIN, e@PIN"):
        repo.resolve("PIN")
    assert repo.resolve("PIN~1", dataset="d") == repo.resolve("main~1")
    Lock(repository=lock.repository).write(code / LOCK)
    with pytest.raises(UsageError, match="pins nothing"):
        repo.resolve("PIN")
    with pytest.raises(UsageError, match="not a valid branch name"):
        repo.create_branch("PIN")


def test_the_search_for_a_lock_ends_at_the_top_of_the_work_tree(tmp_path: Path) -> None:
    (tmp_path / LOCK).write_text(ONE)
    inner = tmp_path / "project" / "src"
    inner.mkdir(parents=True)
    assert find_lock(inner) == tmp_path / LOCK
    (tmp_path / "project" / ".git").write_text("gitdir: elsewhere\n")
    assert find_lock(inner) is None
    assert new_lock_path(inner) == tmp_path / "project" / LOCK


def test_nothing_can_be_pinned_before_the_first_commit(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no commit to pin"):
        pin(Repo.init(tmp_path / "empty"), [])


def test_pins_hold_in_a_clone_and_name_buckets_by_url(code: Path, repo: Repo, location: str) -> None:
    there = clone(Repo, repo.storage.location.removesuffix("/.headwater"), f"{location}-clone")
    assert there.pinned("d").num_rows == 10
    if "://" in location:
        assert place_of(there, code / LOCK) == f"{location}-clone"


def test_a_text_that_is_no_unicode_is_refused() -> None:
    with pytest.raises(UsageError, match="no Unicode text"):
        Lock(repository="\udcff").to_text()


def test_a_pinned_commit_that_was_collected_is_missing(code: Path, repo: Repo) -> None:
    path = code / LOCK
    Lock(repository=place_of(repo, path), pins=pin(repo, ["d"])).write(path)
    repo.undo()
    assert repo.pinned("d").num_rows == 10
    gc.collect(repo, grace=timedelta(), keep_reflog=timedelta())
    with pytest.raises(NotFound, match="`hw fetch` brings what others have pushed"):
        Repo.open().pinned("d")
