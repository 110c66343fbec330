"""The card of a model that a run made: what it was trained on and how, and how it stood on what was held out."""

import shlex
from dataclasses import dataclass
from pathlib import Path

from training.config import Config
from training.tracking import METRICS, Report

CURVES = "training.png"


@dataclass(frozen=True, slots=True)
class RunFacts:
    """What a card tells of a run.

    Args:
        command: that repeats it.
        fingerprint: of the model.
        parameters: how many.
        rows: pairs trained on, by domain.
        held_out: pairs judged on.
        history: rows of the epochs.
        chosen: epoch whose weights these are.
        calibration: what its scores mean, in a sentence.
    """

    command: str
    fingerprint: str
    parameters: int
    rows: dict[str, int]
    held_out: int
    history: list[Report]
    chosen: int
    calibration: str


def command(preset: str | Path | None, settings: list[str], manifests: list[Path], data: Path | None) -> str:
    """The command line of a run."""
    words = ["crossmodal", "train"]
    for path in manifests:
        words += ["--manifest", str(path)]
    words += ["--data", str(data)] if data is not None else []
    words += ["--preset", str(preset)] if preset is not None else []
    return shlex.join([*words, *settings])


def write_curves(folder: Path) -> bool:
    """Draw loss and recall over the epochs beside the model; False where there is no epoch."""
    if not (folder / METRICS).is_file():
        return False
    from training.plots import training_curves  # matplotlib is slow to import

    training_curves(folder / METRICS, folder / CURVES)
    return True


def run_card(facts: RunFacts, config: Config) -> str:
    """The card as Markdown."""
    rows = "\n".join(f"- {name}: {count} pairs" for name, count in facts.rows.items())
    return f"""---
library_name: crossmodal
tags: [video-to-music, audio, video, metric-learning]
---
# A two-tower model for matching music to video

{facts.parameters:,} parameters, fingerprint `{facts.fingerprint}`. Use it with `crossmodal app --model DIR`,
`crossmodal match CLIP --model DIR` or `TwoTowerModel.from_pretrained(DIR)`.

## Trained on

{rows}

Its weights may be passed on only as the rights in these pairs allow.

```
{facts.command}
```

Settings are in `training.json`: loss `{config.loss.vectors}` on the vectors, `{config.loss.sequences}` on the
sequences, {config.batch} rows a batch, seed {config.seed}.

## How it stood

{_figures(facts)}

{facts.calibration}
"""


def _figures(facts: RunFacts) -> str:
    if not facts.history or "recall@10" not in facts.history[-1]:
        return "No pairs were held out (`split: val` in a manifest), so nothing is known of how well it matches."
    row = facts.history[max(facts.chosen, 1) - 1]
    lines = [
        f"On {facts.held_out} pairs that it was not trained on, aligned (the same seconds of both sides), after epoch "
        f"{row['epoch']} (step {row['step']}):",
        "",
        "| | recall@1 | recall@5 | recall@10 | median rank | MRR | mAP |",
        "|---|---|---|---|---|---|---|",
    ]
    for way in ("video_to_music", "music_to_video"):
        cells = " | ".join(
            f"{float(row[f'{way}/{name}']):.3g}"
            for name in ("recall@1", "recall@5", "recall@10", "median_rank", "mrr", "map")
        )
        lines.append(f"| {way.replace('_', ' ')} | {cells} |")
    by_chance = " | ".join(f"{float(row[f'chance/recall@{k}']):.3g}" for k in (1, 5, 10))
    lines += [f"| chance | {by_chance} | | | |", "", f"![Loss and recall over the epochs]({CURVES})"]
    return "\n".join(lines)
