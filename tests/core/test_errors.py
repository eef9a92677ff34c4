"""The error tree: what each error is, says and carries, and that it survives a trip between processes."""

from __future__ import annotations

import pickle

import pyarrow as pa
import pytest

from headwater.core import errors
from headwater.core.errors import HeadwaterError, MissingExtra, NotFound, UsageError

CLASSES = [getattr(errors, name) for name in errors.__all__ if name != "require_choice"]


@pytest.mark.parametrize(
    ("name", "code", "builtin"),
    [
        ("UsageError", 2, ValueError),
        ("NotFound", 2, LookupError),
        ("SchemaError", 2, ValueError),
        ("InvalidKeys", 2, ValueError),
        ("MissingExtra", 2, ImportError),
        ("InputError", 2, ValueError),
        ("MergeConflict", 1, Exception),
        ("Diverged", 1, Exception),
        ("GateClosed", 1, Exception),
        ("ConcurrentUpdate", 3, Exception),
        ("StorageError", 3, OSError),
        ("StorageFull", 3, OSError),
        ("StorageDenied", 3, OSError),
        ("ObjectMissing", 3, OSError),
        ("CorruptObject", 3, OSError),
    ],
)
def test_each_error_has_an_exit_code_and_refines_a_builtin(
    name: str, code: int, builtin: type[Exception]
) -> None:
    kind = getattr(errors, name)
    assert issubclass(kind, HeadwaterError)
    assert issubclass(kind, builtin)
    assert kind.exit_code == code


@pytest.mark.parametrize("kind", CLASSES)
def test_errors_keep_their_facts_through_pickle(kind: type[HeadwaterError]) -> None:
    error = kind("It broke here. Mend it so.", path="a/b", count=3, table=pa.table({"x": [1]}))
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert str(again) == error.message == "It broke here. Mend it so."
    assert (again.path, again.count) == ("a/b", 3)
    assert again.facts["table"].equals(error.table)


def test_a_fact_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="StorageError has no attribute 'nothing'"):
        errors.StorageError("x").nothing  # noqa: B018


def test_a_value_that_is_no_choice_is_refused_with_the_choices() -> None:
    errors.require_choice("mode", "append", ["append", "replace"])
    with pytest.raises(UsageError) as caught:
        errors.require_choice("mode", "Append", ["append", "replace"])
    assert str(caught.value) == "mode is one of 'append', 'replace', not 'Append'. Did you mean 'append'?"


def test_upper_and_lower_case_are_alike_in_suggestions() -> None:
    assert "Did you mean 'id'?" in str(NotFound.among("column", "ID", ["id", "name"]))
    assert "Did you mean 'Straße'?" in str(NotFound.among("column", "STRASSE", ["Straße", "Ort"]))


def test_a_missing_name_suggests_the_nearest_and_lists_a_few() -> None:
    error = NotFound.among("column", "agee", ["name", "age"], where="dataset 'people'")
    assert (
        str(error) == "Column 'agee' not found in dataset 'people'. Did you mean 'age'? Columns: age, name."
    )
    assert (error.kind, error.name, error.known) == ("column", "agee", ["age", "name"])
    many = str(NotFound.among("branch", "x", [f"b{n:03}" for n in range(50)]))
    assert many.endswith("b019, … (50 in all).")
    assert (
        str(NotFound.among("repository", "x", []))
        == "Repository 'x' not found. There are no repositories yet."
    )


def test_a_missing_package_names_the_line_that_installs_it() -> None:
    error = MissingExtra.for_package("polars", "polars", "to_polars")
    assert str(error) == "to_polars needs the package 'polars': pip install \"headwater[polars]\""
