"""Every message says what, why, what to do, and holds no traceback."""

import pytest

from app.web.words import trouble
from crossmodal.errors import CatalogueError, ConfigError, MediaError


def sentence(error: Exception, name: str | None = None) -> str:
    said = trouble(error, name)
    return f"{said['what']} {said['do']}".strip()


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (MediaError("x.mp4", "not_media", "is text"), "notes.mp4 is not a video: it is text. Choose a video file."),
        (
            MediaError("x", "no_video", "has no picture"),
            "notes.mp4 has sound but no picture. Drop it on the music side.",
        ),
        (
            MediaError("x", "corrupt", "its index lists nothing", "Copy it again."),
            "notes.mp4 cannot be used: its index lists nothing. Copy it again.",
        ),
        (MediaError("x", "empty", "holds 0 bytes", "Copy it again."), "notes.mp4 holds 0 bytes. Copy it again."),
        (CatalogueError("empty", "/a/b holds no music"), "No music yet. Add a folder or files on the right."),
        (ConfigError("Type the path."), "Type the path."),
        (OSError(28, "No space left on device"), "The disk is full. Make room, then try again."),
    ],
)
def test_messages(error: Exception, words: str) -> None:
    assert sentence(error, "notes.mp4") == words


def test_a_fault_of_ours_shows_neither_its_type_nor_its_text() -> None:
    words = sentence(KeyError("secret"))
    assert "secret" not in words and "KeyError" not in words and "terminal" in words


def test_a_name_with_lines_and_turns_of_direction_is_one_line() -> None:
    words = sentence(MediaError("x", "empty", "holds 0 bytes"), "a\nb\u202ec.mp4")
    assert "\n" not in words and "\u202e" not in words
