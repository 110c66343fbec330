"""Real clips and songs against what the ffmpeg program decodes; made twins stand in test_video.py and test_audio.py.

Theora has only real clips: no encoder for it is at hand in the libraries that the tests may use.
"""

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

from crossmodal.media import content_hash, open_audio, open_video, probe

pytestmark = pytest.mark.media
SECONDS = 1.2
HEAVY = {"pattern-4k-10bit.mp4", "made-h264-4k-2s.mp4"}  # half of it is enough
SIZE = (64, 48)
# Stamps that two versions of libavformat read differently: Opus in Matroska begins 7 ms earlier in the older one.
NEAR = 0.012
# What the ffmpeg program would do otherwise: HDR is not toned by it, and these have stamps that it corrects on its way.
NO_PIXELS = {"pattern-4k-10bit.mp4"}
NO_STAMPS = {"anamorphic-525-352.mp4"}
# Of a transport stream the program takes the start of the picture for 0:00, where a player takes that of the file.
OTHER_ZERO = {"ts-start-10s.ts"}

VIDEO_NAMES = [
    "anamorphic-525-352.mp4", "animated-odd-height.gif", "av1-10bit.webm", "av1-opus.mp4", "bikes-25fps-silent.mp4",
    "cinepak-silent.avi", "city-mpeg2-start.mpg", "editlist.mp4", "h264-2997-silent.mp4", "h264-60fps.mov",
    "h264-mp3-in-mp4.mp4", "hevc-10bit.mp4", "hevc-in-avi.avi", "iphone-rotated.mov", "made-fragmented.mp4",
    "made-h264-1080p30-60s.mp4", "made-h264-4k-2s.mp4", "made-h264-5994.mp4", "made-h264-high10.mkv",
    "made-h264-start-7s.mkv", "made-hevc-8bit.mp4", "made-mjpeg-anamorphic.mov", "made-mpeg4-bframes.avi",
    "made-rotated-180.mp4", "made-theora-vorbis.ogv", "made-vp9-odd-321x181.webm", "mjpeg-mp2-diver.mov",
    "mpeg4-mp3.avi", "msmpeg4v2.avi", "msvideo1-vorbis.mkv", "no-editlist.mp4", "odd-height-465.mov",
    "pattern-4k-10bit.mp4", "phone-rotated-90.mp4", "phone-screen-vfr.mp4", "rain-1080p2997.mp4", "screencast.mp4",
    "theora-anamorphic.ogg", "theora.ogv", "ts-start-10s.ts", "vp8-720p24.webm", "vp8-odd-width-811.webm",
    "vp9-vertical.webm",
]  # fmt: skip


def ffmpeg_frames(path: Path, seconds: float) -> tuple[np.ndarray, np.ndarray]:
    """(stamps (N,) from 0:00, pixels (N, H, W, 3)) of the first seconds, as the ffmpeg program shows them."""
    program = shutil.which("ffmpeg")
    if program is None:
        pytest.skip("no ffmpeg program to compare with")
    scale = f"showinfo,scale={SIZE[0]}:{SIZE[1]}:flags=area"
    command = [program, "-nostdin", "-threads", "1", "-t", str(seconds), "-i", str(path), "-map", "0:v:0", "-vf", scale]
    command += ["-vsync", "passthrough", "-pix_fmt", "rgb24", "-f", "rawvideo", "-"]
    done = subprocess.run(command, capture_output=True, check=True)
    stamps = [float(text) for text in re.findall(r"pts_time:\s*([-\d.]+)", done.stderr.decode("utf-8", "replace"))]
    pixels = np.frombuffer(done.stdout, np.uint8).reshape(-1, SIZE[1], SIZE[0], 3)
    return np.array(stamps[: len(pixels)]), pixels[: len(stamps)]


@pytest.mark.parametrize("name", VIDEO_NAMES)
def test_a_real_clip_shows_what_the_ffmpeg_program_shows(data_folder, name):
    path = data_folder / "video" / name
    seconds = SECONDS / 2 if name in HEAVY else SECONDS
    stamps, other = ffmpeg_frames(path, seconds)
    with open_video(path) as video:
        batches = list(video.frames(25, SIZE, end=seconds - 0.2, bars=False))
    pixels = np.concatenate([b.pixels for b in batches]).transpose(0, 2, 3, 1)
    times, pts = (np.concatenate([getattr(b, field) for b in batches]) for field in ("times", "pts"))
    assert len(times) >= 9
    shift = stamps[0] - pts[0]
    assert abs(shift) < NEAR or name in NO_STAMPS | OTHER_ZERO
    for k, time in enumerate(times):
        near = int(np.abs(stamps - shift - pts[k]).argmin())
        if name not in NO_STAMPS:
            assert abs(stamps[near] - shift - pts[k]) < 1e-3
            # A player's rule: no other frame lies between the one that is shown and this instant.
            assert not ((stamps - shift > pts[k] + 1e-3) & (stamps - shift < time - 1e-3)).any()
        if name not in NO_PIXELS:
            grey, other_grey = pixels[k].mean(axis=-1), other[near].mean(axis=-1)
            candidates = other if name in NO_STAMPS else other[near : near + 1]
            differences = np.abs(candidates.mean(axis=-1) - grey).mean(axis=(1, 2))
            assert differences.min() < 4, (k, np.abs(grey - other_grey).mean())


@pytest.mark.parametrize("name", ["theora.ogv", "made-theora-vorbis.ogv", "theora-anamorphic.ogg"])
def test_theora_is_read_to_its_end_over_its_empty_packets(data_folder, name):
    path = data_folder / "video" / name
    with open_video(path) as video:
        n_frames = sum(len(b.times) for b in video.frames(25, SIZE))
        assert n_frames == pytest.approx(25 * probe(path).duration, abs=2) and video.warnings == []


def test_every_turned_and_stretched_clip_is_upright_with_square_pixels(data_folder):
    wanted = {
        "iphone-rotated.mov": (320, 568, 90),
        "phone-rotated-90.mp4": (1080, 1920, 90),
        "made-rotated-180.mp4": (720, 400, 180),
        "anamorphic-525-352.mp4": (525, 288, 0),
        "theora-anamorphic.ogg": (436, 240, 0),
    }
    for name, (width, height, rotation) in wanted.items():
        video = probe(data_folder / "video" / name).video
        assert (video.width, video.height, video.rotation) == (width, height, rotation), name


def songs(folder: Path) -> list[Path]:
    """One song of each container."""
    found = {p.suffix.lower(): p for p in sorted((folder / "music").rglob("*")) if p.is_file()}
    return list(found.values())


def check_against_ffmpeg(path: Path, tools, shift: float = 0.0) -> None:
    seconds = 6.0
    arguments = ("-t", seconds, "-i", path, "-map", "0:a:0", "-ac", 1, "-ar", 24_000, "-f", "f32le", "-")
    other = np.frombuffer(tools.run_ffmpeg(*arguments), np.float32)
    parts: list[np.ndarray] = []
    with open_audio(path) as audio:
        for block in audio.blocks():
            parts.append(block.samples[0])
            if sum(map(len, parts)) > len(other):
                break
    ours = np.concatenate(parts)
    n = min(len(ours), len(other)) - 2400
    a, shifts = ours[1200:n], range(-600, 601)
    if np.abs(a).max(initial=0) < 1e-3:
        return
    agree = np.array([np.dot(a, other[1200 + s : n + s]) for s in shifts])
    best = shifts[int(agree.argmax())]
    part = other[1200 + best : n + best]
    assert np.dot(a, part) / (np.linalg.norm(a) * np.linalg.norm(part)) > 0.98, path.name
    assert abs(best / 24_000 - shift) < 0.002, (path.name, best / 24_000)


def test_songs_of_every_container_sound_as_the_ffmpeg_program_plays_them(data_folder, tools):
    for path in songs(data_folder):
        check_against_ffmpeg(path, tools)


def test_a_clip_has_two_hashes_that_stay(data_folder):
    path = data_folder / "video" / "editlist.mp4"
    hashes = {content_hash(path, "video"), content_hash(path, "audio")}
    assert len(hashes) == 2
    other = data_folder / "video" / "no-editlist.mp4"  # the same packets, shown at other times
    assert content_hash(other, "video") not in hashes
