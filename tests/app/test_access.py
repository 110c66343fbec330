"""Which paths a person may type."""

from pathlib import Path

import pytest

from app.web.access import Folders, is_local
from crossmodal.errors import ConfigError


@pytest.mark.parametrize("client", ["127.0.0.1", "::1", "127.0.0.2"])
def test_who_sits_at_this_computer_is_local(client: str) -> None:
    assert is_local(client, {"host": "localhost"})


@pytest.mark.parametrize(
    ("client", "headers"),
    [
        ("192.0.2.7", {}),
        (None, {}),
        ("127.0.0.1", {"x-forwarded-for": "192.0.2.7"}),
        ("127.0.0.1", {"forwarded": "for=192.0.2.7"}),
        ("127.0.0.1", {"x-real-ip": "127.0.0.1"}),
    ],
)
def test_who_comes_from_elsewhere_or_through_a_proxy_is_not(client: str | None, headers: dict[str, str]) -> None:
    assert not is_local(client, headers)


def test_a_stranger_may_name_what_was_allowed_and_what_is_in_it(tmp_path: Path) -> None:
    (tmp_path / "open" / "deep").mkdir(parents=True)
    (tmp_path / "closed").mkdir()
    folders = Folders([tmp_path / "open"])
    assert folders.check(str(tmp_path / "open" / "deep"), local=False) == tmp_path / "open" / "deep"
    for path in (tmp_path / "closed", tmp_path / "open" / ".." / "closed", tmp_path, tmp_path / "openly"):
        with pytest.raises(ConfigError, match="--allow-folder"):
            folders.check(str(path), local=False)


def test_a_link_out_of_an_allowed_folder_leads_nowhere(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "closed").mkdir()
    (tmp_path / "open" / "link").symlink_to(tmp_path / "closed")
    with pytest.raises(ConfigError, match="--allow-folder"):
        Folders([tmp_path / "open"]).check(str(tmp_path / "open" / "link"), local=False)


def test_a_stranger_does_not_learn_what_is_there(tmp_path: Path) -> None:
    messages = []
    for path in (tmp_path, tmp_path / "not there"):
        with pytest.raises(ConfigError) as refused:
            Folders().check(str(path), local=False)
        messages.append(str(refused.value))
    assert messages[0] == messages[1]


@pytest.mark.parametrize("typed", ["", "  ", "a\0b", "music", "/no/such/folder"])
def test_what_is_no_folder_is_said(typed: str) -> None:
    with pytest.raises(ConfigError):
        Folders().check(typed, local=True)


def test_a_path_is_taken_as_people_paste_it(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "My Music").mkdir()
    assert Folders().check(f' "{tmp_path / "My Music"}" ', local=True) == tmp_path / "My Music"
    assert Folders().check("~/My Music", local=True) == tmp_path / "My Music"
