from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import MergeConflict, NotFound, SchemaError, UsageError
from headwater.recipes.embedding import embedding_of
from headwater.recipes.encoder import make_encoder
from headwater.recipes.known_vectors import vectors_of
from headwater.transforms.run import TransformResult
from tests.conftest import ROOT
from tests.recipes import encoders

LENGTHS = "tests.recipes.encoders:lengths"


def texts(rows: int, start: int = 0) -> pa.Table:
    return pa.table(
        {"id": range(start, start + rows), "text": [f"note number {n}" for n in range(start, start + rows)]}
    )


@pytest.fixture
def repo() -> hw.Repo:
    repo = hw.init("memory://")
    repo.import_("notes", texts(200), key="id")
    return repo


def embed(repo: hw.Repo, **options: object) -> TransformResult:
    encoders.SEEN.clear()
    return repo.embed("notes", "text", **{"encoder": LENGTHS, **options})  # type: ignore[arg-type]


def seen() -> list[str]:
    return sorted({text for batch in encoders.SEEN for text in batch})


def is_right(repo: hw.Repo, ref: str | None = None) -> bool:
    """Say whether every row has the vector that its text has."""
    dataset = repo.at(ref)["notes"] if ref else repo["notes"]
    table = dataset.to_arrow(["text", "text_embedding"])
    there = np.asarray(table.column("text").is_valid())
    made = vectors_of(table.column("text_embedding"))
    wanted = encoders.lengths(table.column("text").combine_chunks().drop_null())
    return bool(np.array_equal(made[there], wanted)) and bool(np.isnan(made[~there]).all())


def test_the_vectors_come_as_one_commit_that_says_how(repo: hw.Repo) -> None:
    base = repo.head
    done = embed(repo)
    assert is_right(repo)
    assert repo["notes"].schema.field("text_embedding").type == pa.list_(pa.float32(), 3)
    provenance = repo.commit(done.commit).provenance
    assert repo.commit(done.commit).parents == provenance.inputs == (base,)
    assert provenance.parameters["encoder"] == LENGTHS
    assert provenance.record["encoded"] == 200
    said = embedding_of(repo["notes"], "text_embedding")
    assert said is not None
    assert said["column"] == "text"
    assert said["dimensions"] == 3
    assert said["id"] == provenance.record["encoder"]


def test_only_new_and_changed_texts_are_encoded(repo: hw.Repo) -> None:
    embed(repo)
    with repo.transaction("more and other") as tx:
        tx.append("notes", texts(3, 1000))
        tx.upsert("notes", [{"id": 5, "text": "another text"}, {"id": 6, "text": "note number 7"}])
        tx.delete("notes", keys=[9])
    done = embed(repo)
    assert seen() == ["another text", "note number 1000", "note number 1001", "note number 1002"]
    assert (done.record["encoded"], done.record["reused"]) == (4, 1)
    assert is_right(repo)
    assert not embed(repo).is_new
    assert seen() == []


def test_a_change_of_another_column_encodes_nothing(repo: hw.Repo) -> None:
    embed(repo)
    with repo.transaction("labels") as tx:
        tx.upsert("notes", [{"id": n, "label": "x"} for n in range(0, 200, 7)])
    done = embed(repo)
    assert seen() == []
    assert is_right(repo)
    assert done.record["updated"] == 0


def test_rows_moved_by_a_repacking_are_not_encoded_again(repo: hw.Repo) -> None:
    embed(repo)
    for n in range(20):
        with repo.transaction("one at a time") as tx:
            tx.append("notes", texts(1, 1000 + n))
        embed(repo)
        assert seen() == [f"note number {1000 + n}"]
    assert len(repo["notes"].chunks) < 20
    assert is_right(repo)


def test_a_text_that_comes_back_has_its_vector_still_known(repo: hw.Repo) -> None:
    embed(repo)
    with repo.transaction("two texts trade places") as tx:
        tx.upsert("notes", [{"id": 1, "text": "note number 2"}, {"id": 2, "text": "note number 1"}])
    embed(repo)
    assert seen() == []
    assert is_right(repo)


def test_vectors_changed_by_hand_are_mended_without_encoding(repo: hw.Repo) -> None:
    embed(repo)
    with repo.transaction("a slip") as tx:
        zeros = pa.array([[0.0, 0.0, 0.0]], pa.list_(pa.float32(), 3))
        tx.upsert("notes", pa.table({"id": [1], "text_embedding": zeros}))
    done = embed(repo)
    assert seen() == []
    assert done.record["updated"] == 1
    assert is_right(repo)


def test_a_clone_without_a_cache_encodes_only_what_is_new(tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "first")
    repo.import_("notes", texts(50), key="id")
    embed(repo)
    copy = hw.clone(tmp_path / "first", tmp_path / "second")
    copy.cache.forget(copy.cache.list("scores"))
    with copy.transaction("more") as tx:
        tx.append("notes", texts(2, 500))
    embed(copy)
    assert seen() == ["note number 500", "note number 501"]
    assert is_right(copy)


def test_merged_branches_are_brought_up_to_date(repo: hw.Repo) -> None:
    embed(repo)
    repo.create_branch("more")
    with repo.branch("more").transaction("more") as tx:
        tx.append("notes", texts(5, 300))
    embed(repo.branch("more"))
    with repo.transaction("here, too") as tx:
        tx.upsert("notes", [{"id": 3, "text": "changed here"}])
    repo.merge("more")
    embed(repo)
    assert set(seen()) <= {"changed here", *(f"note number {n}" for n in range(300, 305))}
    assert is_right(repo)


@pytest.mark.parametrize("same_row", [True, False])
def test_a_commit_made_while_texts_are_encoded_leaves_no_wrong_vector(
    repo: hw.Repo, monkeypatch: pytest.MonkeyPatch, same_row: bool
) -> None:
    # One name for the function and its double.
    monkeypatch.setattr("headwater.recipes.function_encoder.FunctionEncoder.fingerprint", "fixed")
    embed(repo)
    with repo.transaction("one changes") as tx:
        tx.upsert("notes", [{"id": 3, "text": "first change"}])
    plain = encoders.lengths

    def slow(values: pa.Array) -> np.ndarray:
        with repo.transaction("meanwhile") as tx:
            tx.upsert("notes", [{"id": 3 if same_row else 700, "text": "changed meanwhile"}])
        return plain(values)

    monkeypatch.setattr(encoders, "lengths", slow)
    if same_row:
        with pytest.raises(MergeConflict):
            repo.embed("notes", "text", encoder=LENGTHS)
    else:
        done = repo.embed("notes", "text", encoder=LENGTHS)
        # Made again on top of the other commit, so not every row has its vector yet.
        assert repo.commit(done.commit).parents != repo.commit(done.commit).provenance.inputs
    monkeypatch.setattr(encoders, "lengths", plain)
    repo.embed("notes", "text", encoder=LENGTHS)
    assert is_right(repo)


def test_another_encoder_parameter_or_version_encodes_all_anew(
    repo: hw.Repo, monkeypatch: pytest.MonkeyPatch
) -> None:
    embed(repo, encoder="hash", options={"dimensions": 8})
    for number, options in enumerate(({"dimensions": 8, "seed": 1}, {"dimensions": 16})):
        done = embed(repo, encoder="hash", options=options)
        assert done.record["encoded"] == 200, number
    assert repo["notes"].schema.field("text_embedding").type.list_size == 16
    monkeypatch.setattr("headwater.recipes.hash_encoder.HashEncoder.version", "2")
    assert embed(repo, encoder="", options={}).record["encoded"] == 200
    assert repo.fsck().findings == []


def test_without_an_encoder_the_one_of_the_column_is_used(repo: hw.Repo) -> None:
    embed(repo, encoder="hash", options={"dimensions": 12})
    with repo.transaction("more") as tx:
        tx.append("notes", texts(1, 500))
    done = embed(repo, encoder="")
    assert done.record["dimensions"] == 12
    assert done.record["encoded"] == 1


def test_nulls_have_no_vector_and_an_empty_dataset_no_column() -> None:
    repo = hw.init("memory://")
    repo.import_("notes", pa.table({"id": [1, 2], "text": pa.array([None, None], pa.string())}), key="id")
    done = embed(repo)
    assert not done.is_new
    assert done.record["dimensions"] == 0
    with repo.transaction("a text") as tx:
        tx.upsert("notes", [{"id": 2, "text": "a text"}])
    embed(repo)
    assert repo["notes"].take(["1", "2"]).column("text_embedding").to_pylist() == [None, [6, 1, 1]]


def test_what_does_not_fit_is_refused(repo: hw.Repo) -> None:
    with pytest.raises(NotFound, match="nope"):
        repo.embed("notes", "nope")
    with pytest.raises(SchemaError, match="'id' is int64, and the encoder 'hash' takes text"):
        repo.embed("notes", "id", encoder="hash")
    with pytest.raises(UsageError, match="cannot take its place"):
        embed(repo, into="text")
    with pytest.raises(SchemaError, match="part of the key"):
        embed(repo, into="id")
    repo.transform("notes", "clean.values", {"columns": ["text"], "case": "upper"})
    with repo.transaction("a column") as tx:
        tx.upsert("notes", [{"id": 1, "mine": "precious"}])
    with pytest.raises(SchemaError, match="no embedding made here"):
        embed(repo, into="mine")
    head = repo.head
    with pytest.raises(UsageError, match="with_nan"):
        embed(repo, encoder="tests.recipes.encoders:with_nan")
    assert repo.head == head


def test_values_of_any_type_go_to_a_function(repo: hw.Repo) -> None:
    repo.embed("notes", "id", encoder="tests.recipes.encoders:of_numbers")
    assert repo["notes"].head(3).column("id_embedding").to_pylist() == [[0, 0], [1, 2], [2, 4]]


def test_many_chunks_and_deletions_give_what_one_chunk_gives() -> None:
    repo = hw.init("memory://")
    repo.import_("notes", texts(400), key="id")
    for start in (1000, 2000):
        with repo.transaction("more") as tx:
            tx.append("notes", texts(300, start))
            tx.delete("notes", where=f"id % 7 = {start // 1000}")
    repo.embed("notes", "text", encoder="hash", options={"dimensions": 32})
    table = repo["notes"].to_arrow()
    wanted = make_encoder("hash", {"dimensions": 32}).encode(table.column("text").combine_chunks())
    assert np.array_equal(vectors_of(table.column("text_embedding")), wanted)


def test_broken_images_have_no_vector_and_are_counted() -> None:
    image = pytest.importorskip("PIL.Image")
    repo = hw.init("memory://")
    import io

    sink = io.BytesIO()
    image.new("RGB", (40, 40), (200, 10, 10)).save(sink, "PNG")
    rows = pa.table({"id": [1, 2, 3], "bytes": pa.array([sink.getvalue(), b"no picture", None], pa.binary())})
    repo.import_("photos", rows, key="id")
    done = repo.embed("photos", "bytes")
    assert done.record["broken"] == 1
    valid = repo["photos"].to_arrow().column("bytes_embedding").is_valid().to_pylist()
    assert valid == [True, False, False]
    assert not repo.embed("photos", "bytes").is_new


def test_a_killed_run_loses_no_more_than_seconds_of_encoding(tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "repo")
    repo.import_("notes", texts(3000), key="id")
    (tmp_path / "slowly.py").write_text(
        "import time, numpy as np\n"
        "def encode(values):\n"
        "    time.sleep(0.05)\n"
        "    open('seen.txt', 'a').write('\\n'.join(values.to_pylist()) + '\\n')\n"
        "    return np.ones((len(values), 4))\n"
    )
    code = (
        "import sys; sys.path.insert(0, '.')\n"
        "from headwater.recipes import embedding, function_encoder\n"
        "embedding.Embedder.__dataclass_fields__['keep_every_s'].default\n"
        "embedding.Embedder.__init__.__kwdefaults__['keep_every_s'] = 0.1\n"
        "function_encoder.FunctionEncoder.batch_rows = 50\n"
        "import headwater as hw\n"
        "hw.open('repo').embed('notes', 'text', encoder='slowly:encode')\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "src")}
    command = [sys.executable, "-c", code]
    running = subprocess.Popen(command, cwd=tmp_path, env=environment)
    for _ in range(400):
        time.sleep(0.05)
        if len(repo.cache.list("scores/embeddings")) >= 3:
            break
    running.send_signal(signal.SIGKILL)
    running.wait()
    assert "text_embedding" not in repo["notes"].schema.names
    first = (tmp_path / "seen.txt").read_text().splitlines()
    (tmp_path / "seen.txt").unlink()
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
    second = (tmp_path / "seen.txt").read_text().splitlines()
    assert len(first) >= 150
    assert len(second) <= 3000 - 100
    assert {*first, *second} >= {f"note number {n}" for n in range(3000)}
    done = hw.open(tmp_path / "repo")["notes"].to_arrow()
    assert done.column("text_embedding").null_count == 0
    assert repo.cache.list("scores/embeddings") == []


def test_values_that_are_objects_of_their_own_are_encoded_once(tmp_path: Path) -> None:
    repo = hw.init(tmp_path / "repo")
    long = ["a " * 700_000, "b " * 700_000, "a " * 700_000, "short"]
    repo.import_("notes", pa.table({"id": range(4), "text": long}), key="id")
    done = embed(repo)
    assert done.record["encoded"] == 3
    assert is_right(repo)
    with repo.transaction("moved") as tx:
        tx.upsert("notes", [{"id": 3, "text": "b " * 700_000}])
    assert embed(repo).record["encoded"] == 0
    assert is_right(repo)
