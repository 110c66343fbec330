"""What do the similarities of sequences cost between two batches, and what the same with all pairs of steps in memory?

Clips of 12 s (120 steps of 8 heads with 2 dimensions each) against tracks, as many of both; with a graph also backward.
Each measurement is a process of its own, one thread, float32. *Plain* is the same number by whole arrays: for late
interaction (N, M, T, T'), for the best of all starts every window of every track cut out; values are compared first.

Usage: sequences.py [ROWS]     of both sides; 64; about 5 minutes on a quiet core
"""

import json
import sys

from _alone import Row, cost_of, in_process
from harness import RESULTS, Comparison, Cost, report

ROWS = 64
CLIP, ROUNDS = 120, 3
# name, steps of a track, whether with a backward pass, whether there is a plain one
JOBS = [
    ("aligned", 120, True, False),
    ("late_interaction", 120, True, True),
    ("late_interaction", 600, True, True),
    ("over_starts", 240, True, True),
    ("over_starts", 600, True, True),
    ("over_starts", 600, False, True),
    ("warped", 120, False, False),
    ("warped", 600, False, False),
]


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(in_process(__file__, "same", "", "", "", "")["note"], flush=True)
    comparisons, notes = [], {}
    lines = [f"# {__doc__.splitlines()[0]}", "", *__doc__.split("Usage")[0].splitlines()[2:]]
    lines += [f"{rows} clips against {rows} tracks.", ""]
    lines += [
        "| similarity | track steps | | CPU s | peak MB | plain CPU s | plain peak MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, steps, backward, has_plain in JOBS:
        hows = ["ours", "plain"] if has_plain else ["ours"]
        words = name, str(steps), "backward" if backward else "forward", str(rows)
        found: dict[str, list[Row]] = {how: [] for how in hows}
        for _ in range(ROUNDS):
            for how in hows:
                found[how].append(in_process(__file__, how, *words))
        label = f"{name}, {steps} steps, {'forward and backward' if backward else 'forward'}"
        costs = {how: [Cost(row["cpu"], row["wall"]) for row in side] for how, side in found.items()}
        comparisons.append(Comparison(label, costs["ours"], costs.get("plain", [])))
        best = [f"{min(r['cpu'] for r in side):.2f} | {max(r['peak_mb'] for r in side):.0f}" for side in found.values()]
        notes[label] = ", plain ".join(best)
        lines.append(f"| {name} | {steps} | {words[2]} | " + " | ".join([*best, " | "][:2]) + " |")
        report(comparisons, __file__, **notes)
        (RESULTS / "sequences.md").write_text("\n".join(lines) + "\n")


def one(how: str, name: str, steps: str, passes: str, rows: str) -> None:
    import torch
    from torch import Tensor

    from crossmodal.similarity import aligned, late_interaction, over_starts, warped
    from crossmodal.similarity.correlation import BETA, inverse_norm, over_heads
    from crossmodal.similarity.starts import BONUS
    from crossmodal.similarity.step_directions import step_directions

    torch.set_num_threads(1)

    def plain_late(video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor) -> Tensor:
        sharp = BETA * torch.einsum(
            "ntc,muc->nmtu", step_directions(video, video_mask), step_directions(audio, audio_mask)
        )
        return ((sharp.logsumexp(3) - torch.tensor(float(audio.shape[1])).log()) / BETA).mean(2)

    def plain_starts(video: Tensor, audio: Tensor, video_mask: Tensor, audio_mask: Tensor) -> Tensor:
        length = video.shape[1]
        windows = audio.unfold(1, length, 1)  # (M, K, H, d, n)
        windows = windows - windows.mean(-1, keepdim=True)
        clips = video - video.mean(1, keepdim=True)
        parts = inverse_norm(clips.square().sum((1, 3)), length), inverse_norm(windows.square().sum((3, 4)), length)
        dots = torch.einsum("nthd,mkhdt->nmkh", clips, windows)
        r = over_heads(dots * parts[0][:, None, None] * parts[1], 3)  # (N, M, K)
        return torch.maximum(r[..., 0] + BONUS, r.amax(2))

    def best(*sides: Tensor) -> Tensor:
        return over_starts(*sides)[0]

    kinds = {
        ("ours", "aligned"): aligned,
        ("ours", "late_interaction"): late_interaction,
        ("ours", "over_starts"): best,
        ("ours", "warped"): warped,
        ("plain", "late_interaction"): plain_late,
        ("plain", "over_starts"): plain_starts,
    }

    def sides(rows: int, steps: int) -> list[Tensor]:
        generator = torch.Generator().manual_seed(rows)
        values = [torch.randn(rows, count, 8, 2, generator=generator) for count in (CLIP, steps)]
        return [*values, *(torch.ones(part.shape[:2], dtype=torch.bool) for part in values)]

    def step(how: str, name: str, data: list[Tensor]) -> list[Tensor]:
        for part in data[:2]:
            part.requires_grad_(passes != "forward")
        sim = kinds[how, name](*data)
        if passes == "forward":
            return [sim]
        sim.sum().backward()
        return [sim.detach(), data[0].grad, data[1].grad]

    if how == "same":
        for known in ("late_interaction", "over_starts"):
            ours, plain = (step(kind, known, sides(5, 200)) for kind in ("ours", "plain"))
            torch.testing.assert_close(ours, plain, atol=1e-4, rtol=1e-4)
        print(json.dumps({"note": "values and gradients agree for 5 clips on 5 tracks of 200 steps"}))
        return
    data, little = sides(int(rows), int(steps)), sides(2, int(steps))
    print(json.dumps(cost_of(lambda: step(how, name, data), lambda: step(how, name, little))))


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(*sys.argv[2:7])
    else:
        main()
