"""How much the built-in encoders know: neighbours and a linear model on published data sets.

Run as ``python benchmarks/embeddings_quality.py FOLDER [ENCODER ...]``, FOLDER holding banking77, trec and mnist_test.
"""

from __future__ import annotations

import io
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv

from headwater.methods.neighbours import nearest
from headwater.recipes.encoder import encode, make_encoder
from headwater.recipes.threads import one_thread


def texts(folder: Path, name: str, label: str) -> tuple[pa.Array, np.ndarray, pa.Array, np.ndarray]:
    """Return texts and labels to learn from, then those to be judged by."""
    out: list[Any] = []
    for side in ("train", "test"):
        table = pyarrow.csv.read_csv(folder / name / f"{name}_{side}.csv.gz")
        out += [table.column("text").combine_chunks(), np.asarray(table.column(label))]
    return out[0], out[1], out[2], out[3]


def digits(folder: Path) -> tuple[pa.Array, np.ndarray, pa.Array, np.ndarray]:
    """Return written digits as PNG files: 8,000 to learn from, 2,000 to be judged by."""
    from PIL import Image

    with np.load(folder / "mnist_test" / "mnist_test.npz") as stored:
        pictures, labels = stored["images"], stored["labels"]
    files = []
    for picture in pictures:
        sink = io.BytesIO()
        Image.fromarray(picture).save(sink, "PNG")
        files.append(sink.getvalue())
    values = pa.array(files, pa.binary())
    return values[:8000], labels[:8000], values[8000:], labels[8000:]


def judge(name: str, data: tuple[pa.Array, np.ndarray, pa.Array, np.ndarray]) -> dict[str, float]:
    """Return the accuracy of the vote of 5 neighbours and of logistic regression, and values a second."""
    from sklearn.linear_model import LogisticRegression

    encoder = make_encoder(name)
    encode(encoder, data[2][:2])  # what is loaded once is not counted
    start = time.perf_counter()
    size = encoder.batch_rows
    parts = [encode(encoder, data[0][at : at + size]).vectors for at in range(0, len(data[0]), size)]
    seconds = time.perf_counter() - start
    known, asked = np.concatenate(parts), encode(encoder, data[2]).vectors
    classes, codes = np.unique(data[1], return_inverse=True)
    found = nearest(asked, known, 5)
    votes = [
        np.bincount(codes[rows], weights=scores, minlength=len(classes)).argmax()
        for rows, scores in zip(found.rows, found.scores, strict=True)
    ]
    with one_thread():
        model = LogisticRegression(C=30, max_iter=300).fit(known, data[1])
    return {
        "neighbours": float((classes[votes] == data[3]).mean()),
        "linear": float(model.score(asked, data[3])),
        "per_second": len(data[0]) / seconds,
    }


def main() -> None:
    folder, wanted = Path(sys.argv[1]), sys.argv[2:] or ["hash", "words", "minilm", "image"]
    sets = {
        "trec": lambda: texts(folder, "trec", "label-coarse"),
        "banking77": lambda: texts(folder, "banking77", "category"),
        "digits": lambda: digits(folder),
    }
    for title, load in sets.items():
        for name in wanted:
            if (name == "image") == (title == "digits"):
                said = judge(name, load())
                print(title, name, {key: round(value, 3) for key, value in said.items()}, flush=True)


if __name__ == "__main__":
    main()
