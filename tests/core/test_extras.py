"""Optional packages: imported where used, or the line that installs them."""

from __future__ import annotations

import json

import pytest

from headwater.core.errors import MissingExtra
from headwater.core.extras import require


def test_an_installed_package_is_returned() -> None:
    assert require("json", extra="none", purpose="reading") is json


def test_a_missing_package_names_its_extra() -> None:
    with pytest.raises(
        MissingExtra, match=r'Flying needs the package .no_such_thing.: pip install "headwater\[fly\]"'
    ):
        require("no_such_thing.deep", extra="fly", purpose="Flying")
