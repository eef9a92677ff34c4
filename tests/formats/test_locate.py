"""From what a user names to files: patterns, folders, web servers, object stores."""

from __future__ import annotations

import gc
import gzip
import http.server
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import obstore.store
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.locate import locate
from headwater.formats.read import read, read_table

PAGES = {
    "/people.csv": b"name,age\nZo\xc3\xab,41\n",
    "/packed.csv.gz": gzip.compress(b"a\n1\n"),
    "/download?format=csv&token=secret": b"a;b\n1;2\n",
    "/a%20b.jsonl": b'{"a":1}\n',
    "/large.csv": b"a\n" + b"".join(b"%d\n" % number for number in range(500_000)),
}


class Pages(http.server.BaseHTTPRequestHandler):
    """Serves what is in PAGES, moves /old.csv, and breaks off /broken.csv."""

    def do_GET(self) -> None:
        if self.path == "/old.csv":
            self.send_response(302)
            self.send_header("Location", "/people.csv")
            self.end_headers()
        elif self.path in PAGES:
            self.send_response(200)
            self.send_header("Content-Length", str(len(PAGES[self.path])))
            self.end_headers()
            self.wfile.write(PAGES[self.path])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Pages) as running:
        thread = threading.Thread(target=running.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()
        thread.join()


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def test_files_are_fetched_from_a_web_server(server: str) -> None:
    assert read_table(f"{server}/people.csv").to_pylist() == [{"name": "Zoë", "age": 41}]
    assert read_table(f"{server}/old.csv").to_pylist() == [{"name": "Zoë", "age": 41}]
    assert read_table(f"{server}/packed.csv.gz").to_pylist() == [{"a": 1}]
    assert read_table(f"{server}/a%20b.jsonl").to_pylist() == [{"a": 1}]
    assert read_table([f"{server}/packed.csv.gz", f"{server}/a%20b.jsonl"]).to_pylist() == [{"a": 1}] * 2


def test_addresses_are_shown_without_their_secrets(server: str) -> None:
    source = read(f"{server}/download?format=csv&token=secret")
    assert source.table().to_pylist() == [{"a": 1, "b": 2}]
    assert source.location == f"{server}/download"
    with pytest.raises(InputError, match="404") as caught:
        read(f"{server.replace('//', '//me:secret@')}/missing.csv?token=secret")
    assert "secret" not in str(caught.value)


def test_an_unreachable_server_is_an_error_that_comes_soon() -> None:
    start = time.monotonic()
    with pytest.raises(InputError, match="cannot be fetched"):
        read("http://127.0.0.1:1/x.csv")
    assert time.monotonic() - start < 15


def test_fetched_data_is_kept_while_it_is_read_and_then_removed(server: str, temporary: Path) -> None:
    source = read(f"{server}/large.csv")
    assert len(list(temporary.rglob("*.csv"))) == 1
    batches = source.batches()
    rows = next(batches).num_rows
    del source
    gc.collect()
    rows += sum(batch.num_rows for batch in batches)
    assert rows == 500_000
    del batches
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_nothing_is_left_over_when_fetching_fails(server: str, temporary: Path) -> None:
    with pytest.raises(InputError):
        read(f"{server}/missing.csv")
    gc.collect()
    assert list(temporary.iterdir()) == []


def test_objects_are_fetched_by_name_pattern_and_prefix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = tmp_path / "bucket"
    for name, text in {
        "x/a.csv": "a\n1\n",
        "x/b.csv": "a\n2\n",
        "x/deep/c.csv": "a\n3\n",
        "y.csv": "a\n9\n",
    }.items():
        (bucket / name).parent.mkdir(parents=True, exist_ok=True)
        (bucket / name).write_text(text)
    monkeypatch.setattr(obstore.store, "from_url", lambda url: obstore.store.LocalStore(bucket))
    assert read_table("s3://bucket/y.csv")["a"].to_pylist() == [9]
    assert read_table("gs://bucket/x/")["a"].to_pylist() == [1, 2, 3]
    assert read_table("az://bucket/x/[ab].csv")["a"].to_pylist() == [1, 2]
    assert read("s3://bucket/x/*.csv").location == "s3://bucket/x/a.csv and 2 more"
    with pytest.raises(InputError, match=r"s3://bucket/none\.csv: it cannot be fetched"):
        read("s3://bucket/none.csv")
    with pytest.raises(InputError, match="no object is there"):
        read("s3://bucket/z/*.csv")


def test_patterns_name_files_in_order(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "c.txt", "deep/d.csv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"a\n{name}\n")
    assert read_table(tmp_path / "*.csv")["a"].to_pylist() == ["a.csv", "b.csv"]
    assert read_table(f"{tmp_path}/**/*.csv")["a"].to_pylist() == ["a.csv", "b.csv", "deep/d.csv"]
    assert read_table(tmp_path.as_uri() + "/a.csv")["a"].to_pylist() == ["a.csv"]
    (tmp_path / "[x].csv").write_text("a\nodd\n")
    assert read_table(tmp_path / "[x].csv")["a"].to_pylist() == ["odd"]
    with pytest.raises(InputError, match="no file fits the pattern"):
        read(tmp_path / "*.nope")
    with pytest.raises(InputError, match=r"there is no such file; beside it are .*a\.csv"):
        read(tmp_path / "aa.csv")


def test_folders_of_data_files_are_read_as_one(tmp_path: Path) -> None:
    for name in ("b.csv", "a.csv", "deep/c.csv.gz", "_SUCCESS", ".hidden.csv", "notes.rst"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("a\n1\n")
    assert [Path(place.location).name for place in locate(tmp_path)] == ["a.csv", "b.csv", "c.csv.gz"]


def test_folders_of_several_formats_ask_which(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("a\n1\n")
    (tmp_path / "b.png").write_bytes(b"x")
    with pytest.raises(UsageError, match="several formats: csv, folder"):
        read(tmp_path)
    assert read(tmp_path, format="folder").schema.names == ["path", "bytes", "size_bytes"]
    assert read(tmp_path, format="csv").num_rows == 1
    (tmp_path / "a.csv").unlink()
    assert read(tmp_path).format == "folder"
    (tmp_path / "b.png").unlink()
    with pytest.raises(InputError, match="nothing in it"):
        read(tmp_path)


def test_other_addresses_are_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match=r"ftp://.*Known are file, http"):
        locate("ftp://host/x.csv")
    with pytest.raises(UsageError, match="empty"):
        locate("")
    assert locate("postgresql://h/db")[0].format == "postgres"
    assert locate("sqlite:///x.db")[0].format == "sqlite"
