"""What the benchmarks read: real media where there are any, else made once from a seed; variants of a clip."""

import os
import sys
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

DATA = Path(os.environ.get("CROSSMODAL_DATA", Path(__file__).resolve().parents[2] / "shared" / "data"))
WORK = Path(os.environ.get("CROSSMODAL_BENCH", Path.home() / ".cache" / "crossmodal-benchmarks"))
SECONDS, SIZE, RATE = 60, (1920, 1080), 30
N_TRACKS, TRACK_SECONDS = 24, 120.0


def work_folder(name: str) -> Path:
    """A folder for what a benchmark makes and keeps; its name is its own."""
    folder = WORK / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def clip_1080p() -> Path:
    """60 seconds of 1080p H.264 at 30 frames a second with AAC sound."""
    real = DATA / "video" / "made-h264-1080p30-60s.mp4"
    return real if real.exists() else _made_once(work_folder("media") / "clip-1080p30-60s.mp4")


def music_files() -> list[Path]:
    """Music in several formats; a seeded library of 24 two-minute tracks where there is no real one."""
    folder = DATA / "music"
    if not folder.is_dir():
        folder = work_folder("music")
        if len(list(folder.iterdir())) < N_TRACKS:
            _make_tracks(folder)
    suffixes = {".mp3", ".flac", ".ogg", ".opus", ".wav", ".m4a"}
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in suffixes)


def without_last_packets(clip: Path, out: Path, n_packets: int) -> Path:
    """A copy of `clip` that lacks its last frames: as much work, other content, so that no cache answers for it."""
    with av.open(str(clip)) as source, av.open(str(out), "w") as target:
        streams = {s.index: target.add_stream_from_template(s) for s in source.streams if s.type in ("video", "audio")}
        packets = [packet for packet in source.demux(list(source.streams)) if packet.size]
        videos = [i for i, packet in enumerate(packets) if packet.stream.type == "video"]
        left_out = set(videos[len(videos) - n_packets :])
        for i, packet in enumerate(packets):
            if i not in left_out and packet.stream_index in streams:
                packet.stream = streams[packet.stream_index]
                target.mux(packet)
    return out


def looped(clip: Path, out: Path, seconds: float) -> Path:
    """`clip` again and again, by copying its packets, until it is `seconds` long."""
    part = out.with_name(out.name + ".part")
    length = _length(clip)
    with av.open(str(part), "w", format="mp4") as target, av.open(str(clip)) as first:
        streams = {s.index: target.add_stream_from_template(s) for s in first.streams if s.type in ("video", "audio")}
        for turn in range(int(np.ceil(seconds / length))):
            with av.open(str(clip)) as source:
                for packet in source.demux(list(source.streams)):
                    if packet.size and packet.stream_index in streams:
                        shift = round(turn * length / packet.time_base)
                        packet.pts, packet.dts = packet.pts + shift, packet.dts + shift
                        packet.stream = streams[packet.stream_index]
                        target.mux(packet)
    part.replace(out)
    return out


def _length(clip: Path) -> Fraction:
    """Seconds by which a second copy must come later for all its packets to follow those of the first."""
    begins: dict[int, Fraction] = {}
    length = Fraction(0)
    with av.open(str(clip)) as source:
        for packet in source.demux(list(source.streams)):
            if packet.size:
                begin = begins.setdefault(packet.stream_index, packet.dts * packet.time_base)
                length = max(length, (packet.dts + packet.duration) * packet.time_base - begin)
    return length + Fraction(1, 1000)


def _made_once(path: Path) -> Path:
    if not path.exists():
        print(f"making {path.name} once", file=sys.stderr)
        part = path.with_suffix(".part.mp4")
        _write_clip(part)
        part.replace(path)
    return path


def _write_clip(path: Path) -> None:
    rng = np.random.default_rng(0)
    width, height = SIZE
    ground = rng.integers(0, 256, (height // 8, width // 8 + 256, 3), dtype=np.uint8)
    with av.open(str(path), "w") as target:
        stream = target.add_stream("libx264", rate=RATE, options={"preset": "medium", "crf": "26"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for k in range(SECONDS * RATE):
            at = (2 * k) % 256 if (k // 90) % 2 else 256 - (3 * k) % 256
            small = np.ascontiguousarray(ground[:, at : at + width // 8])
            frame = av.VideoFrame.from_ndarray(small, format="rgb24").reformat(width, height, "yuv420p")
            frame.pts, frame.time_base = k, Fraction(1, RATE)
            target.mux(stream.encode(frame))
        target.mux(stream.encode(None))


def _make_tracks(folder: Path) -> None:
    from crossmodal.demo import make_track  # only where there is no real music

    print(f"making {N_TRACKS} tracks once", file=sys.stderr)
    for seed in range(N_TRACKS):
        suffix = (".mp3", ".m4a", ".flac", ".opus")[seed % 4]
        make_track(folder / f"track-{seed:02d}{suffix}", seconds=TRACK_SECONDS, seed=seed)
