"""Whatever a user hands in becomes record batches in plain types, or a plain error."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas
import polars
import pyarrow as pa
import pytest

import headwater as hw
from headwater.core.errors import SchemaError, UsageError
from headwater.versions.incoming import Rows, first_misfit, fit, incoming

TABLE = pa.table({"a": [1, 2, 3], "b": ["x", None, "z"]})


class Source:
    """Data that can be read anew each time, as formats give it."""

    schema = TABLE.schema

    def batches(self) -> Iterator[pa.RecordBatch]:
        return iter(TABLE.to_batches())


class Stream:
    """Data of another library: only the Arrow C stream protocol."""

    def __arrow_c_stream__(self, requested_schema: object | None = None) -> object:
        return TABLE.__arrow_c_stream__(requested_schema)


@pytest.mark.parametrize(
    "data",
    [
        TABLE,
        TABLE.to_batches()[0],
        TABLE.to_reader(),
        TABLE.to_batches(max_chunksize=1),
        Rows(TABLE.schema, TABLE.to_batches()),
        Source(),
        Stream(),
        polars.from_arrow(TABLE),
        TABLE.to_pandas(),
        pandas.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]}, index=[7, 8, 9]),
        {"a": [1, 2, 3], "b": ["x", None, "z"]},
        [{"a": 1, "b": "x"}, {"a": 2}, {"b": "z", "a": 3}],
        iter(TABLE.to_batches(max_chunksize=2)),
    ],
    ids=lambda data: type(data).__name__,
)
def test_data_of_any_kind_gives_the_same_rows(data: Any) -> None:
    assert incoming(data).table().equals(TABLE)


@pytest.mark.parametrize("data", [TABLE, Source(), TABLE.to_batches()])
def test_data_at_rest_can_be_read_again(data: Any) -> None:
    rows = incoming(data)
    assert rows.table().equals(rows.table())


@pytest.mark.parametrize(
    ("data", "error", "match"),
    [
        ("text", UsageError, "Cannot read rows from a str"),
        (7, UsageError, "Cannot read rows from a int"),
        ([], UsageError, "an empty list has no columns"),
        ([1, 2], UsageError, "must hold dicts"),
        ([{"a": 1}, {"a": "x"}], SchemaError, "do not make a table"),
        ({"a": [1], "b": [1, 2]}, SchemaError, "do not make a table"),
        ({"a": [object()]}, SchemaError, "do not make a table"),
        ({"a": [2**70]}, SchemaError, "do not make a table"),
        (pandas.DataFrame({"a": [1, "x"]}), SchemaError, "do not make a table"),
        (iter([]), UsageError, "an empty iterator has no columns"),
        (iter([{"a": 1}]), UsageError, "must give Arrow record batches, not dict"),
        (pa.table([[1], [2]], names=["a", "a"]), SchemaError, "twice: a"),
        ([{"": 1}], SchemaError, "has no name"),
        ([{"a": {}}], SchemaError, "cannot be stored"),
    ],
)
def test_what_holds_no_rows_is_a_plain_error(data: Any, error: type[UsageError], match: str) -> None:
    with pytest.raises(error, match=match):
        incoming(data)


def test_types_come_out_plain() -> None:
    table = pa.table(
        {
            "code": pa.array(["x", None, "x"]).dictionary_encode(),
            "view": pa.array(["x", None, "z"], pa.string_view()),
            "uuid": pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 3, pa.binary(16))),
            "half": pa.array([1.0, None, 2.0], pa.float16()),
            "views": pa.array([[1], None, [2, 3]], pa.list_view(pa.int8())),
            "large": pa.array([["a"], None, []], pa.large_list(pa.large_string())),
        }
    )
    chunked = pa.concat_tables([table, table.slice(1)])
    for given in (table, chunked):
        rows = incoming(given).table()
        rows.validate(full=True)
        assert rows.drop("uuid").to_pylist() == given.drop("uuid").to_pylist()
        assert set(rows.column("uuid").to_pylist()) == {bytes(16)}
        assert [str(field.type) for field in rows.schema] == [
            *("string", "string", "fixed_size_binary[16]", "float", "list<item: int8>", "list<item: string>"),
        ]


def test_rows_are_fitted_by_name_and_missing_columns_are_null() -> None:
    schema = pa.schema([("b", pa.string()), ("c", pa.list_(pa.int8())), ("a", pa.float64())])
    for given in (TABLE, TABLE.to_batches()[0]):
        found = fit(given, schema)
        assert type(found) is type(given)
        assert found.schema == schema
        assert found.to_pylist()[0] == {"b": "x", "c": None, "a": 1.0}


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1.5], pa.int64()),
        ([2**53 + 1], pa.float64()),
        ([300], pa.int8()),
        (["x"], pa.int64()),
        ([float("nan")], pa.int64()),
        ([[1]], pa.string()),
        ([b"\xff"], pa.string()),
    ],
    ids=str,
)
def test_a_value_that_does_not_fit_its_column_is_refused(values: list[Any], kind: pa.DataType) -> None:
    with pytest.raises(SchemaError, match=r"Column 'x' is .*, and a value \(.*\) does not fit it") as caught:
        fit(pa.table({"x": values}), pa.schema([("x", kind)]))
    assert caught.value.column == "x"


@pytest.mark.parametrize("bad", [0, 1, 2, 5])
def test_the_first_value_that_does_not_fit_is_found(bad: int) -> None:
    texts = ["1", "2", None, "4", "5", "6"]
    texts[bad] = "x"
    batches = [pa.record_batch({"a": pa.array(part, pa.string())}) for part in (texts[:2], texts[2:])]
    assert first_misfit(batches, "a", pa.int64()) == (bad + 1, "x")
    assert first_misfit(batches, "a", pa.string()) is None


def test_a_value_of_another_type_is_named_with_its_row() -> None:
    repo = hw.init("memory://")
    with repo.transaction("people") as tx:
        tx.append("people", [{"id": 1, "age": 3}], key="id")
    told = r"The first value that does not fit is 'abc', in row 2\."
    with pytest.raises(SchemaError, match=told), repo.transaction("more") as tx:
        tx.append("people", [{"id": 2, "age": "7"}, {"id": 3, "age": "abc"}])
    with (
        pytest.raises(SchemaError, match=r"a value \(7\.5\) does not fit it"),
        repo.transaction("more") as tx,
    ):
        tx.append("people", [{"id": 2, "age": 7.5}])
