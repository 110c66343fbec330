"""NetworkEncoder: a network that is trained from raw media together with the towers, as an encoder.

A folder of it holds `encoder.json` (settings) and `model.safetensors`; no pickle.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import safetensors.torch
import torch
from pydantic import TypeAdapter, ValidationError
from safetensors import SafetensorError
from torch import Tensor

from crossmodal.encoders.curves.rows import half
from crossmodal.encoders.network_settings import Settings, SoundSettings, VideoSettings
from crossmodal.encoders.networks import make_network
from crossmodal.encoders.pretrained_reading import write_sound
from crossmodal.encoders.raw_readers import MelReader, PictureReader
from crossmodal.encoders.raw_reading import write_frames
from crossmodal.encoders.scratch import scratch_file
from crossmodal.errors import ModelError, one_line
from crossmodal.features import Features, Side, Source
from crossmodal.features.resample import row_count
from crossmodal.media import guard
from crossmodal.similarity.threads import one_thread

VERSION = 1  # goes up when what is read of a medium changes
SETTINGS, WEIGHTS = "encoder.json", "model.safetensors"
KEPT, HALO = 16, 4  # rows of a block that are kept, and rows round them that it looks at too


class NetworkEncoder:
    """A network on one side, with first weights until it is trained.

    Long media are read in blocks of 16 rows with 4 rows round them; of media above ten minutes 40 windows of 12 s.

    Args:
        settings: what it is made of.

    Raises:
        ModelError: torchvision or torchaudio is not installed.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.side: Side = settings.side
        self.hop = settings.hop
        self.network = make_network(settings).eval()
        self.channels = self.network.channels
        self.reader: PictureReader | MelReader = (
            MelReader(settings) if isinstance(settings, SoundSettings) else PictureReader(settings)
        )

    @classmethod
    def load(cls, folder: str | Path, side: Side) -> "NetworkEncoder":
        """What `save` wrote; a folder without weights gives first ones.

        Raises:
            ModelError: damaged, or of the other side.
        """
        path = Path(folder) / SETTINGS
        try:
            settings = _SETTINGS.validate_json(path.read_bytes())
        except (OSError, ValidationError) as error:
            raise ModelError(f"{path}: cannot be read ({one_line(str(error), 200)}). Copy the folder again.") from error
        if settings.side != side:
            raise ModelError(f"{folder}: {settings.network} is an encoder of {settings.side}, not of {side}.")
        encoder = cls(settings)
        weights = path.with_name(WEIGHTS)
        if weights.is_file():
            encoder.read_weights(weights)
        return encoder

    def read_weights(self, path: Path) -> None:
        """Take the weights of a safetensors file.

        Raises:
            ModelError: damaged, or not of these settings.
        """
        try:
            # Copied out of the mapped file: kernels take other paths for other alignments.
            stored = {name: tensor.clone() for name, tensor in safetensors.torch.load_file(path).items()}
            self.network.load_state_dict(stored)
        except (OSError, SafetensorError, RuntimeError) as error:
            reason = one_line(str(error), 160)
            raise ModelError(f"{path}: no weights of {self.settings.network} ({reason}). Copy it again.") from error

    @property
    def fingerprint(self) -> str:
        """Of weights and settings as they are now."""
        told = self.settings.model_dump_json(exclude={"seed"})
        digest = hashlib.sha256(json.dumps([VERSION, KEPT, HALO, told]).encode())
        for name, tensor in sorted(self.network.state_dict().items()):
            if not name.endswith("num_batches_tracked"):  # counts training and changes no row
                digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
                digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return f"{self.settings.network}-{digest.hexdigest()[:24]}"

    def blocks(self) -> list[torch.nn.Module]:
        """Parts of the network from input to output; each parameter belongs to one."""
        return self.network.blocks()

    def raw(self, source: Source, start: float, seconds: float, *, speed: float = 1.0, gain_db: float = 0.0) -> Tensor:
        """What the network takes of a passage (T, ...); see `RawReader.read`."""
        return self.reader.read(source, start, seconds, speed=speed, gain_db=gain_db)

    def save(self, folder: str | Path) -> None:
        """Write settings and weights into `folder`, made if it is not there; each file stands there whole or not."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        weights = {name: tensor.detach().cpu().contiguous() for name, tensor in self.network.state_dict().items()}
        _write_whole(Path(folder) / WEIGHTS, safetensors.torch.save(weights, metadata={"format": "pt"}))
        _write_whole(Path(folder) / SETTINGS, (self.settings.model_dump_json(indent=2) + "\n").encode())

    def features(self, source: Source) -> Features:
        """Features of the whole medium, rounded to float16; unseen rows are zero.

        Raises:
            MediaError: the file cannot be used.
            CrossmodalError: there is no room for the temporary file.
        """
        with scratch_file() as out:
            if isinstance(self.reader, PictureReader):
                return self._of_pictures(self.reader, source, out)
            return self._of_sound(self.reader, source, out)

    @torch.inference_mode()
    def rows(self, raw: Tensor) -> np.ndarray:
        """(T, C) float32 of what `raw` gave (T, ...), rounded, by the network in eval mode."""
        was_training = self.network.training
        self.network.eval()
        device = next(self.network.parameters()).device
        try:
            with one_thread():
                return half(self.network(raw[None].to(device))[0].float().cpu().numpy())
        finally:
            self.network.train(was_training)

    def _of_pictures(self, reader: PictureReader, source: Source, out: Path) -> Features:
        own: VideoSettings = reader.settings
        read = guard.run(write_frames, source, str(out), own.rate, (own.size, own.size))
        frames = np.memmap(out, np.uint8, "r", shape=(len(read.numbers), 3, own.size, own.size))
        n_rows = row_count(read.duration, self.hop)
        place = np.searchsorted(read.numbers, np.arange(n_rows * own.frames), "right") - 1  # the latest frame by then
        row_of_frame = np.minimum(read.numbers // own.frames, n_rows - 1)
        seen = np.zeros(n_rows, np.bool_)
        seen[row_of_frame] = True
        values = np.zeros((n_rows, self.channels), np.float32)
        for fed, kept in row_blocks(seen):
            which = np.maximum(place[fed.start * own.frames : fed.stop * own.frames], 0)
            raw = torch.from_numpy(np.array(frames[which])).unflatten(0, (-1, own.frames))
            values[kept] = self.rows(raw)[kept.start - fed.start : kept.stop - fed.start]
        return Features(values, seen, self.hop, read.duration, silent=False, warnings=read.warnings)

    def _of_sound(self, reader: MelReader, source: Source, out: Path) -> Features:
        own = reader.settings
        read = guard.run(write_sound, source, str(out), own.rate, self.hop + own.window / own.rate)
        n_rows = row_count(read.duration, self.hop)
        middles, seen = (np.arange(n_rows) + 0.5) * self.hop, np.zeros(n_rows, np.bool_)
        for first, last in read.windows:
            seen |= (middles >= first) & (middles < last) | (len(read.windows) == 1)
        values = np.zeros((n_rows, self.channels), np.float32)
        if not read.silent:
            samples = np.memmap(out, "<f4", "r", shape=(read.n_samples,))
            for fed, kept in row_blocks(seen):
                first, count = round(fed.start * self.hop * own.rate) + reader.lead, fed.stop - fed.start
                raw = reader.spectra(_stretch(samples, first, reader.n_samples(count)), count)
                values[kept] = self.rows(raw)[kept.start - fed.start : kept.stop - fed.start]
        return Features(values, seen, self.hop, read.duration, silent=read.silent, warnings=read.warnings)


_SETTINGS: TypeAdapter[Settings] = TypeAdapter(Settings)


def row_blocks(seen: np.ndarray) -> Iterator[tuple[slice, slice]]:
    """Rows that the network is given at a time, and those of them that are kept, never across a gap."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], seen, [False]]).astype(np.int8)))
    for first, last in edges.reshape(-1, 2).tolist():
        for at in range(first, last, KEPT):
            yield slice(max(first, at - HALO), min(last, at + KEPT + HALO)), slice(at, min(last, at + KEPT))


def _stretch(samples: np.ndarray, first: int, count: int) -> np.ndarray:
    """(count,) samples from `first` on; what lies outside is silence."""
    part = np.zeros(count, np.float32)
    low, high = max(first, 0), min(first + count, len(samples))
    if low < high:
        part[low - first : high - first] = samples[low:high]
    return part


def _write_whole(path: Path, content: bytes) -> None:
    beside = path.with_name(f"{path.name}.part")
    beside.write_bytes(content)
    beside.replace(path)
