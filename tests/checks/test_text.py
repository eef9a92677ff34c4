"""Texts that cannot be read, say nothing, hold unwanted words, or share the same lines."""

from __future__ import annotations

import pyarrow as pa
import pytest

from headwater.checks.text import Boilerplate, Encoding, NearEmpty, Words
from headwater.core.errors import UsageError
from headwater.core.findings import Outcome
from tests.checks.targets import one_finding, target_of


def test_garbled_letters_are_found_and_true_ones_are_not() -> None:
    texts = [
        "café – “fine”",
        "ÃœberfÃ¤llig",
        "Привет",
        "lost \ufffd",
        "bell\x07",
        None,
        "tab\tand\nline",
        "日本語",
    ]
    finding = one_finding(Encoding(column="t"), target_of({"id": range(8), "t": texts}, key="id"))
    assert finding.outcome is Outcome.WARN
    assert finding.rows == ("1", "3", "4")
    assert finding.evidence == {"garbled": 1, "replaced": 1, "control": 1}
    assert finding.value == pytest.approx(3 / 7)


@pytest.mark.parametrize("encoding", ["cp1252", "latin-1"])
@pytest.mark.parametrize(
    "text", ["Größe", "naïve café", "Łódź", "Ελλάδα", "Москва", "שלום", "日本", "€5", "it’s", "🎉"]
)
def test_whatever_was_decoded_wrongly_is_found(text: str, encoding: str) -> None:
    wrong = text.encode().decode(encoding, "replace")
    finding = one_finding(Encoding(column="t"), target_of({"t": [text, wrong]}))
    assert finding.row_count == 1, wrong


def test_real_texts_are_readable() -> None:
    texts = [
        "Ängste über Öl",
        "ÀÉÎÕÜ",
        "Ça va",
        "SÃO PAULO",
        "Año Nuevo",
        "Ørsted",
        "Þórr",
        "œuvre",
        "«À bientôt»",
    ]
    assert one_finding(Encoding(column="t"), target_of({"t": texts})).outcome is Outcome.PASS


def test_texts_of_punctuation_say_nothing_and_blank_ones_are_missing() -> None:
    texts = ["fine", "...", "?!", "-", "", "  ", None, "€", "7"]
    target = target_of({"id": range(9), "t": texts}, key="id")
    finding = one_finding(NearEmpty(column="t"), target)
    assert finding.rows == ("1", "2", "3")


def test_unwanted_words_count_whole_and_in_any_case() -> None:
    texts = ["A SCAM indeed", "scampi", "no-scam", "über-böse", "böser", "c++ rules", None, "new  scam\n"]
    target = target_of({"id": range(8), "t": texts}, key="id")
    finding = one_finding(Words(column="t", words=("scam", "BÖSE", "c++")), target)
    assert finding.rows == ("0", "2", "3", "5", "7")
    assert "'scam'" in finding.message


def test_an_empty_list_of_words_is_refused() -> None:
    with pytest.raises(UsageError, match="Give the words"):
        Words(column="t", words=())


def test_a_line_that_many_texts_share_is_boilerplate() -> None:
    texts = [f"Message number {n}.\nSent from my telephone, sorry for typos. Bye!" for n in range(30)]
    texts += [
        f"A text about something else, namely {n}. And more of it, unlike others: {n}." for n in range(70)
    ]
    finding = one_finding(Boilerplate(column="t"), target_of({"id": range(100), "t": texts}, key="id"))
    assert finding.outcome is Outcome.WARN
    assert finding.evidence["pieces"] == {"Sent from my telephone, sorry for typos": 30}
    assert (finding.row_count, finding.rows[0]) == (30, "0")
    assert (
        one_finding(Boilerplate(column="t", max_fraction=0.3), target_of({"t": texts})).outcome
        is Outcome.PASS
    )


def test_texts_of_one_piece_are_no_boilerplate() -> None:
    texts = ["voluntary non-profit organisation, private"] * 50
    assert one_finding(Boilerplate(column="t"), target_of({"t": texts})).outcome is Outcome.PASS


@pytest.mark.parametrize("check", [Encoding(column="n"), NearEmpty(column="n"), Boilerplate(column="n")])
def test_other_columns_than_text_are_refused(check: Encoding) -> None:
    finding = one_finding(check, target_of({"n": [1]}))
    assert finding.outcome is Outcome.ERROR
    assert "text" in finding.message


def test_large_text_and_dictionaries_are_texts() -> None:
    for kind in (pa.large_string(), pa.string_view()):
        finding = one_finding(Encoding(column="t"), target_of(pa.table({"t": pa.array(["ÃŸ", "ß"], kind)})))
        assert finding.row_count == 1
