"""The Matcher on real files: every form of a source, several threads, both directions, what cannot be matched."""

import io
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from catalogue.made import RATE, random_model

from crossmodal.catalogue import Catalogue, index_folders
from crossmodal.demo import make_clip, make_track
from crossmodal.demo.containers import write_media
from crossmodal.errors import CatalogueError, MediaError
from crossmodal.matching import Matcher


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three tracks of 4 s, two clips, silence; and a catalogue of the music and the clips."""
    folder = tmp_path_factory.mktemp("matcher")
    (folder / "music").mkdir()
    (folder / "clips").mkdir()
    for seed in range(3):
        make_track(folder / "music" / f"{seed}.flac", seconds=4.0, seed=seed)
    make_clip(folder / "clips" / "short.mp4", seconds=1.0, cuts=(0.5,))
    make_clip(folder / "clips" / "long.mp4", seconds=6.0, cuts=(1.0, 2.5))
    write_media(folder / "silent.wav", samples=np.zeros((1, 3 * RATE), np.float32), sample_rate=RATE)
    with Catalogue.open(folder / "library", create=True) as catalogue:
        index_folders(catalogue, [folder / "music"], random_model(0), workers=1)
        index_folders(catalogue, [folder / "clips"], random_model(0), as_side="video", workers=1)
    return folder


@pytest.fixture(scope="module")
def matcher(folder: Path) -> Iterator[Matcher]:
    with Matcher.open(folder / "library", random_model(0)) as opened:
        yield opened


def said(matcher: Matcher, source: object, to: str = "music") -> list[tuple[int, float]]:
    return [(match.track.id, match.start) for match in matcher.match(source, to=to)]


def test_a_path_bytes_and_a_file_object_give_the_same(matcher: Matcher, folder: Path) -> None:
    clip = folder / "clips" / "short.mp4"
    by_path = said(matcher, clip)
    assert len(by_path) == 3 and said(matcher, clip.read_bytes()) == by_path == said(
        matcher, io.BytesIO(clip.read_bytes())
    )


def test_threads_that_ask_together_are_told_the_same(folder: Path) -> None:
    clips = [folder / "clips" / name for name in ("short.mp4", "long.mp4")] * 4
    with Matcher.open(folder / "library", random_model(0)) as fresh, ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda clip: said(fresh, clip), clips))
    assert found[::2] == found[:1] * 4 and found[1::2] == found[1:2] * 4


def test_a_track_that_ends_before_the_clip_says_so(matcher: Matcher, folder: Path) -> None:
    match = matcher.match(folder / "clips" / "long.mp4", k=1)[0]
    assert match.is_short and match.start == 0 and match.length == pytest.approx(4.0, abs=0.1)
    assert match.reasons[0].text == "The music ends after 0:04, before the clip does."


def test_a_track_gets_its_clips(matcher: Matcher, folder: Path) -> None:
    matches = matcher.match(folder / "music" / "1.flac", to="video")
    assert {match.track.title for match in matches} == {"short", "long"}
    assert {match.track.title: match.is_short for match in matches} == {"short": False, "long": True}


def test_a_silent_track_has_no_clips_and_no_library_no_answer(matcher: Matcher, folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as silent:
        matcher.match(folder / "silent.wav", to="video")
    assert silent.value.kind == "no_audio"
    Catalogue.open(tmp_path, create=True).close()
    with Matcher.open(tmp_path, random_model(0)) as empty, pytest.raises(CatalogueError) as nothing:
        empty.match(folder / "clips" / "short.mp4")
    assert nothing.value.kind == "empty"


def test_another_model_is_told_of_and_catches_up_without_decoding(folder: Path) -> None:
    clip = folder / "clips" / "short.mp4"
    with Matcher.open(folder / "library", random_model(1)) as other:
        with pytest.raises(CatalogueError, match="0 of 3 tracks"):
            other.match(clip)
        away = [path.rename(path.with_suffix(".away")) for path in sorted((folder / "music").iterdir())]
        other.catch_up()
        for path in away:
            path.rename(path.with_suffix(".flac"))
        assert other.coverage() == (3, 3) and len(other.match(clip)) == 3
