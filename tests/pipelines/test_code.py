"""The name of code: it changes with what the code does, and with nothing else."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest

from headwater.pipelines.code import code_fingerprint
from headwater.pipelines.loading import load_module

CODE = '''
import json
import numpy as np

LIMIT = 3
NAMES = {"a": 1}


class Rule:
    factor = 2

    def apply(self, x):
        return x * self.factor


def helper(x):
    return x + LIMIT


def step(x, extra=1):
    """Say what."""
    # a remark
    return helper(x) + extra + NAMES["a"] + Rule().apply(x) + np.abs(x)
'''


def fingerprint(folder: Path, code: str) -> str:
    folder.mkdir(exist_ok=True)
    path = folder / "work_of_mine.py"
    path.write_text(textwrap.dedent(code))
    sys.modules.pop("work_of_mine", None)
    return code_fingerprint(load_module(str(path)).step)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("LIMIT = 3", "LIMIT = 4"),
        ('"a": 1', '"a": 2'),
        ("return x + LIMIT", "return x - LIMIT"),
        ("factor = 2", "factor = 3"),
        ("x * self.factor", "x / self.factor"),
        ("extra=1", "extra=2"),
        ("+ extra", "- extra"),
        ("np.abs", "np.sign"),
    ],
)
def test_another_name_when_what_it_does_changes(tmp_path: Path, old: str, new: str) -> None:
    assert fingerprint(tmp_path, CODE) != fingerprint(tmp_path, CODE.replace(old, new))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("# a remark", "# another remark"),
        ('"""Say what."""', '"""Say something else."""'),
        ("    return helper(x)", "\n\n    return  helper( x )"),
        ("LIMIT = 3", "LIMIT = 3\nUNUSED = 7"),
    ],
)
def test_the_same_name_when_only_words_and_looks_change(tmp_path: Path, old: str, new: str) -> None:
    assert fingerprint(tmp_path, CODE) == fingerprint(tmp_path, CODE.replace(old, new))


def test_what_a_function_closes_over_counts() -> None:
    def made(factor: Any) -> Any:
        return lambda x: x * factor

    assert code_fingerprint(made(2)) == code_fingerprint(made(2))
    assert code_fingerprint(made(2)) != code_fingerprint(made(3))
    assert code_fingerprint(made([1, {"a": 2}])) != code_fingerprint(made([1, {"a": 3}]))


def test_functions_that_call_each_other_or_themselves_are_followed_once() -> None:
    def even(n: int) -> bool:
        return n == 0 or odd(n - 1)

    def odd(n: int) -> bool:
        return n != 0 and even(n - 1)

    assert code_fingerprint(even) == code_fingerprint(even)
