"""A track as it is heard under a clip: the pieces are what the saved video holds, sample for sample."""

import io
from itertools import accumulate
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from crossmodal.demo import make_track
from crossmodal.errors import MediaError
from crossmodal.media import guard, heard, mux

RATE = 48_000


@pytest.fixture(scope="module")
def track(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_track(tmp_path_factory.mktemp("heard") / "track.flac", seconds=5.3, seed=2)


@pytest.fixture(scope="module")
def samples(track: Path) -> tuple[Path, int]:
    out = track.with_name("samples")
    return out, heard.decode_samples(track, out)


def saved(track: Path, start: float, n_samples: int) -> np.ndarray:
    """(L, 2) what `mux` lays under a clip."""
    blocks = mux._cut(mux._looped(track, round(start * RATE)), n_samples)
    return np.concatenate(list(blocks), axis=1).T


@pytest.mark.parametrize("start", [0.0, 1.234, 5.0, 5.29])
def test_the_pieces_together_are_the_saved_sound_also_where_a_short_track_starts_again(track, samples, start) -> None:
    path, n_all = samples
    lengths = [2.0, 1.7, 3.3, 6.0]
    begins = [0.0, *accumulate(lengths)]
    pieces = [heard.piece(path, n_all, start=start, at=a, seconds=s) for a, s in zip(begins, lengths, strict=False)]
    together = np.concatenate(pieces)
    np.testing.assert_allclose(together / 32767, saved(track, start, len(together)), atol=2 / 32767)


@settings(max_examples=30, deadline=None)
@given(start=st.floats(0, 5.2), at=st.floats(0, 20), seconds=st.floats(0.01, 4))
def test_a_piece_has_the_length_asked_for_and_says_what_a_longer_one_says(samples, start, at, seconds) -> None:
    path, n_all = samples
    piece = heard.piece(path, n_all, start=start, at=at, seconds=seconds)
    longer = heard.piece(path, n_all, start=start, at=at, seconds=seconds + 1)
    assert len(piece) == round(seconds * RATE)
    np.testing.assert_array_equal(piece, longer[: len(piece)])


def test_a_piece_of_a_file_that_still_grows_is_the_piece_of_the_whole_file(samples, tmp_path) -> None:
    path, n_all = samples
    (tmp_path / "part").write_bytes(path.read_bytes()[: 3 * RATE * heard.FRAME_BYTES + 1])
    assert heard.n_samples_there(tmp_path / "part") == 3 * RATE
    grown = heard.piece(tmp_path / "part", None, start=0.5, at=0.25, seconds=1.0)
    np.testing.assert_array_equal(grown, heard.piece(path, n_all, start=0.5, at=0.25, seconds=1.0))


def test_the_gain_is_in_the_samples_and_the_peaks_are_theirs(track, tmp_path) -> None:
    plain, louder = tmp_path / "plain", tmp_path / "louder"
    n_all = heard.decode_samples(track, plain)
    heard.decode_samples(track, louder, gain=-6.0)
    one, half = (heard.piece(p, n_all, start=0, at=1, seconds=2).astype(float) for p in (plain, louder))
    assert np.sqrt(np.mean(half**2) / np.mean(one**2)) == pytest.approx(10 ** (-6 / 20), rel=1e-3)
    peaks = np.frombuffer((tmp_path / "plain.peaks").read_bytes(), np.uint8)
    whole = np.abs(heard.piece(plain, n_all, start=0, at=0, seconds=n_all / RATE)).max(axis=1) / 32767
    step = RATE // heard.PEAKS_A_SECOND
    for k in (0, 40, len(peaks) - 1):
        assert peaks[k] / 255 == pytest.approx(whole[k * step : (k + 1) * step].max(), abs=1 / 255)
    assert len(peaks) == -(-n_all // step)


def test_a_wav_is_read_by_another_program_as_it_was_meant(samples) -> None:
    path, n_all = samples
    piece = heard.piece(path, n_all, start=0, at=0, seconds=1.5)
    read, rate = soundfile.read(io.BytesIO(heard.wav(piece)), dtype="int16")
    assert rate == RATE
    np.testing.assert_array_equal(read, piece)


def test_what_is_no_sound_is_refused_by_name_and_leaves_no_peaks(tmp_path) -> None:
    (tmp_path / "notes.mp3").write_text("no music " * 50)
    with pytest.raises(MediaError, match=r"notes\.mp3"):
        guard.run(heard.decode_samples, tmp_path / "notes.mp3", tmp_path / "out")
    assert not (tmp_path / "out.peaks").exists()
