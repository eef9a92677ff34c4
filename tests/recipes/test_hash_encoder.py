from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from headwater.core.errors import UsageError
from headwater.methods.neighbours import nearest
from headwater.recipes.encoder import make_encoder


def vectors(*texts: str) -> np.ndarray:
    return make_encoder("hash").encode(pa.array(texts, pa.string()))


def test_texts_that_share_spelling_are_near() -> None:
    made = vectors("my card has not arrived", "my card hasn't arived yet", "exchange rates for travel")
    assert made[0] @ made[1] > 0.4
    assert abs(made[0] @ made[2]) < 0.25


def test_case_does_not_count_and_other_scripts_do() -> None:
    made = vectors("Straße NACH Köln", "straße nach köln", "道を教えて", "道を教える", "где карта")
    assert made[0] @ made[1] == pytest.approx(1)
    assert made[2] @ made[3] > 0.25
    assert made[2] @ made[4] < 0.15


def test_an_empty_text_is_near_to_nothing() -> None:
    made = vectors("", "a")
    assert np.linalg.norm(made[1]) == pytest.approx(1)
    assert vectors().shape == (0, 512)


def test_a_batch_gives_what_each_text_alone_gives() -> None:
    texts = [f"text number {n} of {n % 7}" for n in range(300)]
    together = vectors(*texts)
    assert np.array_equal(together[17:20], vectors(*texts[17:20]))


def test_dimensions_are_checked() -> None:
    with pytest.raises(UsageError, match="multiple of 4"):
        make_encoder("hash", {"dimensions": 10}).encode(pa.array(["a"]))


def test_neighbours_of_questions_to_a_bank_ask_for_the_same(shared: Path) -> None:
    train, test = (
        pyarrow.csv.read_csv(shared / "banking77" / f"banking77_{side}.csv.gz") for side in ("train", "test")
    )
    test = test.take(pa.array(np.random.default_rng(0).permutation(len(test))[:300]))
    encoder = make_encoder("hash")
    stored, asked = (encoder.encode(table.column("text").combine_chunks()) for table in (train, test))
    found = [rows[0] for rows in nearest(asked, stored, 1).rows]
    same = np.asarray(train.column("category"))[found] == np.asarray(test.column("category"))
    assert same.mean() > 0.72  # 77 intents; the commonest is 2 %
