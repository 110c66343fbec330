"""Indexing music: how many tracks a minute, how much more than decoding the sound, and what does a new model cost?

At most 4 times the CPU seconds of pure audio decoding, start-up apart; a new model, from the stored features, in under
a tenth of the first indexing. Usage: indexing.py [ROUNDS]
"""

import shutil
import statistics
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _decoding import pure_audio_decoding
from _media import music_files
from harness import Comparison, Cost, measure, report

if TYPE_CHECKING:
    from crossmodal.model import TwoTowerModel

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
DECODING_LIMIT, NEW_MODEL_LIMIT = 4.0, 0.1


def main() -> None:
    from crossmodal.model import TwoTowerModel

    first, second = TwoTowerModel.from_pretrained("compact"), _other_model()
    with tempfile.TemporaryDirectory() as folder:
        music = _decodable(Path(folder) / "music")
        indexed, again, decoded = [], [], []
        for number in range(ROUNDS + 1):  # the first round warms up
            decoded.append(measure(lambda: [pure_audio_decoding(path) for path in music]))
            costs = _index_twice(Path(folder) / f"library-{number}", music[0].parent, first, second, len(music))
            indexed.append(costs[0])
            again.append(costs[1])
    indexed, again, decoded = indexed[1:], again[1:], decoded[1:]
    rate = 60 * len(music) / statistics.median(cost.wall for cost in indexed)
    report(
        [
            Comparison("indexing, beside pure audio decoding", indexed, decoded, DECODING_LIMIT),
            Comparison("a new model, beside the first indexing", again, indexed, NEW_MODEL_LIMIT),
        ],
        __file__,
        tracks=len(music),
        tracks_a_minute=round(rate),
        hours_for_22000=round(22_000 / rate / 60, 2),
    )


def _decodable(folder: Path) -> list[Path]:
    """The music in one folder, what cannot be decoded left out."""
    folder.mkdir()
    kept = []
    for number, path in enumerate(music_files()):
        try:
            pure_audio_decoding(path)
        except Exception:  # whatever is wrong with it, it is no part of the question
            continue
        kept.append(Path(shutil.copy(path, folder / f"{number:03d}-{path.name}")))
    return kept


def _index_twice(
    folder: Path, music: Path, first: "TwoTowerModel", second: "TwoTowerModel", n_tracks: int
) -> tuple[Cost, Cost]:
    """What indexing costs with one model and then with another; children are warm, so that start-up is apart."""
    from crossmodal.catalogue import Catalogue
    from crossmodal.catalogue.indexing import index_folders

    with Catalogue.open(folder, create=True) as catalogue:
        one = measure(lambda: index_folders(catalogue, [music], first))
        two = measure(lambda: index_folders(catalogue, [music], second))
        assert catalogue.count(model=second.fingerprint) == catalogue.count(model=first.fingerprint)
        assert catalogue.count() >= 0.9 * n_tracks
    return one, two


def _other_model() -> "TwoTowerModel":
    """The bundled model with other weights."""
    import torch

    from crossmodal.model import TwoTowerModel

    model = TwoTowerModel.from_pretrained("compact")
    with torch.no_grad():
        for weights in model.parameters():
            weights.mul_(1.01)
    return model


if __name__ == "__main__":
    main()
