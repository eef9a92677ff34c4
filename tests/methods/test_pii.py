"""Personal data with a form is found where people marked it, in texts and in columns."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest
from hypothesis import given
from hypothesis import strategies as st

from headwater.core.errors import NotFound
from headwater.methods.pii import detect, find_spans

TEXTS = st.lists(
    st.one_of(
        st.none(),
        st.text(max_size=30),
        st.lists(
            st.sampled_from(
                [
                    "é",
                    " ",
                    "a@b.de",
                    "4111111111111111",
                    "tel 451 5986",
                    "x",
                    "\x00",
                    "1.2.3.4",
                    "078-05-1120",
                ]
            ),
            max_size=6,
        ).map("".join),
    ),
    max_size=12,
)


@given(TEXTS)
def test_spans_lie_where_they_say_and_do_not_overlap(texts: list[str | None]) -> None:
    spans = find_spans(pa.array(texts, pa.string())).to_pylist()
    for span in spans:
        text = texts[span["row"]]
        assert text is not None
        assert text[span["start"] : span["end"]] == span["value"] != ""
    for one, next_one in pairwise(spans):
        assert (one["row"], one["end"]) <= (next_one["row"], next_one["start"])


@given(TEXTS, st.integers(0, 12))
def test_each_text_is_read_for_itself(texts: list[str | None], cut: int) -> None:
    whole = find_spans(pa.array(texts, pa.string()))
    first, second = (find_spans(pa.array(part, pa.string())) for part in (texts[:cut], texts[cut:]))
    moved = second.set_column(0, "row", pa.array(second["row"].to_numpy() + len(texts[:cut]), pa.int64()))
    assert pa.concat_tables([first, moved]).to_pylist() == whole.to_pylist()


def test_marked_personal_data_is_found(shared: Path) -> None:
    marked = json.loads((shared / "pii" / "presidio_synth_v2.json").read_text())
    kinds = {
        "EMAIL_ADDRESS": "email",
        "PHONE_NUMBER": "phone",
        "CREDIT_CARD": "credit_card",
        "IBAN_CODE": "iban",
    }
    spans = find_spans(pa.array([item["full_text"] for item in marked]))
    found = {tuple(span[key] for key in ("row", "start", "end", "kind")) for span in spans.to_pylist()}
    expected = {
        (row, span["start_position"], span["end_position"], kinds[span["entity_type"]])
        for row, item in enumerate(marked)
        for span in item["spans"]
        if span["entity_type"] in kinds
    }
    assert len(expected) == 97
    precision, recall = len(found & expected) / len(found), len(found & expected) / len(expected)
    assert 5 * precision * recall / (4 * precision + recall) > 0.98  # F2


@pytest.mark.parametrize(
    "path", ["banking77/banking77_train.csv.gz", "trec/trec_train.csv.gz", "raha_beers/clean.csv.gz"]
)
def test_data_about_no_person_gives_no_alarm(shared: Path, path: str) -> None:
    table = pa.csv.read_csv(shared / path)
    assert [found for name in table.column_names for found in detect(table[name], name=name)] == []


def test_columns_of_people_are_told_by_values_and_names(shared: Path) -> None:
    table = pa.csv.read_csv(shared / "er_febrl" / "dataset1.csv.gz")
    found = {name: [item.kind for item in detect(table[name], name=name)] for name in table.column_names}
    assert {name: kinds for name, kinds in found.items() if kinds} == {
        "given_name": ["person_name"],
        "surname": ["person_name"],
        "street_number": ["address"],
        "address_1": ["address"],
        "address_2": ["address"],
        "postcode": ["postcode"],
        "date_of_birth": ["date_of_birth"],
        "soc_sec_id": ["us_ssn"],
    }


def test_rows_and_counts_are_those_of_the_column() -> None:
    values = pa.chunked_array([["a@b.de", None, "none"], ["a@b.de", "c@d.fr and 212-555-0123"]])
    email, phone = detect(values)
    assert (email.kind, email.basis, email.count, email.fraction) == ("email", "values", 3, 0.75)
    assert email.rows.tolist() == [0, 3, 4]
    assert (phone.kind, phone.rows.tolist()) == ("phone", [4])
    assert [item.kind for item in detect(values, kinds=["phone"])] == ["phone"]


def test_a_name_makes_loose_forms_believable_and_covers_the_rows_it_does_not_explain() -> None:
    numbers = pa.array(["5551234567", "5559876543", "451 5986", "?", None])
    assert detect(numbers, name="code") == []
    (found,) = detect(numbers, name="phone")
    assert (found.kind, found.basis, found.rows.tolist()) == ("phone", "values", [0, 1, 2])
    (found,) = detect(pa.array(["x", "y", None]), name="phone")
    assert (found.kind, found.basis, found.rows.tolist()) == ("phone", "name", [0, 1])
    (found,) = detect(pa.array([1.5, None]), name="latitude")
    assert (found.kind, found.basis, found.count) == ("location", "name", 1)


def test_numbers_that_pass_a_check_digit_by_chance_are_no_cards(rng: np.random.Generator) -> None:
    identifiers = rng.integers(4 * 10**15, 5 * 10**15, 5000)
    assert detect(pa.array(identifiers), name="order_id") == []
    assert detect(pa.array(identifiers).cast(pa.string()), name="order_id") == []
    cards = pa.array([4111111111111111, 5555555555554444, 378282246310005])
    assert [item.kind for item in detect(cards, name="order_id")] == ["credit_card"]


@pytest.mark.parametrize(
    "values", [pa.nulls(3), pa.array([], pa.string()), pa.array([None, None], pa.string())]
)
def test_empty_and_all_null_columns_hold_nothing(values: pa.Array) -> None:
    assert detect(values, name="email") == []
    assert find_spans(values).num_rows == 0


def test_dictionary_and_large_strings_are_read() -> None:
    for kind in (pa.large_string(), pa.dictionary(pa.int32(), pa.string())):
        assert detect(pa.array(["a@b.de", "x", "a@b.de"]).cast(kind))[0].rows.tolist() == [0, 2]


def test_unknown_kinds_are_refused() -> None:
    with pytest.raises(NotFound, match="Did you mean 'email'"):
        find_spans(pa.array(["x"]), kinds=["emial"])
