"""headwater.toml is read strictly: what means nothing is an error that says where."""

from __future__ import annotations

from pathlib import Path

import pytest

from headwater.core.config import CONFIG, Channel, find_config, read_config
from headwater.core.errors import InputError


def written(folder: Path, text: str) -> Path:
    path = folder / CONFIG
    path.write_text(text, encoding="utf-8")
    return path


def test_the_nearest_file_above_is_found(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    path = written(tmp_path, "")
    assert find_config(inner) == path
    assert read_config(path).notifications == ()


def test_notifications_are_read(tmp_path: Path) -> None:
    path = written(
        tmp_path,
        """
        [[notifications]]
        kind = "webhook"
        url = "https://example.org/hook"
        on = ["quarantined"]
        branches = ["main"]
        secret_env = "SECRET"
        [[notifications]]
        kind = "email"
        host = "mail.example.org"
        sender = "data@example.org"
        to = ["ada@example.org"]
        """,
    )
    first, second = read_config(path).notifications
    assert first == Channel(
        kind="webhook",
        url="https://example.org/hook",
        on=("quarantined",),
        branches=("main",),
        secret_env="SECRET",
    )
    assert (second.port, second.starttls, second.to) == (587, True, ("ada@example.org",))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("notifications = 3", "table"),
        ("[[notifications]]\nkind = 'pigeon'", "needs a kind"),
        ("[[notifications]]\nkind = 'webhook'", "one of url and url_env"),
        ("[[notifications]]\nkind = 'webhook'\nurl = 'https://a'\nurl_env = 'B'", "one of url and url_env"),
        ("[[notifications]]\nkind = 'webhook'\nurl = 3", "type str"),
        ("[[notifications]]\nkind = 'webhook'\nlink = 'a'", "no setting 'link'"),
        ("[[notifications]]\nkind = 'slack'\nurl = 'https://a'\non = ['never']", "no event"),
        ("[[notifications]]\nkind = 'email'\nhost = 'a'", "needs sender, to"),
        (
            """
            [[notifications]]
            kind = 'email'
            host = 'a'
            sender = 'b'
            to = ['c']
            starttls = false
            user_env = 'U'
            password_env = 'P'
            """,
            "starttls",
        ),
        ("[[notifications]\n", "not TOML"),
    ],
)
def test_what_means_nothing_is_an_error(text: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=complaint):
        read_config(written(tmp_path, text))
