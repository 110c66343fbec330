"""A 30-second clip against 5,000 tracks of 3 minutes, the library loaded: under two seconds beyond its embedding?

Usage: search_5000.py [TRACKS]
"""

import sys
import tempfile
from pathlib import Path

from _library import catalogue_of_noise
from harness import THREADS, clock, report

LIMIT = 2.0  # seconds on the wall
TRACKS = int(sys.argv[1]) if len(sys.argv) > 1 else 5000
CLIP_SECONDS, TRACK_SECONDS = 30.0, 180.0


def main() -> None:
    import torch

    from crossmodal.demo import make_clip
    from crossmodal.matching import Matcher

    torch.set_num_threads(THREADS)
    library = catalogue_of_noise(TRACKS, TRACK_SECONDS)
    with tempfile.TemporaryDirectory() as folder, Matcher.open(library) as matcher:
        clip = make_clip(Path(folder) / "clip.mp4", seconds=CLIP_SECONDS, cuts=(4.0, 9.0, 11.0, 20.0))
        loading = clock("the first match, which loads the library", lambda: matcher.match(clip), rounds=1)
        assert len(matcher.match(clip)) == 10

        def embed() -> None:  # from the stored features, as every further match of the clip does
            matcher.model.embed(matcher.store.features(matcher.model.encoders["video"], clip), "video")

        whole = clock("match of a known clip", lambda: matcher.match(clip), rounds=5)
        alone = clock("its embedding alone", embed, rounds=5)
    beyond = type(whole)(
        f"30 s clip against {TRACKS} tracks of 3 min, beyond its embedding",
        [type(a)(a.cpu - b.cpu, a.wall - b.wall) for a, b in zip(whole.ours, alone.ours, strict=True)],
        limit=LIMIT,
    )
    report([beyond, whole, alone, loading], __file__)


if __name__ == "__main__":
    main()
