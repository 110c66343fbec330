"""Is the loop as fast as a plain one, and does it wait for data?

The compact model on 400 made pairs of 16 s of curves, as a warm store gives them; 120 steps of 64 rows. The peer is the
shortest loop one would write in PyTorch: the same towers, disturbance, loss and AdamW, and nothing else: no
accelerator, no clipping, mean of weights, schedule, checks, logs, TensorBoard, states. Waiting is the share of the
loop's seconds that go into `Batches.draw`. At least as fast (1.0), and under 10 % of waiting.

Usage: loop.py
"""

import json
import statistics
import tempfile
from pathlib import Path

import numpy as np
import torch
from harness import THREADS, compare, report

from crossmodal.encoders import AUDIO_CHANNELS, VIDEO_CHANNELS
from crossmodal.features import Features
from crossmodal.losses import PairBatch
from training.config import load_config
from training.data.batches import Batches
from training.data.disturb import Disturbance
from training.data.pairs import Pair
from training.loop import Trainer
from training.objective import Objective
from training.runs import new_model
from training.towers import BothTowers, draw_cuts, side_batches
from training.tracking import LOG

PAIRS, SECONDS, STEPS, HOP = 400, 16.0, 120, 0.1
CONFIG = load_config("compact", [f"steps={STEPS}", f"checkpoint_every={STEPS}"])


def made(channels: int, rng: np.random.Generator) -> Features:
    values = rng.standard_normal((round(SECONDS / HOP), channels)).astype(np.float16).astype(np.float32)
    return Features(values, np.ones(len(values), bool), HOP, SECONDS, silent=False)


def batches() -> Batches:
    rng = np.random.default_rng(0)
    pairs = [
        Pair(f"{k}", f"{k}", f"{k}", made(len(VIDEO_CHANNELS), rng), made(len(AUDIO_CHANNELS), rng))
        for k in range(PAIRS)
    ]
    how = {"passage": CONFIG.passage, "tempo": CONFIG.augment.tempo}
    return Batches({"made": pairs}, {"made": 1.0}, size=CONFIG.batch, seed=0, **how)


def ours(drawn: Batches, folder: Path) -> None:
    (folder / "state.pt").unlink(missing_ok=True)
    Trainer(new_model(CONFIG), drawn, CONFIG, folder).run()


def plain(drawn: Batches) -> None:
    model = new_model(CONFIG)
    objective = Objective.of(CONFIG.loss, CONFIG.model["vector_dim"], CONFIG.model["vector_dim"], 0)
    augment = CONFIG.augment
    disturb = Disturbance(augment.noise, augment.level, augment.drop, augment.jitter / HOP, model.config.clip)
    towers = BothTowers(model, {}, disturb, objective.looks_at).train()
    optimiser = torch.optim.AdamW([*towers.parameters(), *objective.parameters()], lr=CONFIG.optimiser.lr)
    for step in range(STEPS):
        batch = drawn.draw(step)
        cuts = draw_cuts(batch.video.mask.shape[1], CONFIG.loss.disjoint, torch.Generator().manual_seed(step))
        outputs = towers(*towers.inputs(batch, 0, step), cuts=cuts)
        sides = side_batches(batch, towers.outputs, outputs, cuts, torch.device("cpu"))
        total, _ = objective(PairBatch(*sides))
        optimiser.zero_grad()
        total.backward()
        optimiser.step()


def main() -> None:
    torch.set_num_threads(THREADS)
    drawn = batches()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        compared = compare(
            f"{STEPS} steps of {CONFIG.batch} rows, the loop against a plain one",
            lambda: ours(drawn, folder),
            lambda: plain(drawn),
            rounds=3,
            limit=1.0,
        )
        steps = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    waiting = sum(step["waited"] for step in steps) / sum(step["seconds"] for step in steps)
    rows = STEPS * CONFIG.batch
    report(
        [compared],
        __file__,
        rows_a_second=f"{rows / statistics.median(c.wall for c in compared.ours):.0f} beside "
        f"{rows / statistics.median(c.wall for c in compared.peer):.0f}, starting up included",
        waiting_for_data=f"{waiting:.3f} of the loop's seconds; under 0.1: {'kept' if waiting < 0.1 else 'MISSED'}",
    )


if __name__ == "__main__":
    main()
