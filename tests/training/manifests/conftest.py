"""Tiny films and music, made once, and the real command."""

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import av
import numpy as np
import pytest

from app.cli.main import main
from crossmodal.demo import make_clip, make_track
from crossmodal.media import open_audio


class Answer(NamedTuple):
    """What a command left behind."""

    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Answer]


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """clip-0..2.mp4 (mute, 2 s), own.mp4 (with sound), track-0..2.wav (8 s), silence.wav, broken.mp4; read only."""
    folder = tmp_path_factory.mktemp("media")
    for k in range(3):
        make_clip(folder / f"clip-{k}.mp4", seconds=2.0, cuts=(0.4 + 0.3 * k,), seed=k)
        make_track(folder / f"track-{k}.wav", seconds=8.0, seed=k)
    make_clip(folder / "own.mp4", seconds=2.0, cuts=(0.9,), seed=8, sound=True)
    encode(np.zeros(24_000, np.float32), folder / "silence.wav", "pcm_s16le")
    (folder / "broken.mp4").write_bytes(b"no film at all")
    return folder


@pytest.fixture
def command(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """The real command in this process; its cache is empty at first."""
    monkeypatch.setenv("CROSSMODAL_CACHE", str(tmp_path_factory.mktemp("cache")))

    def run(*words: object, folder: Path) -> Answer:
        monkeypatch.chdir(folder)
        monkeypatch.setattr(sys, "argv", ["crossmodal", *map(str, words)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main()
        told = capsys.readouterr()
        return Answer(int(left.value.code or 0), told.out, told.err)

    return run


def write_rows(path: Path, rows: list[dict[str, Any]]) -> Path:
    """Rows as JSONL, absolute paths as text."""
    path.write_text("".join(json.dumps(row, default=str) + "\n" for row in rows))
    return path


def encode(samples: np.ndarray, path: Path, codec: str, bit_rate: int | None = None) -> Path:
    """Mono float32 at 24 kHz into a file."""
    with av.open(str(path), "w") as container:
        stream: Any = container.add_stream(codec, rate=24_000, layout="mono")
        if bit_rate is not None:
            stream.bit_rate = bit_rate
        frame = av.AudioFrame.from_ndarray(np.round(samples * 32_767).astype("<i2")[None], "s16", "mono")
        frame.sample_rate = 24_000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    return path


def samples_of(path: Path) -> np.ndarray:
    """Mono float32 at 24 kHz."""
    with open_audio(path) as audio:
        return np.concatenate([block.samples[0] for block in audio.blocks(24_000, 1)])
