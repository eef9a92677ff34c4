"""Tf-idf: rare words weigh more, and weights are learnt from the training texts alone."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from headwater.recipes.tfidf import TfIdf


def test_each_text_has_length_one_in_words_and_in_pieces_and_unknown_words_are_nothing() -> None:
    texts = pa.table({"text": ["red apple", "red pear", "red apple", None]})
    weigher, matrix = TfIdf.learn(texts, least_texts=1)
    assert np.asarray(matrix.multiply(matrix).sum(axis=1)).ravel().round(6).tolist() == [2.0, 2.0, 2.0, 0.0]
    assert abs(weigher.matrix(texts) - matrix).sum() == 0.0
    assert weigher.matrix(pa.table({"text": ["zzzz qqqq"]})).nnz == 0


def test_a_rare_word_weighs_more_than_a_frequent_one() -> None:
    _, matrix = TfIdf.learn(pa.table({"text": ["aa bb", "aa cc", "aa dd"]}), least_texts=1)
    words = matrix[0].toarray().ravel()
    assert words.max() > words[words > 0].min()


def test_several_columns_are_read_as_one_text() -> None:
    _, joined = TfIdf.learn(pa.table({"a": ["red", "blue"], "b": ["one", None]}), least_texts=1)
    _, plain = TfIdf.learn(pa.table({"a": ["red\none", "blue\n"]}), least_texts=1)
    assert abs(joined - plain).sum() == 0.0
