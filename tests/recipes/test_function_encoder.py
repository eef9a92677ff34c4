from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from headwater.core.errors import NotFound
from headwater.recipes.encoder import encode, encoder_id, make_encoder
from headwater.recipes.function_encoder import FunctionEncoder


def test_a_function_of_a_module_encodes() -> None:
    said = encode(FunctionEncoder(name="tests.recipes.encoders:lengths"), pa.array(["a bc", "def"]))
    assert said.vectors.tolist() == [[4, 1, 1], [3, 3, 1]]


def test_values_may_be_of_any_type() -> None:
    said = encode(FunctionEncoder(name="tests.recipes.encoders:of_numbers"), pa.array([1, 5]))
    assert said.vectors.tolist() == [[1, 2], [5, 10]]


@pytest.mark.parametrize("name", ["no_such_module_here:f", "tests.recipes.encoders:nothing", ":", "a:"])
def test_a_function_that_is_not_there_is_named(name: str) -> None:
    with pytest.raises(NotFound, match="module:function"):
        encode(make_encoder(name), pa.array(["a"]))


def test_what_is_no_function_is_refused() -> None:
    with pytest.raises(NotFound, match="it is a int"):
        encoder_id(make_encoder("tests.recipes.encoders:NUMBER"))


def test_another_text_or_version_of_the_function_is_another_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    ids = set()
    bodies = ["return [[1.0]] * len(values)", "return [[2.0]] * len(values)", "return [[2.0]] * len(values)"]
    for number, body in enumerate(bodies):
        version = "\nf.version = 2\n" if number == 2 else ""
        (tmp_path / f"own{number}.py").write_text(f"def f(values):\n    {body}\n{version}")
        encoder = FunctionEncoder(name=f"own{number}:f")
        ids.add(encoder.fingerprint)
        assert len(encode(encoder, pa.array(["a", "b"])).vectors) == 2
    assert len(ids) == 3
