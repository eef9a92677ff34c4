"""Objects: named by their bytes, told when they are damaged or gone."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import CorruptObject, ObjectMissing
from headwater.core.ids import ObjectId, digest
from headwater.store import objects as module
from headwater.store.objects import Objects, object_path
from headwater.store.storage import Storage


@pytest.fixture
def objects(storage: Storage) -> Objects:
    return Objects(storage)


@pytest.mark.parametrize("data", [b"", b"one", bytes(1 << 20)])
def test_an_object_is_kept_under_the_hash_of_its_bytes(objects: Objects, data: bytes) -> None:
    name = objects.put(data)
    assert name == digest(data) == objects.put(memoryview(data)) == objects.put(pa.py_buffer(data))
    assert objects.get(name) == data
    assert objects.open(name).to_pybytes() == data
    assert [entry.path for entry in objects.storage.list("")] == [object_path(name)]


def test_putting_an_object_again_renews_it(objects: Objects) -> None:
    name = objects.put(b"1")
    before = objects.storage.modified(object_path(name))
    while objects.storage.modified(object_path(name)) == before:
        objects.put(b"1")


def test_a_damaged_object_is_told_by_name(objects: Objects) -> None:
    name = objects.put(b"right")
    objects.storage.write(object_path(name), b"wrong")
    with pytest.raises(CorruptObject, match=f"Object {name[:12]} in .* is damaged") as caught:
        objects.get(name)
    assert caught.value.object == name


def test_a_missing_object_is_told_by_name(objects: Objects) -> None:
    for read in (objects.get, objects.open, objects.get_document):
        with pytest.raises(ObjectMissing, match="00"):
            read(ObjectId("00" * 32))


def test_documents_with_equal_values_are_one_object(objects: Objects) -> None:
    name = objects.put_document({"b": [1, None], "a": "é"})
    assert objects.put_document({"a": "é", "b": [1, None]}) == name
    assert objects.get_document(name) == {"a": "é", "b": [1, None]}


def test_an_object_that_is_no_document_is_told(objects: Objects) -> None:
    with pytest.raises(CorruptObject, match="is no document"):
        objects.get_document(objects.put(b"{half"))


def test_documents_are_remembered_up_to_a_bound(objects: Objects, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CACHED_BYTES", 4)
    names = [objects.put_document(number) for number in range(1, 10)]
    assert [objects.get_document(name) for name in names] == list(range(1, 10))
    objects.storage.delete([object_path(names[-1])])
    assert objects.get_document(names[-1]) == 9
    objects.storage.delete([object_path(names[0])])
    with pytest.raises(ObjectMissing):
        objects.get_document(names[0])
    with pytest.raises(ObjectMissing):
        Objects(objects.storage).get_document(names[-1])


def test_threads_that_read_documents_do_not_disturb_each_other(
    objects: Objects, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_CACHED_BYTES", 8)
    names = [objects.put_document([number]) for number in range(6)]
    errors: list[BaseException] = []

    def read() -> None:
        try:
            for _ in range(50):
                assert [objects.get_document(name) for name in names] == [[n] for n in range(6)]
        except BaseException as error:  # noqa: BLE001
            errors.append(error)

    threads = [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


def test_a_mapped_object_outlives_its_file(tmp_path: Path) -> None:
    objects = Objects(Storage(tmp_path))
    name = objects.put(b"still here")
    data = objects.open(name)
    (tmp_path / object_path(name)).unlink()
    assert data.to_pybytes() == b"still here"
