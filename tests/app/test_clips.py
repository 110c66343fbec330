"""Clips: who may be one, how long they stay, what is drawn of them."""

import time
from pathlib import Path

import pytest

from app.web import clips
from app.web.clips import LIFE, Clips
from app.web.workspace import Workspace
from crossmodal.demo import make_clip, make_track
from crossmodal.errors import MediaError


@pytest.fixture
def workspace(tmp_path, monkeypatch) -> Workspace:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return Workspace()


def upload(workspace: Workspace, name: str = "clip.mp4") -> Path:
    folder = workspace.uploads / "3f2a"
    folder.mkdir(exist_ok=True)
    return make_clip(folder / name, seconds=1.0)


def test_an_upload_becomes_a_clip_under_the_name_that_the_person_knows(workspace) -> None:
    clip = Clips(workspace).add_upload(str(upload(workspace)), "Hafen am Morgen.mp4")
    shown = clip.shown()
    assert (shown["name"], shown["width"], shown["height"], shown["type"]) == (
        "Hafen am Morgen.mp4",
        160,
        120,
        "video/mp4",
    )
    assert len(clip.id) >= 20


@pytest.mark.parametrize("path", ["/etc/hostname", "{folder}/../../outside.mp4", "{folder}/link.mp4", "", "nothing"])
def test_only_what_lies_in_the_folder_of_uploads_becomes_a_clip(workspace, tmp_path, path: str) -> None:
    make_clip(tmp_path / "outside.mp4", seconds=1.0)
    (workspace.uploads / "link.mp4").symlink_to(tmp_path / "outside.mp4")
    with pytest.raises(MediaError, match="was not uploaded"):
        Clips(workspace).add_upload(path.format(folder=workspace.uploads), "clip.mp4")
    assert (tmp_path / "outside.mp4").exists()


def test_what_is_no_film_is_refused_by_the_persons_name_and_not_kept(workspace) -> None:
    path = workspace.uploads / "abc.mp4"
    path.write_text("no film " * 100)
    with pytest.raises(MediaError, match=r"Hafen\.mp4"):
        Clips(workspace).add_upload(str(path), "Hafen.mp4")
    assert not path.exists()


def test_music_is_told_from_a_film(workspace) -> None:
    song = make_track(workspace.uploads / "song.mp3", seconds=1.0)
    with pytest.raises(MediaError) as refused:
        Clips(workspace).add_upload(str(song), "song.mp3")
    assert refused.value.kind == "no_video"


def test_clips_go_after_a_day_unless_a_search_needs_them(workspace) -> None:
    kept = Clips(workspace)
    old, needed, new = (kept.add_upload(str(upload(workspace, f"{k}.mp4")), f"{k}.mp4") for k in range(3))
    old.added = needed.added = time.time() - LIFE - 1
    kept.forget_old(lambda clip_id: clip_id == needed.id)
    assert kept.get(old.id) is None and not old.path.exists() and not old.folder.exists()
    assert kept.get(needed.id) is needed and kept.get(new.id) is new and new.path.exists()


def test_uploads_that_became_nothing_go_after_a_day_too(workspace) -> None:
    path = upload(workspace)
    Clips(workspace).forget_old(lambda _: False)
    assert path.exists()
    Clips(workspace).forget_old(lambda _: False, now=time.time() + LIFE + 10)
    assert not path.exists()


def test_deleting_a_clip_takes_all_that_was_made_of_it_and_an_example_stays(workspace, tmp_path) -> None:
    example = make_clip(tmp_path / "harbour.mp4", seconds=1.0)
    kept = Clips(workspace, lambda: [example])
    mine, lent = kept.add_upload(str(upload(workspace)), "clip.mp4"), kept.add_example("harbour.mp4")
    assert clips.still(mine).exists() and clips.strip(mine, fine=True).exists()
    assert kept.forget([mine.id, lent.id, "unknown"]) == 2
    assert not mine.path.exists() and not mine.folder.exists() and example.exists()
    with pytest.raises(MediaError):
        kept.add_example("../clip.mp4")
