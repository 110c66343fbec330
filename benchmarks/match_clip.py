"""From a 60-second 1080p file to its ranked list: how does it stand beside OpenCV that only decodes and shrinks it?

Three ratios of CPU seconds of the whole process tree, model and library loaded, two threads on either side: the whole
match beside OpenCV's loop; the whole match beside our own decoding of the frames used; that decoding beside PyAV's
plainest loop to the same pixels. Beside them the wall time of a cold start. Usage: match_clip.py [ROUNDS]
"""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import numpy as np
from _decoding import opencv_decoding, our_bare_decoding, our_frames, plain_decoding, plain_frames
from _library import catalogue_of_music
from _media import clip_1080p, without_last_packets
from harness import THREADS, clock, compare, report

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 5
OPENCV_LIMIT, BARE_LIMIT, PLAIN_LIMIT = 0.55, 1.5, 1.15


def main() -> None:
    import torch

    from crossmodal.matching import Matcher
    from crossmodal.media import guard

    torch.set_num_threads(THREADS)
    clip = clip_1080p()
    np.testing.assert_array_equal(our_frames(clip), plain_frames(clip))  # the same pixels, or the times mean nothing
    with tempfile.TemporaryDirectory() as folder, Matcher.open(library := _without_features(Path(folder))) as matcher:
        fresh = _variants(clip, Path(folder))

        def match(path: Path) -> None:
            assert matcher.match(path, k=10)

        def bare(path: Path) -> None:
            assert guard.run(our_bare_decoding, path) > 1400  # in a warm child, as the match decodes

        def cold_match(path: Path) -> None:
            _cold(_match_command(path, library))

        def cold_opencv(path: Path) -> None:
            _cold(_opencv_command(path))

        ours, opencv = Prepared(fresh, match), Prepared(fresh, opencv_decoding)
        ours_bare, plain = Prepared(fresh, our_bare_decoding), Prepared(fresh, plain_decoding)
        results = [
            compare("match, beside OpenCV decoding", ours, opencv, ROUNDS, OPENCV_LIMIT),
            compare("match, beside our bare decoding", ours, Prepared(fresh, bare), ROUNDS, BARE_LIMIT),
            compare("our bare decoding, beside PyAV's loop", ours_bare, plain, ROUNDS, PLAIN_LIMIT),
            clock("cold start: `crossmodal match`", Prepared(fresh, cold_match), rounds=3),
            clock("cold start: OpenCV", Prepared(fresh, cold_opencv), rounds=3),
        ]
        tracks = matcher.count()
    report(results, __file__, tracks=tracks)


def _without_features(folder: Path) -> Path:
    """A copy of the library that knows no clip: an earlier run has left the features of its clips there."""
    ignored = shutil.ignore_patterns("features.db*")
    return Path(shutil.copytree(catalogue_of_music(), folder / "library", ignore=ignored))


def _variants(clip: Path, folder: Path) -> Iterator[Path]:
    """Copies of the clip with other content each, made before the clock runs; the one before is removed."""
    for k in count(1):
        path = without_last_packets(clip, folder / f"clip-{k}.mp4", k)
        yield path
        path.unlink()


class Prepared:
    """A function to be measured on a file that is made outside the clock."""

    def __init__(self, fresh: Iterator[Path], run: Callable[[Path], object]) -> None:
        self._fresh, self._run = fresh, run
        self._path: Path | None = None

    def prepare(self) -> None:
        """Make the next file."""
        self._path = next(self._fresh)

    def __call__(self) -> object:
        assert self._path is not None
        return self._run(self._path)


def _cold(command: list[str]) -> None:
    environment = {**os.environ, "OMP_NUM_THREADS": str(THREADS)}
    subprocess.run(command, check=True, capture_output=True, env=environment)


def _match_command(clip: Path, library: Path) -> list[str]:
    code = "from app.cli import main; main()"
    return [sys.executable, "-c", code, "match", str(clip), "-c", str(library), "--json"]


def _opencv_command(clip: Path) -> list[str]:
    code = f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
    return [sys.executable, "-c", code + f"from _decoding import opencv_decoding; opencv_decoding({str(clip)!r})"]


if __name__ == "__main__":
    main()
