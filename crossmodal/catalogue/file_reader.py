"""What a worker does with one file: looks at it in a guarded child, and decodes it where that is needed."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from crossmodal.catalogue.inspection import Inspection, inspect_clip, inspect_music, inspect_sound
from crossmodal.catalogue.records import EmbeddingKey, FileState
from crossmodal.catalogue.store import Catalogue
from crossmodal.errors import MediaError
from crossmodal.features import Encoder, Features, FeatureStore, Side
from crossmodal.media import display_name, guard

log = logging.getLogger(__name__)

CHANGING = "changed while they were read (left for the next run)"
VANISHED = "gone before they were read"


@dataclass(frozen=True, slots=True)
class ReadFile:
    """What a worker found out about one file.

    Args:
        path: in bytes.
        state: of the file before and after it was read.
        inspection: None where there was trouble.
        track: id, where the content is known already.
        features: None where they are not needed.
        trouble: why it cannot be used.
        skipped: a reason to count it under, and to try again next time.
    """

    path: bytes
    state: FileState | None = None
    inspection: Inspection | None = None
    track: int | None = None
    features: Features | None = None
    trouble: MediaError | None = None
    skipped: str = ""


def inspector(side: Side, with_video_sound: bool) -> Callable[[Path], Inspection]:
    """What looks at the files of a folder of music or of clips."""
    if side == "video":
        return inspect_clip
    return inspect_sound if with_video_sound else inspect_music


class FileReader:
    """Reads files for one model, from any number of threads.

    Args:
        catalogue: asked what is known already.
        store: of Features.
        encoder: decodes.
        model: fingerprint of the model that the vectors are for.

    Attributes:
        inspect: what looks at a file, in a guarded child.
    """

    def __init__(self, catalogue: Catalogue, store: FeatureStore, encoder: Encoder, model: str) -> None:
        self.catalogue, self.store, self.encoder, self.model = catalogue, store, encoder, model
        self.inspect = inspector(encoder.side, with_video_sound=False)

    def read(self, path: bytes) -> ReadFile:
        """A file of a folder, looked at, and decoded where its content has no vectors yet."""
        name = Path(os.fsdecode(path))
        try:
            before = FileState.of(os.stat(path))  # noqa: PTH116 (bytes)
            file = self._look_into(path, name, before)
            after = FileState.of(os.stat(path))  # noqa: PTH116 (bytes)
        except FileNotFoundError:
            return ReadFile(path, skipped=VANISHED)
        except OSError as error:
            return ReadFile(path, trouble=MediaError(display_name(name), "missing", f"cannot be read ({error})"))
        except Exception as error:  # a fault of ours costs this file only, and is not remembered against it
            log.exception("%s", display_name(name))
            return ReadFile(
                path, trouble=MediaError(display_name(name), "corrupt", f"crossmodal failed on it: {error}")
            )
        return file if before == after else ReadFile(path, skipped=CHANGING)

    def recall(self, row: tuple[int, str, bytes]) -> ReadFile:
        """The Features of a known track (id, content hash, path): stored ones, else decoded again."""
        track, content_hash, path = row
        inspection = Inspection(content_hash, "", {})
        try:
            features = self.store.features_by_hash(self.encoder, Path(os.fsdecode(path)), content_hash)
        except MediaError as error:
            return ReadFile(path, trouble=error)
        return ReadFile(path, None, inspection, track, features)

    def has_vectors(self, content_hash: str) -> bool:
        """Whether the model's vectors of a content are there."""
        key = EmbeddingKey(content_hash, self.encoder.side, self.model)
        return self.catalogue.embedding(key) is not None

    def _look_into(self, path: bytes, name: Path, state: FileState) -> ReadFile:
        try:
            inspection = guard.run(self.inspect, name)
            if inspection.kind:
                return ReadFile(path, state, inspection)
            track = self.catalogue.track_id(inspection.content_hash, self.encoder.side)
            if track is not None and self.has_vectors(inspection.content_hash):
                return ReadFile(path, state, inspection, track)
            features = self.store.features_by_hash(self.encoder, name, inspection.content_hash)
        except MediaError as error:
            return ReadFile(path, state, trouble=error)
        return ReadFile(path, state, inspection, track, features)
