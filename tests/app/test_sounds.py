"""Tracks as they are heard: equally loud, in pieces, within a budget of disk."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyloudnorm
import pytest
import soundfile

from app.web.sounds import Sounds
from crossmodal.catalogue import Track
from crossmodal.demo import make_track
from crossmodal.errors import MediaError
from crossmodal.media import LoudnessMeter, open_audio

RATE = 48_000


def track(path: Path, track_id: int = 1, **more: object) -> Track:
    meter = LoudnessMeter()
    with open_audio(path) as audio:
        for _ in audio.blocks(meter=meter):
            pass
    loud = meter.result()
    made = Track(
        track_id, f"{track_id:032x}", "audio", track_id, 0.0, "T", None, None, None, None, 6.0, loud.lufs,
        loud.peak_dbfs, False, [path], path, (),
    )  # fmt: skip
    return replace(made, **more)


def samples_of(wav: bytes) -> np.ndarray:
    samples, rate = soundfile.read(io.BytesIO(wav), dtype="float32", always_2d=True)
    assert rate == RATE
    return samples


@pytest.mark.parametrize(
    ("level_db", "click_dbfs", "gain_db"),
    [(-9.0, None, -9.0), (-30.0, None, 12.0), (-30.0, -6.0, 5.0), (-30.0, -0.5, 0.0)],
    ids=["loud", "quiet", "quiet-with-a-peak", "quiet-with-a-full-peak"],
)
def test_a_track_is_heard_at_minus_18_lufs_where_its_peaks_allow(
    tmp_path, level_db: float, click_dbfs: float | None, gain_db: float
) -> None:
    tone = np.sin(2 * np.pi * 1000 * np.arange(8 * RATE) / RATE)[:, None].repeat(2, axis=1)
    meter = pyloudnorm.Meter(RATE)
    samples = tone * 10 ** ((level_db - meter.integrated_loudness(tone)) / 20)
    if click_dbfs is not None:
        samples[3 * RATE] = 10 ** (click_dbfs / 20)
    soundfile.write(tmp_path / "a.wav", samples, RATE, subtype="PCM_24")
    heard = samples_of(Sounds(tmp_path).of(track(tmp_path / "a.wav")).piece(0.0, 0.0, 6.0))
    rise_db = meter.integrated_loudness(heard.astype(np.float64)) - meter.integrated_loudness(samples)
    assert rise_db == pytest.approx(gain_db, abs=0.1)
    if click_dbfs is not None:
        assert 20 * np.log10(np.abs(heard).max()) == pytest.approx(click_dbfs + gain_db, abs=0.1)


def test_pieces_join_without_a_seam(tmp_path) -> None:
    sound = Sounds(tmp_path).of(track(make_track(tmp_path / "a.flac", seconds=6.0)))
    whole = samples_of(sound.piece(1.0, 0.0, 4.0))
    parts = [samples_of(sound.piece(1.0, 0.0, 1.5)), samples_of(sound.piece(1.0, 1.5, 2.5))]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_a_missing_file_is_said_and_another_place_of_it_is_taken(tmp_path) -> None:
    path = make_track(tmp_path / "a.wav", seconds=2.0)
    copy = tmp_path / "b.wav"
    copy.write_bytes(path.read_bytes())
    found = track(path, places=[path, copy])
    path.unlink()
    sounds = Sounds(tmp_path)
    assert len(samples_of(sounds.of(found).piece(0, 0, 1))) == RATE
    copy.unlink()
    with pytest.raises(MediaError) as refused:
        sounds.of(found)
    assert refused.value.kind == "missing"


def test_what_was_not_heard_for_longest_makes_room(tmp_path) -> None:
    (tmp_path / "sounds").mkdir()
    sounds = Sounds(tmp_path / "sounds", budget_bytes=3 * RATE * 4)
    tracks = [track(make_track(tmp_path / f"{k}.wav", seconds=2.0, seed=k), k) for k in range(4)]
    for one in tracks:
        sounds.of(one).peaks()
    held = sorted(path.name[:32] for path in (tmp_path / "sounds").glob("*.peaks"))
    assert f"{3:032x}" in held and f"{0:032x}" not in held
    assert len(samples_of(sounds.of(tracks[0]).piece(0, 0, 1))) == RATE


def test_a_file_that_is_no_music_any_more_is_said_and_tried_again(tmp_path) -> None:
    path = make_track(tmp_path / "a.wav", seconds=2.0)
    found, whole = track(path), path.read_bytes()
    path.write_text("no music " * 20)
    sounds = Sounds(tmp_path)
    with pytest.raises(MediaError):
        sounds.of(found).piece(0, 0, 1)
    path.write_bytes(whole)
    assert len(samples_of(sounds.of(found).piece(0, 0, 1))) == RATE
