"""Places in documents are found in the text that they were read from."""

from __future__ import annotations

import json

import pytest
import yaml

from headwater.cli.yaml_lines import line_of, lined, position_of

TEXT = """\
kind: DataContract
schema:
- name: a
  properties:
  - name: x

    required: true
  - {name: y, quality: [
      {rule: rowCount}]}
  "odd name": 1
"""


@pytest.mark.parametrize(
    ("place", "line"),
    [
        ("kind", 1),
        ("schema", 2),
        ("schema[0]", 3),
        ("schema[0].properties", 4),
        ("schema[0].properties[0].required", 7),
        ("schema[0].properties[1]", 8),
        ("schema[0].properties[1].quality[0].rule", 9),
        ("schema[0].properties[0].nothing[3]", 5),
        ("schema[7].properties", 2),
        ("schema[0].odd name", 10),
        ("status", None),
        ("", None),
    ],
)
def test_a_place_has_a_line(place: str, line: int | None) -> None:
    assert line_of(TEXT, place) == line


def test_sentences_get_the_line_of_their_place() -> None:
    found = lined(TEXT, ["status is missing", "schema[0].properties[0].required is odd", "kind: no"])
    assert found == [
        "status is missing",
        "line 7: schema[0].properties[0].required is odd",
        "line 1: kind: no",
    ]


def test_json_has_lines_and_a_text_without_content_has_none() -> None:
    assert line_of(json.dumps({"a": {"b": [1, 2]}}, indent=1), "a.b[1]") == 5
    assert line_of("", "a") is None
    assert line_of("- &one {a: 1}\n- *one\n", "a") is None


@pytest.mark.parametrize(
    ("text", "line"), [("a: [", 1), ("a: 1\nb: 2\n c: 3", 3), ("a\n\x00", 2), ("a: !!python/x 1", 1)]
)
def test_an_error_in_yaml_has_a_line_and_a_reason(text: str, line: int) -> None:
    with pytest.raises(yaml.YAMLError) as caught:
        yaml.safe_load(text)
    found, reason = position_of(caught.value, text)
    assert (found, "\n" in reason) == (line, False)
