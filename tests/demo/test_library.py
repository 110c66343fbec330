"""The demo library as files."""

import json
import shutil
from pathlib import Path

import av
import numpy as np
import pytest

from crossmodal.demo import DemoLibrary, write_demo
from crossmodal.demo.library import planned_rows
from crossmodal.demo.variants import CLIP_SIZE
from crossmodal.errors import ConfigError
from crossmodal.manifest import read_rows

pytestmark = pytest.mark.xdist_group("demo")  # what they share is made once


def rows(folder: Path) -> list[dict]:
    return [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]


@pytest.fixture
def own_library(small_library: DemoLibrary, tmp_path: Path) -> Path:
    """A copy of the small library that a test may change."""
    return Path(shutil.copytree(small_library.folder, tmp_path / "library"))


def test_manifest_names_files_that_are_there_and_passages_inside_them(small_library: DemoLibrary) -> None:
    listed = rows(small_library.folder)
    assert [row["id"] for row in listed] == ["demo-0-1", "demo-0-2"] and listed == planned_rows(pairs=2)
    assert listed == list(small_library.rows) and small_library.n_made == 2
    for row in listed:
        with av.open(str(small_library.folder / row["audio"])) as container:
            assert container.duration is not None
            length = container.duration / 1e6
        assert length >= 60 and 0 <= row["audio_start"] < row["audio_end"] <= length
    assert not (small_library.folder / ".making").exists()


def test_manifest_is_one_that_our_readers_take(small_library: DemoLibrary) -> None:
    table = read_rows(small_library.manifest)
    assert [row.music_id for row in table.rows] == ["demo-0-1", "demo-0-2"]
    assert [row.audio_start for row in table.rows] == [row["audio_start"] for row in small_library.rows]


def test_clips_are_progressive_h264_that_every_browser_plays(small_library: DemoLibrary) -> None:
    for row in small_library.rows:
        with av.open(str(small_library.folder / row["video"])) as container:
            stream = container.streams.video[0]
            context = stream.codec_context
            assert (context.name, context.pix_fmt, context.width, context.height) == ("h264", "yuv420p", *CLIP_SIZE)
            assert stream.average_rate == 25
            frames = sum(1 for frame in container.decode(stream) if not frame.interlaced_frame)
        assert frames == round((row["audio_end"] - row["audio_start"]) * 25)


def test_tracks_carry_tags_and_lie_near_sixteen_lufs(small_library: DemoLibrary) -> None:
    for row in small_library.rows:
        with av.open(str(small_library.folder / row["audio"])) as container:
            tags = {
                key.lower(): value for key, value in {**container.metadata, **container.streams[0].metadata}.items()
            }
            blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
        assert tags["artist"] == "crossmodal demo" and tags["genre"] == row["labels"]["genre"]
        assert tags["title"] in row["audio"]
        samples = np.concatenate([block.reshape(2, -1) if block.shape[0] == 2 else block for block in blocks], axis=1)
        assert -24 < 20 * np.log10(samples.std()) < -10


def test_second_run_makes_nothing(own_library: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in own_library.rglob("*.*")}
    assert write_demo(own_library, pairs=2, workers=1).n_made == 0
    assert {path: path.stat().st_mtime_ns for path in own_library.rglob("*.*")} == before


def test_only_what_is_missing_is_made_again_and_is_the_same(own_library: Path) -> None:
    track, clip = (own_library / rows(own_library)[1][side] for side in ("audio", "video"))
    content, stamp = track.read_bytes(), clip.stat().st_mtime_ns
    track.unlink()
    calls: list[tuple[int, int]] = []
    library = write_demo(own_library, pairs=2, workers=1, progress=lambda done, total: calls.append((done, total)))
    assert library.n_made == 1 and calls == [(1, 2), (2, 2)]
    assert track.read_bytes() == content and clip.stat().st_mtime_ns == stamp


def test_first_pairs_come_first_and_stay_when_the_rest_follows(own_library: Path) -> None:
    assert len(write_demo(own_library, pairs=60, first=2, workers=1).rows) == 2
    row = rows(own_library)[1]
    (own_library / row["audio"]).unlink()
    (own_library / row["video"]).unlink()
    assert len(write_demo(own_library, pairs=60, first=1, workers=1).rows) == 1


def test_remains_of_a_run_that_was_killed_do_no_harm(own_library: Path) -> None:
    (own_library / ".making").mkdir()
    (own_library / ".making" / "1-half.mp4").write_bytes(b"half")
    assert len(write_demo(own_library, pairs=2, workers=1).rows) == 2
    assert not list((own_library / "clips").glob("*half*"))


def test_folder_of_another_seed_or_kind_is_refused_in_words(own_library: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="not the manifest of a demo library of seed 4"):
        write_demo(own_library, seed=4, pairs=2)
    (own_library / "manifest.jsonl").write_text('{"video": "mine.mp4"}\n')
    with pytest.raises(ConfigError, match="Name another folder"):
        write_demo(own_library, pairs=2)
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match="is a file"):
        write_demo(tmp_path / "file", pairs=2)


def test_true_passage_fits_its_clip_better_than_most_others(small_library: DemoLibrary) -> None:
    """Motion against loudness, slid over both whole tracks: a plain matcher already hears the pairs."""
    motions = [_motion(small_library.folder / row["video"]) for row in small_library.rows]
    levels = [_level(small_library.folder / row["audio"]) for row in small_library.rows]
    beaten = []
    for own, (row, motion) in enumerate(zip(small_library.rows, motions, strict=True)):
        curves = [_slide(motion, level) for level in levels]
        true = curves[own][max(0, round(row["audio_start"] * 5) - 1) : round(row["audio_start"] * 5) + 2].max()
        beaten.append((np.concatenate(curves) < true).mean())
    assert np.mean(beaten) > 0.9 and min(beaten) > 0.8


def _motion(path: Path) -> np.ndarray:
    """Log change of the picture, five a second, cuts left out by the median."""
    with av.open(str(path)) as container:
        frames = np.stack([f.to_ndarray(format="gray", width=64, height=36) for f in container.decode(video=0)])
    change = np.abs(np.diff(frames.astype(float), axis=0)).mean(axis=(1, 2))
    return np.log(np.median(change[: len(change) // 5 * 5].reshape(-1, 5), axis=1) + 0.1)


def _level(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        rate = container.streams.audio[0].rate
        blocks = [frame.to_ndarray() for frame in container.decode(audio=0)]
    samples = np.concatenate([block.mean(axis=0) for block in blocks]).astype(float)
    step = rate // 5
    return np.log(samples[: len(samples) // step * step].reshape(-1, step).std(axis=1) + 1e-3)


def _slide(clip: np.ndarray, track: np.ndarray) -> np.ndarray:
    windows = np.lib.stride_tricks.sliding_window_view(track, len(clip))
    centred = windows - windows.mean(axis=1, keepdims=True)
    own = clip - clip.mean()
    return centred @ own / (np.linalg.norm(centred, axis=1) * np.linalg.norm(own) + 1e-9)
