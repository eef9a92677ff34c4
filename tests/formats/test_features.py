"""Features of Hugging Face's library, without any file."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.core.errors import InputError, UsageError
from headwater.formats.features import FeatureColumn, feature_of, media_features, plainly

CLASSES = {"names": ["no", "yes"], "_type": "ClassLabel"}


def test_names_of_classes_become_text_and_come_back() -> None:
    columns = plainly({"label": CLASSES}, pa.schema([("label", pa.int64())]), frozenset())
    plain = columns.batch(pa.record_batch({"label": [1, None, -1, 0]}), "file")
    assert plain.to_pydict() == {"label": ["yes", None, None, "no"]}
    written = FeatureColumn(plain.schema.field("label"), columns.tags["label"], None)
    assert written.values(plain).to_pylist() == [1, None, None, 0]
    assert written.feature == CLASSES


def test_a_class_that_has_no_name_is_an_error() -> None:
    columns = plainly({"label": CLASSES}, pa.schema([("label", pa.int64())]), frozenset())
    for number in (2, -2):
        with pytest.raises(InputError, match=f"'label' has the class {number}"):
            columns.batch(pa.record_batch({"label": [number]}), "file")


def test_paths_of_media_are_a_column_where_there_are_some() -> None:
    kind = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
    features = {"photo": {"_type": "Image"}, "n": {"dtype": "int64", "_type": "Value"}}
    schema = pa.schema([("photo", kind), ("n", pa.int64())])
    assert media_features(features) == ["photo"]
    assert plainly(features, schema, frozenset()).schema.names == ["photo", "n"]
    assert plainly(features, schema, frozenset({"photo"})).schema.names == ["photo", "photo_path", "n"]
    with pytest.raises(UsageError, match="'photo_path', which is there already"):
        plainly(features, schema.append(pa.field("photo_path", pa.string())), frozenset({"photo"}))


def test_plain_types_have_features() -> None:
    kind = pa.struct([("a", pa.list_(pa.float32(), 2)), ("b", pa.list_(pa.date32()))])
    assert feature_of(kind) == {
        "a": {"feature": {"dtype": "float32", "_type": "Value"}, "length": 2, "_type": "List"},
        "b": {"feature": {"dtype": "date32", "_type": "Value"}, "_type": "List"},
    }


def test_a_type_that_has_no_feature_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match="no type for column 'every'"):
        FeatureColumn(pa.field("every", pa.month_day_nano_interval()), {}, None)
