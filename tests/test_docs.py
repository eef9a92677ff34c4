"""The code in README.md and docs/ works, and the generated reference says what the source says."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests import markdown
from tests.conftest import ROOT

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_the_code_of_a_page_runs(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    markdown.run(page, tmp_path)


def test_the_reference_is_current() -> None:
    # In a process of its own: click remembers on its commands how help was asked for by other tests.
    code = "import json, runpy; print(json.dumps(runpy.run_path('docs/generate.py')['pages']()))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    wanted = json.loads(done.stdout)
    there = {path.name: path.read_text() for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert "cli.md" in wanted
    stale = sorted(name for name in {*wanted, *there} if wanted.get(name) != there.get(name))
    assert stale == [], "run `make docs` and commit docs/reference"


def test_blocks_share_names_and_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = written(
        tmp_path,
        """
        ```python
        from pathlib import Path
        text = "one\\ntwo\\nthree"
        ```
        ```console
        $ mkdir inner
        $ cd inner
        ```
        ```python
        Path("file").write_text(text)
        ```
        ```console
        $ cat \\
            file
        one
        …
        t...e
        ```
        """,
    )
    monkeypatch.chdir(tmp_path)
    assert markdown.run(page, tmp_path) == 4
    assert (tmp_path / "inner" / "file").exists()


@pytest.mark.parametrize(
    ("block", "complaint"),
    [
        ("```console\n$ false\n```\n", "exit code 1, not 0"),
        ("<!-- exit: 1 -->\n```console\n$ true\n```\n", "exit code 0, not 1"),
        ("```console\n$ echo one\ntwo\n```\n", "shown:\ntwo\nprinted:\none"),
        ("```console\n$ printf 'one\\ntwo\\n'\none\n```\n", "printed:\none\ntwo"),
        ("```console\necho one\n```\n", "no line that starts with"),
        ("```bash\necho one\nfalse\n```\n", "exit code 1, not 0"),
    ],
)
def test_a_block_that_is_wrong_fails(
    block: str, complaint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AssertionError, match=complaint):
        markdown.run(written(tmp_path, block), tmp_path)


def test_a_block_marked_so_is_not_run_and_a_failure_can_be_expected(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    page = "<!-- not run -->\n\n```console\n$ false\n```\n<!-- exit: 3 -->\n```bash\nexit 3\n```\n"
    assert markdown.run(written(tmp_path, page), tmp_path) == 1


def written(folder: Path, text: str) -> Path:
    page = folder / "page.md"
    page.write_text(text.replace("\n        ", "\n"))
    return page
