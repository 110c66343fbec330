"""The clip's side of a search: one window, or for a long clip at most four that move through the track together."""

from dataclasses import dataclass

import torch
from torch import Tensor

WINDOW_STEPS = 300  # 30 s at a hop of 0.1 s
MOST_WINDOWS = 4


@dataclass(frozen=True, slots=True, eq=False)
class ClipWindows:
    """A clip cut into windows of one length.

    Args:
        n_steps: steps of the whole clip.
        offsets: first step of each window, rising.
        values: (W, n, H, d) float32 or wider, each window's own mean taken off, zero where unseen.
        seen: (W, n) bool.
    """

    n_steps: int
    offsets: tuple[int, ...]
    values: Tensor
    seen: Tensor

    @property
    def length(self) -> int:
        """Steps of one window."""
        return self.values.shape[1]


def clip_windows(
    sequence: Tensor, seen: Tensor, *, window_steps: int = WINDOW_STEPS, most: int = MOST_WINDOWS
) -> ClipWindows:
    """Cut a clip for `search_starts`: up to `window_steps` it is one window, beyond as many as fill it, at most `most`.

    Args:
        sequence: (T, H, d) float.
        seen: (T,) bool.
        window_steps: longest window.
        most: most windows; their starts are spread evenly over the clip.

    Raises:
        ValueError: an empty clip, or shapes that do not belong together.
    """
    check_sequence("clip_windows", sequence, seen)
    n_steps = sequence.shape[0]
    if n_steps == 0:
        raise ValueError("clip_windows: sequence has no step")
    length = min(n_steps, window_steps)
    count = min(most, -(-n_steps // length))
    offsets = tuple(round(at * (n_steps - length) / max(count - 1, 1)) for at in range(count))
    values = torch.stack([sequence[at : at + length] for at in offsets])  # (W, n, H, d)
    values = values.to(torch.promote_types(values.dtype, torch.float32))
    masks = torch.stack([seen[at : at + length] for at in offsets])  # (W, n)
    return ClipWindows(n_steps, offsets, mean_off(values, masks), masks)


def mean_off(values: Tensor, seen: Tensor) -> Tensor:
    """(B, T, H, d) with (B, T) bool -> the same, less each row's mean over what it has seen; zero where unseen."""
    shown = seen[..., None, None]
    values = torch.where(shown, values, 0)
    mean = values.sum(1, keepdim=True) / seen.sum(1).clamp_min(1)[:, None, None, None]
    return torch.where(shown, values - mean, 0)


def check_batch(name: str, video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor) -> None:
    """Raise ValueError unless both sides are (rows, steps, H, d) with one H and d, and masks (rows, steps) bool."""
    if video.ndim != 4 or audio.ndim != 4 or video.shape[2:] != audio.shape[2:]:
        raise ValueError(
            f"{name}: video is {tuple(video.shape)} and audio is {tuple(audio.shape)}; "
            "both must be (rows, steps, H, d) with one H and d"
        )
    for label, mask, rows in (("video_mask", video_mask, video), ("audio_mask", audio_mask, audio)):
        if mask.dtype != torch.bool or mask.shape != rows.shape[:2]:
            raise ValueError(
                f"{name}: {label} is {tuple(mask.shape)} {mask.dtype}; it must be {tuple(rows.shape[:2])} bool"
            )


def check_sequence(name: str, sequence: Tensor, seen: Tensor) -> None:
    """Raise ValueError unless `sequence` is (T, H, d) float and `seen` (T,) bool."""
    if sequence.ndim != 3 or not sequence.is_floating_point():
        raise ValueError(f"{name}: sequence is {tuple(sequence.shape)} {sequence.dtype}; it must be (T, H, d) float")
    if seen.shape != sequence.shape[:1] or seen.dtype != torch.bool:
        raise ValueError(f"{name}: seen is {tuple(seen.shape)} {seen.dtype}; it must be ({sequence.shape[0]},) bool")
