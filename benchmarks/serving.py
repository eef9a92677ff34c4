"""Requests for one row: our server beside MLflow's, the same kind of model, the same clients, by turns.

    python benchmarks/serving.py PYTHON [--seconds 5] [--rounds 3]

PYTHON is the interpreter of an environment with mlflow and scikit-learn.
"""

from __future__ import annotations

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import headwater as hw

sys.path.insert(0, str(Path(__file__).parents[1]))
from tests.models.registered import loans

MLFLOW = """
import sys, mlflow, pandas as pd
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OrdinalEncoder
rows = pd.read_csv(sys.argv[1])
x = rows[["income", "debt", "job"]]
code = make_column_transformer((OrdinalEncoder(), ["job"]), remainder="passthrough")
trees = HistGradientBoostingClassifier(max_leaf_nodes=8, learning_rate=0.06)
model = make_pipeline(code, trees).fit(x, rows["approve"])
mlflow.sklearn.save_model(model, sys.argv[2], signature=mlflow.models.infer_signature(x, model.predict(x)),
                          serialization_format="cloudpickle", pip_requirements=["scikit-learn"])
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="interpreter with mlflow")
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        measure(Path(folder), given)


def measure(folder: Path, given: argparse.Namespace) -> None:
    import pyarrow.csv

    rows = loans(5000)
    pyarrow.csv.write_csv(rows, folder / "loans.csv")
    repo = hw.init(folder / "repo")
    repo.import_("loans", rows, key="id", label="approve", sensitive=["region"])
    repo.models.register(repo.train("loans"), "loans")
    subprocess.run(
        [given.python, "-c", MLFLOW, folder / "loans.csv", folder / "model"], check=True, capture_output=True
    )
    row = {"income": 50.0, "debt": 10.0, "job": "nurse"}
    ours = [sys.executable, "-c", "from headwater.cli.main import main; main()", "-C", str(folder / "repo")]
    ours += ["serve", "loans", "--port", "18501"]
    binary = str(Path(given.python).parent / "mlflow")
    theirs = [
        binary,
        "models",
        "serve",
        "-m",
        str(folder / "model"),
        "--env-manager",
        "local",
        "--port",
        "18502",
    ]
    frame = {"dataframe_split": {"columns": list(row), "data": [list(row.values())]}}
    sides = {
        "Headwater": (ours, 18501, "/healthz", "/v1/models/loans:predict", {"instances": [row]}),
        "MLflow": (theirs, 18502, "/ping", "/invocations", frame),
    }
    found: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
    for _ in range(given.rounds):
        for name, (command, port, health, path, body) in sides.items():
            environment = {**os.environ, "PATH": f"{Path(given.python).parent}:{os.environ['PATH']}"}
            server = subprocess.Popen(
                command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, env=environment
            )
            try:
                wait(port, health)
                load(port, path, body, 1, 1.0)
                for clients in (1, 16):
                    found.setdefault((name, clients), []).append(
                        load(port, path, body, clients, given.seconds)
                    )
            finally:
                server.terminate()
                server.wait(60)
    for clients in (1, 16):
        figures = {
            name: [statistics.median(x) for x in zip(*found[name, clients], strict=True)] for name in sides
        }
        for name, (rate, middle, slow) in figures.items():
            print(
                f"{clients:2d} client(s)  {name:10s} {rate:7.0f} requests/s  p50 {middle:6.1f} ms  p99 {slow:6.1f} ms"
            )
        print(f"{clients:2d} client(s)  ratio      {figures['Headwater'][0] / figures['MLflow'][0]:.1f}")


def wait(port: int, path: str) -> None:
    for _ in range(600):
        try:
            one = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
            one.request("GET", path)
            if one.getresponse().status == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise SystemExit(f"no server at {port}")


def load(port: int, path: str, body: object, clients: int, seconds: float) -> tuple[float, float, float]:
    """Return requests a second, and the median and 99th percentile of the time of one in ms."""
    data, times, lock = json.dumps(body).encode(), [], threading.Lock()
    until = time.perf_counter() + seconds

    def client() -> None:
        own, one = [], http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        while time.perf_counter() < until:
            start = time.perf_counter()
            one.request("POST", path, data, {"Content-Type": "application/json"})
            answer = one.getresponse()
            text = answer.read()
            if answer.status != 200:
                raise SystemExit(text.decode())
            own.append(time.perf_counter() - start)
        with lock:
            times.extend(own)

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    times.sort()
    return len(times) / seconds, 1000 * times[len(times) // 2], 1000 * times[int(len(times) * 0.99)]


if __name__ == "__main__":
    main()
