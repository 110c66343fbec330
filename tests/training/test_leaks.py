"""The leak test passes what listens, and fails what reads an id, a length or a file's name."""

from dataclasses import replace
from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.demo import make_clip, make_track
from crossmodal.features import FeatureStore
from crossmodal.manifest import Row
from crossmodal.media import open_audio, probe
from crossmodal.model import TwoTowerModel
from training.leaks import Leaks, Swapped, leaks, model_matcher, swap_sounds
from training.rewriting import rewrite

pytestmark = pytest.mark.xdist_group("leaks")  # what they share is made once

SECONDS = 2.0


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> list[Row]:
    """Nine rows in two groups, of lengths and names of their own; a tenth is alone in its group."""
    folder, rows = tmp_path_factory.mktemp("media"), []
    for k in range(10):
        clip = make_clip(folder / f"clip-{k}.mp4", seconds=2.2 + 0.2 * k, seed=k)
        track = make_track(folder / f"track-{k}.wav", seconds=2.2 + 0.2 * k, seed=k)
        group = "alone" if k == 9 else f"group-{k // 5}"
        rows.append(Row(id=f"row-{k}", video=clip, audio=track, music_id=f"music-{k}", group=group))
    return rows


@pytest.fixture(scope="module")
def swapped(rows: list[Row], tmp_path_factory: pytest.TempPathFactory) -> list[Swapped]:
    """Their sounds swapped."""
    return swap_sounds(rows, tmp_path_factory.mktemp("swapped"), seconds=SECONDS)


def by_title(paths: list[Path]) -> np.ndarray:
    """Cheats: the file with the clip's own title."""
    titles = [probe(path).tags.title for path in paths]
    return np.array([[float(a is not None and a == b) for b in titles] for a in titles])


def by_length(paths: list[Path]) -> np.ndarray:
    """Cheats: the sound that is as long as the picture."""
    lengths = np.array([_stream_seconds(path) for path in paths])  # (N, 2)
    return -np.abs(lengths[:, :1] - lengths[:, 1]).round(1)


def by_name(paths: list[Path]) -> np.ndarray:
    """Cheats: the same file, as a cache under its name would."""
    return np.array([[float(a == b) for b in paths] for a in paths])


def planted(swapped: list[Swapped], rows: list[Row], folder: Path, *, length: bool) -> list[Swapped]:
    """The same swap with a leak: files of the old lengths, or with the old id as a title."""
    found = {row.id: row for row in rows}
    files = []
    for k, file in enumerate(swapped):
        path = folder / f"{k}.mp4"
        seconds, title = (1.0 + 0.3 * k, None) if length else (SECONDS, file.picture)
        rewrite(found[file.picture].video, str(found[file.sound].audio), str(path), (0.0, 0.0), seconds, title)
        files.append(replace(file, path=path))
    return files


def _stream_seconds(path: Path) -> tuple[float, float]:
    with av.open(str(path)) as container:
        streams = (container.streams.video[0], container.streams.audio[0])
        return tuple(float(s.duration * s.time_base) for s in streams)  # type: ignore[return-value]


def test_every_file_has_a_foreign_sound_of_its_group_and_one_of_each_is_there(swapped: list[Swapped]) -> None:
    assert len(swapped) == 9 and "row-9" not in {file.picture for file in swapped}
    assert all(file.picture != file.sound for file in swapped)
    assert {file.picture for file in swapped} == {file.sound for file in swapped}
    assert all((int(f.picture[-1]) // 5) == (int(f.sound[-1]) // 5) for f in swapped)


def test_files_are_alike_in_length_codec_name_and_tags(swapped: list[Swapped]) -> None:
    infos = [probe(file.path) for file in swapped]
    assert {_stream_seconds(file.path)[0] for file in swapped} == {SECONDS}
    assert len({round(_stream_seconds(file.path)[1], 2) for file in swapped}) == 1
    assert all(info.tags.title is None for info in infos)
    assert sorted(file.path.stem for file in swapped) == [f"{k:04d}" for k in range(9)]
    assert [file.path.stem for file in swapped] != sorted(file.path.stem for file in swapped)


def test_the_sound_is_the_partners(swapped: list[Swapped], rows: list[Row]) -> None:
    originals = {row.id: _sound(row.audio) for row in rows if row.audio is not None}
    for file in swapped[:3]:
        heard = _sound(file.path)
        likeness = {row: abs(np.corrcoef(heard, sound)[0, 1]) for row, sound in originals.items()}
        assert max(likeness, key=likeness.__getitem__) == file.sound


def _sound(path: Path) -> np.ndarray:
    with open_audio(path) as audio:
        samples = np.concatenate([block.samples[0] for block in audio.blocks(8000)])
    return np.abs(samples[: round(8000 * 1.9)])


def test_what_listens_passes_and_finds_where_its_sound_went(swapped: list[Swapped]) -> None:
    row_of = {file.path: file for file in swapped}

    def listens(paths: list[Path]) -> np.ndarray:
        files = [row_of[path] for path in paths]
        return np.array([[float(a.picture == b.sound) for b in files] for a in files])

    found = leaks(swapped, listens)
    assert (found.old, found.moved) == (0.0, 1.0) and not found.is_leaking and found.rows == 9 and found.groups == 2
    assert found.chance == pytest.approx(2 / 9)


@pytest.mark.parametrize("cheat", [by_title, by_length])
def test_a_cheat_finds_nothing_in_files_that_are_alike(swapped: list[Swapped], cheat: object) -> None:
    found = leaks(swapped, cheat)  # type: ignore[arg-type]
    assert found.old == pytest.approx(found.chance) and not found.is_leaking


@pytest.mark.parametrize(("cheat", "length"), [(by_title, False), (by_length, True)])
def test_a_planted_leak_makes_the_test_fail(
    swapped: list[Swapped], rows: list[Row], tmp_path: Path, cheat: object, length: bool
) -> None:
    found = leaks(planted(swapped, rows, tmp_path, length=length), cheat)  # type: ignore[arg-type]
    assert found.old > 0.8 and found.is_leaking and found.summary()["is_leaking"] is True


def test_a_cache_under_the_files_name_is_a_leak(swapped: list[Swapped]) -> None:
    assert leaks(swapped, by_name).is_leaking


def test_the_bundled_model_does_not_leak(swapped: list[Swapped], tmp_path: Path) -> None:
    with FeatureStore(tmp_path / "features") as store:
        found = leaks(swapped, model_matcher(TwoTowerModel.from_pretrained("compact"), None, store))
    assert isinstance(found, Leaks) and not found.is_leaking


def test_groups_of_one_music_are_refused_in_words() -> None:
    with pytest.raises(ValueError, match="two musics"):
        leaks([], by_name)
