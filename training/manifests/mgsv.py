"""MGSV-EC as its authors publish it (Xin et al., ICCV 2025): a CSV of moments, and features of clips and tracks.

CLIP ViT-B/32 once a second over the clip; AST over windows of 10 s every 2.5 s of the track; a mask beside each. The
licence of the data is CC BY-NC-ND 4.0; nothing of it comes with this package.
"""

import csv
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from crossmodal.errors import ManifestError
from crossmodal.manifest import path_from

VIDEO_HOP, MUSIC_HOP = 1.0, 2.5  # seconds
VIDEO = Path("vit_feature1")  # /vit_feature/ID.pt, /vit_mask/ID.pt
MUSIC = Path("ast_feature2p5")  # /ast_feature/ID.pt, /ast_mask/ID.pt
COLUMNS = (
    "id", "video", "audio", "video_mask", "audio_mask", "video_hop", "audio_hop", "video_duration", "audio_duration",
    "audio_start", "audio_end", "music_id", "labels", "split",
)  # fmt: skip
_NEEDED = ("video_id", "music_id", "video_start", "video_end", "music_start", "music_end", "music_total_duration")


def mgsv_rows(table: Path, features: Path, *, base: Path, split: str | None = None) -> list[dict[str, Any]]:
    """Rows of a manifest (`COLUMNS`) that `read_pairs` reads, out of one of the data set's CSV files.

    Args:
        table: `train_data.csv`, `val_data.csv` or `test_data.csv`.
        features: folder that holds `vit_feature1` and `ast_feature2p5`.
        base: folder of the manifest to be written; paths are relative to it.
        split: of every row.

    Raises:
        ManifestError: the table cannot be read, or is another.
    """
    listed = list(_listed(table))
    counts = Counter(cells["video_id"] for _, cells in listed)
    return [_row(line, cells, counts, features, base, split, table) for line, cells in listed]


def _listed(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    try:
        with table.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = next((name for name in _NEEDED if name not in (reader.fieldnames or ())), None)
            if missing is not None:
                raise ManifestError(str(table), 1, f"has no column {missing!r}: it is not a table of MGSV-EC.")
            for cells in reader:
                yield reader.line_num, cells
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(str(table), None, f"cannot be read ({error}).") from error


def _row(
    line: int, cells: dict[str, str], counts: Counter[str], features: Path, base: Path, split: str | None, table: Path
) -> dict[str, Any]:
    clip, track = cells["video_id"], cells["music_id"]

    def path(part: Path, kind: str, name: str) -> str:
        return path_from(features / part / kind / f"{name}.pt", base)

    try:
        start, end = float(cells["video_start"]), float(cells["video_end"])
        times = {
            "video_duration": round(end - start, 3),
            "audio_duration": float(cells["music_total_duration"]),
            "audio_start": float(cells["music_start"]),
            "audio_end": float(cells["music_end"]),
        }
    except (TypeError, ValueError) as error:
        raise ManifestError(str(table), line, f"{error}. Download the table again.") from error
    return {
        "id": clip if counts[clip] == 1 else f"{clip}-{line}",
        "video": path(VIDEO, "vit_feature", clip),
        "audio": path(MUSIC, "ast_feature", track),
        "video_mask": path(VIDEO, "vit_mask", clip),
        "audio_mask": path(MUSIC, "ast_mask", track),
        "video_hop": VIDEO_HOP,
        "audio_hop": MUSIC_HOP,
        **times,
        "music_id": track,
        "labels": {"category": cells["video_category"]} if cells.get("video_category") else {},
        "split": split,
    }
