"""Model files: a recipe's model comes back as it was, in another process too, and damage is told."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from headwater.core.errors import InputError, NotFound, StorageError, UsageError
from headwater.recipes.base import Labels, encode_labels, load
from headwater.recipes.model_file import Signature, model_bytes, read_model, read_model_facts

pytest.importorskip("skops")
pytest.importorskip("sklearn")

RNG = np.random.default_rng(0)
N = 400
AGE = RNG.integers(18, 90, N)
MIXED = pa.table(
    {
        "age": pa.array([None if n % 17 == 0 else int(age) for n, age in enumerate(AGE)], pa.int64()),
        "job æ": pa.array(
            np.array(["nurse", "clerk", "smith", None], object)[RNG.integers(0, 4, N)], pa.string()
        ),
        "code": [f"k{n}" for n in RNG.integers(0, 200, N)],
        "since": pa.array(RNG.integers(0, 2_000_000_000, N), pa.timestamp("s", "UTC")),
        "spot": pa.FixedSizeListArray.from_arrays(pa.array(RNG.normal(size=2 * N)), 2),
        "is_new": pa.array(RNG.random(N) < 0.5),
    }
)
TEXTS = pa.table({"text": [f"{'good' if age > 50 else 'bad'} thing {n % 9}" for n, age in enumerate(AGE)]})
CLASSES = encode_labels(pa.array(np.where(AGE > 50, "old", "young")))
NUMBERS = Labels(values=AGE.astype(np.float64) + RNG.normal(size=N))


def estimator() -> Any:
    from sklearn.compose import make_column_selector, make_column_transformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    numbers = make_column_transformer((StandardScaler(), make_column_selector(dtype_include="bool")))
    return make_pipeline(numbers, LogisticRegression())


@pytest.mark.parametrize(
    ("name", "features", "labels"),
    [
        ("tabular", MIXED, CLASSES),
        ("tabular", MIXED, NUMBERS),
        ("text", TEXTS, CLASSES),
        ("text", TEXTS, NUMBERS),
        ("tests.recipes.test_model_file:estimator", MIXED, CLASSES),
    ],
)
def test_a_model_comes_back_as_it_was(name: str, features: pa.Table, labels: Labels) -> None:
    recipe = load(name)
    model = recipe.fit(features, labels, weights=None, seed=0)
    signature = Signature(inputs=features.schema, label="y", classes=labels.classes)
    data = model_bytes(recipe.id, model, signature)
    again, known = read_model(data)
    assert known == signature
    np.testing.assert_array_equal(again.predict(features), model.predict(features))
    assert model_bytes(recipe.id, again, known) == data
    assert read_model_facts(data) == (recipe.id, signature)


def test_the_same_training_gives_the_same_file_and_another_process_reads_it(tmp_path: Path) -> None:
    recipe = load("tabular")
    signature = Signature(inputs=MIXED.schema, label="y", classes=CLASSES.classes)
    files = [
        model_bytes(recipe.id, recipe.fit(MIXED, CLASSES, weights=None, seed=1), signature) for _ in range(2)
    ]
    assert files[0] == files[1]
    (tmp_path / "model").write_bytes(files[0])
    with pa.OSFile(str(tmp_path / "rows"), "wb") as sink, pa.ipc.new_file(sink, MIXED.schema) as writer:
        writer.write_table(MIXED)
    code = (
        "import sys, pyarrow as pa; from headwater.recipes.model_file import read_model\n"
        "rows = pa.ipc.open_file(sys.argv[2]).read_all()\n"
        "sys.stdout.buffer.write(read_model(open(sys.argv[1], 'rb').read())[0].predict(rows).tobytes())"
    )
    said = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "model"), str(tmp_path / "rows")],
        capture_output=True,
        check=True,
    ).stdout
    assert said == read_model(files[0])[0].predict(MIXED).tobytes()


def changed(data: bytes, **facts: Any) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(buffer, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == "model.json":
                content = json.dumps({**json.loads(content), **facts}).encode()
            new.writestr(name, content)
    return buffer.getvalue()


def test_damaged_newer_and_strange_files_are_told_apart() -> None:
    recipe = load("text")
    model = recipe.fit(TEXTS, CLASSES, weights=None, seed=0)
    data = model_bytes("text", model, Signature(inputs=TEXTS.schema, label="y", classes=CLASSES.classes))
    with pytest.raises(InputError, match="no model file"):
        read_model(b"a pickle perhaps")
    with pytest.raises(InputError, match="no model file"):
        read_model(data[:-200])
    with pytest.raises(StorageError, match="Upgrade"):
        read_model(changed(data, format=99))
    with pytest.raises(InputError, match="damaged"):
        read_model(changed(data, parts={}))
    with pytest.raises(NotFound, match="Recipe"):
        read_model(changed(data, recipe="gone"))


def test_a_model_without_parts_is_refused() -> None:
    class Odd:
        def predict(self, features: pa.Table) -> np.ndarray[Any, Any]:
            return np.zeros((features.num_rows, 1))

    with pytest.raises(UsageError, match="parts"):
        model_bytes("odd", Odd(), Signature(inputs=TEXTS.schema, label="y"))  # type: ignore[arg-type]
