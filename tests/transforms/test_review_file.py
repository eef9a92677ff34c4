"""Reviews are written as CSV files and read back."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound, StorageError
from headwater.transforms.review import PROPOSED
from headwater.transforms.review_file import read_decisions, write_review

TABLE = pa.table(
    {
        "change": ["cell", "cell"],
        "key": ["1", '["a","b"]'],
        "column": ["city", "city"],
        "old": [" böston\n", None],
        "new": ["Böston", ""],
        "reason": ["space, at the end", 'said "so"'],
        "alike": [1, 1],
        "accept": ["yes", "no"],
    },
    schema=PROPOSED,
)


def test_a_review_comes_back_as_it_was_written(tmp_path: Path) -> None:
    write_review(TABLE, tmp_path / "review.csv")
    again = read_decisions(tmp_path / "review.csv")
    assert again.drop_columns(["alike"]).equals(TABLE.drop_columns(["alike"]))


@pytest.mark.parametrize("mark", [";", "\t"])
def test_what_a_spreadsheet_saves_is_read(tmp_path: Path, mark: str) -> None:
    lines = [
        ["key", "column", "old", "new", "accept"],
        ["1", "city", "a", "b", "YES"],
        ["2", "city", "", "b", ""],
    ]
    text = "\r\n".join(mark.join(line) for line in lines)
    (tmp_path / "review.csv").write_bytes(text.encode("utf-8-sig"))
    assert read_decisions(tmp_path / "review.csv").to_pylist()[0] == {
        "key": "1",
        "column": "city",
        "old": "a",
        "new": "b",
        "accept": "YES",
    }


def test_what_is_no_review_is_said(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be read"):
        read_decisions(tmp_path / "none.csv")
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(NotFound, match="Column 'key' not found in the review"):
        read_decisions(tmp_path / "other.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(InputError, match="no CSV file"):
        read_decisions(tmp_path / "empty.csv")
    (tmp_path / "torn.csv").write_text("key,column,old,new,accept\n1,2\n")
    with pytest.raises(InputError, match="no CSV file"):
        read_decisions(tmp_path / "torn.csv")
    with pytest.raises(StorageError, match="name another file"):
        write_review(TABLE, tmp_path / "no" / "such" / "review.csv")
