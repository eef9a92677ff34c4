"""Foreign texts are found; slang, names and short texts are not."""

from __future__ import annotations

from pathlib import Path

import pyarrow.csv as csv
import pytest

from headwater.checks import language
from headwater.checks.language import Language
from headwater.core.findings import Outcome
from tests.checks.targets import one_finding, target_of

pytest.importorskip("py3langid")

ENGLISH = [f"My card has not arrived yet, where is parcel number {n}?" for n in range(30)]
OTHERS = [
    "Meine Karte ist leider noch nicht angekommen, wo bleibt sie?",
    "Bonjour, je voudrais savoir où se trouve ma carte bancaire",
    "¿Dónde está mi tarjeta? Todavía no ha llegado a mi casa",
]


def test_texts_unlike_most_are_foreign() -> None:
    texts = [*ENGLISH, *OTHERS, None, "ok", "¿qué?"]
    finding = one_finding(Language(column="t"), target_of({"id": range(36), "t": texts}, key="id"))
    assert finding.outcome is Outcome.WARN
    assert finding.rows == ("30", "31", "32")
    assert finding.evidence == {"expected": ["en"], "languages": {"de": 1, "es": 1, "fr": 1}}
    assert finding.value == pytest.approx(3 / 33)


def test_expected_languages_are_no_fault() -> None:
    target = target_of({"t": [*ENGLISH, *OTHERS]})
    assert (
        one_finding(Language(column="t", languages=("en", "de", "fr", "es")), target).outcome is Outcome.PASS
    )
    assert one_finding(Language(column="t", languages=("fr",)), target).row_count == 32


def test_an_unknown_language_is_an_error() -> None:
    finding = one_finding(Language(column="t", languages=("english",)), target_of({"t": ENGLISH}))
    assert finding.outcome is Outcome.ERROR
    assert "english" in finding.message


def test_texts_are_looked_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    target = target_of({"t": ENGLISH})
    one_finding(Language(column="t"), target)
    monkeypatch.setattr(Language, "_identified", lambda self, texts: pytest.fail("looked at again"))
    assert one_finding(Language(column="t", max_fraction=0.5), target).outcome is Outcome.PASS


def test_real_english_with_slang_is_english(shared: Path) -> None:
    texts = csv.read_csv(shared / "sms_spam" / "sms_spam.csv.gz")["text"].slice(0, 1500)
    finding = one_finding(Language(column="text"), target_of({"text": texts}))
    assert finding.outcome is Outcome.PASS, finding.message
    assert language._labels()
