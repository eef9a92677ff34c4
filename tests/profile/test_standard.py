"""A profile takes of every column what its kind has."""

from __future__ import annotations

import pyarrow as pa

from headwater.profile.measure import measure_table
from headwater.profile.standard import column_measures, comoments_of, standard_measures
from tests.profile.tables import SCHEMA


def test_every_column_of_every_kind_can_be_described() -> None:
    measures = standard_measures(SCHEMA)
    measured = measure_table(SCHEMA.empty_table(), measures)
    assert not measured.errors
    assert {column for one in measures for column in one.columns} == set(SCHEMA.names)


def test_what_is_measured_depends_on_the_kind() -> None:
    ids = {field.name: {one.id for one in column_measures(field)} for field in SCHEMA}
    assert ids["vector"] == {"column.counts", "column.distinct"}
    assert "column.shapes" in ids["text"]
    assert "column.moments" in ids["day"]


def test_correlations_are_of_numbers_but_not_of_keys_and_not_of_too_many() -> None:
    schema = pa.schema([("id", pa.int64()), ("x", pa.float64()), ("flag", pa.bool_()), ("word", pa.string())])
    found = comoments_of(schema, ("id",))
    assert found is not None
    assert found.of == ("x", "flag")
    assert comoments_of(schema, ("id", "x")) is None
    wide = comoments_of(pa.schema([(f"c{i}", pa.int64()) for i in range(99)]))
    assert wide is not None
    assert len(wide.of) == 40
