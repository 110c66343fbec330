"""Pretrained networks as encoders: CLIP and SigLIP on pictures, CLAP and AST on sound.

Decoding stays in a guarded child, which writes frames or samples into a temporary file; the network runs here, in
batches of fixed size, so that memory is flat and the same file gives the same bits on one machine.
"""

import hashlib
import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from crossmodal.encoders.checkpoints import ROWS, load_checkpoint, quiet
from crossmodal.encoders.curves.rows import half
from crossmodal.encoders.pretrained_network import PretrainedNetwork
from crossmodal.encoders.pretrained_reading import SHORTEST, Sound, shown_size, write_pictures, write_sound
from crossmodal.encoders.raw_readers import PretrainedReader
from crossmodal.encoders.scratch import scratch_file
from crossmodal.features import Features, Side, Source
from crossmodal.features.resample import row_count
from crossmodal.media import guard
from crossmodal.similarity.threads import one_thread

VERSION = 1  # goes up when what is read of a medium changes


class PretrainedEncoder:
    """The tower of a pretrained network on one side, by name or folder; frozen, until somebody trains its `blocks`.

    Rows are the network's own embedding: of the picture at the middle of each row, or of the window of sound round it
    (moved inside at both ends). Nothing is drawn at random. Of media above ten minutes 40 windows of 12 s are seen.

    Attributes:
        network: rows of what `raw` gives, with gradients: (N, T, ...) -> (N, T, C).
        hop: seconds from row to row; may be set, as pictures and windows can stand at any.

    Args:
        name: folder of a checkpoint, or its name (OWNER/NAME) in the local cache; nothing is fetched.
        side: `video` or `audio`.
        device: where the network runs, in half precision on a GPU; None: a GPU if there is one.

    Raises:
        ModelError: the checkpoint is not here, or is none for this side.
    """

    def __init__(self, name: str, side: Side, device: str | torch.device | None = None) -> None:
        loaded = load_checkpoint(name, side)
        self.side: Side = side
        self.family, self.processor = loaded.family, loaded.processor
        self.hop = loaded.hop
        self.seconds = loaded.family.seconds(loaded.processor)
        self._as_loaded = (self.hop, f"{type(loaded.network).__name__}-{side}-{self._hash(loaded.network)}")
        where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self.network = PretrainedNetwork(loaded).to(where, torch.float16 if where.type == "cuda" else torch.float32)
        self.network.eval()
        self.channels = self._width()

    @property
    def fingerprint(self) -> str:
        """Of weights, processor and settings as they are now; the same by name, by folder and on any device.

        Weights in half precision, as they are on a GPU until they are trained, count as those that were loaded.
        """
        tower = self.network.tower
        is_frozen = not any(parameter.requires_grad for parameter in tower.parameters())
        if is_frozen and not self.network.was_trained and self.hop == self._as_loaded[0]:
            return self._as_loaded[1]
        return f"{type(tower).__name__}-{self.side}-{self._hash(tower)}"

    @property
    def device(self) -> torch.device:
        """Where the network stands."""
        return next(self.network.parameters()).device

    @property
    def dtype(self) -> torch.dtype:
        """Of its weights."""
        return next(self.network.parameters()).dtype

    @property
    def reader(self) -> PretrainedReader:
        """What reads passages for it; holds no weights."""
        return PretrainedReader(self.side, self.processor, self.hop, self.seconds)

    def raw(self, source: Source, start: float, seconds: float, *, speed: float = 1.0, gain_db: float = 0.0) -> Tensor:
        """What the network takes of a passage (T, ...); see `RawReader.read`."""
        return self.reader.read(source, start, seconds, speed=speed, gain_db=gain_db)

    def blocks(self) -> list[torch.nn.Module]:
        """What stands before the layers, each layer, and what stands behind them."""
        return self.network.blocks()

    def save(self, folder: str | Path) -> None:
        """Write network, processor and hop into `folder` as a checkpoint that `make_encoder` reads again."""
        Path(folder).mkdir(parents=True, exist_ok=True)
        with quiet():
            self.network.tower.save_pretrained(folder)
            self.processor.save_pretrained(folder)
        (Path(folder) / ROWS).write_text(json.dumps({"hop": self.hop}) + "\n", encoding="utf-8")

    def features(self, source: Source) -> Features:
        """Features of the whole medium, rounded to float16; unseen rows are zero.

        Raises:
            MediaError: the file cannot be used.
            CrossmodalError: there is no room for the temporary file.
        """
        with scratch_file() as out:
            return self._of_pictures(source, out) if self.side == "video" else self._of_sound(source, out)

    def prepare(self, media: list[np.ndarray]) -> dict[str, Tensor]:
        """The network's input, made by the checkpoint's own processor, on the device.

        Args:
            media: uint8 (3, H, W) pictures, or float32 (L,) sounds of at most a window, in [-1, 1].
        """
        if self.side == "video":
            pictures = [torch.tensor(picture).to(self.device) for picture in media]
            made = dict(self.processor(images=pictures, return_tensors="pt"))
        else:
            made = dict(self.processor(media, sampling_rate=self.processor.sampling_rate, return_tensors="pt"))
        if "is_longer" in made:  # CLAP's processor draws one at random where none is
            made["is_longer"] = torch.zeros_like(made["is_longer"])
        return {
            name: value.to(self.device, self.dtype if value.is_floating_point() else None)
            for name, value in made.items()
        }

    def embed(self, inputs: dict[str, Tensor]) -> Tensor:
        """(N, C) of what `prepare` gave."""
        return self.network.embed(inputs)

    @torch.inference_mode()
    def _rows(self, media: list[np.ndarray]) -> np.ndarray:
        """(N, C) float32, N at most the family's batch."""
        with one_thread() if self.device.type == "cpu" else nullcontext():
            return half(self.embed(self.prepare(media)).float().cpu().numpy())

    def _of_pictures(self, source: Source, out: Path) -> Features:
        read = guard.run(write_pictures, source, str(out), self.hop, shown_size(self.processor.size))
        frames = np.memmap(out, np.uint8, "r", shape=(len(read.times), 3, read.height, read.width))
        n_rows = row_count(read.duration, self.hop)
        places = np.minimum((read.times / self.hop).astype(np.int64), n_rows - 1)
        values, seen = np.zeros((n_rows, self.channels), np.float32), np.zeros(n_rows, np.bool_)
        size = self.family.batch
        for at in range(0, len(frames), size):
            values[places[at : at + size]] = self._rows(list(np.array(frames[at : at + size])))
        seen[places] = True
        return Features(values, seen, self.hop, read.duration, silent=False, warnings=read.warnings)

    def _of_sound(self, source: Source, out: Path) -> Features:
        rate = self.processor.sampling_rate
        read = guard.run(write_sound, source, str(out), rate, self.seconds)
        n_rows = row_count(read.duration, self.hop)
        seen, starts = self._windows(read, n_rows)
        values = np.zeros((n_rows, self.channels), np.float32)
        if not read.silent:
            samples = np.memmap(out, "<f4", "r", shape=(read.n_samples,))
            distinct, which = np.unique(np.round(starts * rate).astype(np.int64), return_inverse=True)
            size = self.family.batch
            rows = [
                self._rows([self._window(samples, start, rate) for start in distinct[at : at + size]])
                for at in range(0, len(distinct), size)
            ]
            values[seen] = np.concatenate(rows)[which]
        return Features(values, seen, self.hop, read.duration, silent=read.silent, warnings=read.warnings)

    def _windows(self, read: Sound, n_rows: int) -> tuple[np.ndarray, np.ndarray]:
        """Which rows are seen (T,), and of those the start of the window round each, seconds."""
        middles = (np.arange(n_rows) + 0.5) * self.hop
        seen = np.zeros(n_rows, np.bool_)
        for first, last in read.windows:
            seen |= (middles >= first) & (middles < last)
        if len(read.windows) == 1:
            seen[:] = True
        latest = max(0.0, read.duration - self.seconds)
        return seen, np.clip(middles[seen] - self.seconds / 2, 0.0, latest)

    def _window(self, samples: np.ndarray, start: int, rate: int) -> np.ndarray:
        window = np.array(samples[start : start + round(self.seconds * rate)], np.float32)
        return np.pad(window, (0, max(0, round(SHORTEST * rate) - len(window))))

    def _width(self) -> int:
        """C, as the network itself says."""
        if self.side == "video":
            size = shown_size(self.processor.size)
            shape = (size, size) if isinstance(size, int) else size
            return self._rows([np.zeros((3, *shape), np.uint8)]).shape[1]
        return self._rows([np.zeros(round(SHORTEST * self.processor.sampling_rate), np.float32)]).shape[1]

    def _hash(self, network: torch.nn.Module) -> str:
        """Of weights, processor and settings; the same by name, by folder and on any device."""
        settings = {key: value for key, value in self.processor.to_dict().items() if not key.startswith("_")}
        told = json.dumps([VERSION, self.family.batch, self.hop, self.seconds, settings], sort_keys=True, default=str)
        digest = hashlib.sha256(told.encode())
        for key, tensor in sorted(network.state_dict().items()):
            digest.update(f"{key} {tensor.dtype} {tuple(tensor.shape)}".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
        return digest.hexdigest()[:24]
