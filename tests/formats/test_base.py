"""Sources and batches."""

from __future__ import annotations

import pyarrow as pa

from headwater.formats.base import BATCH_ROWS, READERS, WRITERS, Source, batches_of, gathered


def test_batches_of_anything_are_bounded_and_none_is_empty() -> None:
    table = pa.table({"a": range(300_000)})
    empty = table.slice(0, 0).to_batches()
    for data in (table, table.combine_chunks().to_batches()[0], [*empty, *table.to_batches()]):
        found = list(batches_of(data))
        assert [batch.num_rows for batch in found] == [BATCH_ROWS, BATCH_ROWS, 300_000 - 2 * BATCH_ROWS]
        assert pa.Table.from_batches(found).equals(table)


def test_small_batches_are_gathered() -> None:
    batches = [pa.record_batch({"a": range(50_000)})] * 7
    assert [len(table) for table in gathered(batches, batches[0].schema)] == [150_000, 150_000, 50_000]


def test_a_source_gives_a_table_or_a_stream_each_time_anew() -> None:
    table = pa.table({"a": [1, 2]})
    source = Source(
        location="x", format="f", schema=table.schema, num_rows=2, batches=lambda: batches_of(table)
    )
    assert source.table().equals(table)
    assert source.reader().read_all().equals(table)
    assert source == Source(location="x", format="f", schema=table.schema, num_rows=2, batches=list)  # type: ignore[arg-type]


def test_every_format_is_registered_by_its_file() -> None:
    assert list(READERS) == [
        *(
            "arrow",
            "croissant",
            "csv",
            "delta",
            "excel",
            "feather",
            "folder",
            "hf",
            "huggingface",
            "iceberg",
            "json",
        ),
        *("jsonl", "lance", "ndjson", "parquet", "postgres", "postgresql", "sqlite", "tsv", "wds"),
        "webdataset",
    ]
    assert list(WRITERS) == [
        *(
            "arrow",
            "croissant",
            "csv",
            "delta",
            "feather",
            "folder",
            "hf",
            "huggingface",
            "iceberg",
            "jsonl",
            "lance",
        ),
        *("ndjson", "parquet", "tsv", "wds", "webdataset"),
    ]


def test_few_rows_of_large_values_are_gathered_no_further_than_some_megabytes() -> None:
    batch = pa.record_batch({"a": [bytes(10 << 20)]})
    tables = list(gathered([batch] * 10, batch.schema))
    assert [len(table) for table in tables] == [7, 3]
