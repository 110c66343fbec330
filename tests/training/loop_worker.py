"""One process of a training run on made pairs: `loop_worker.py FOLDER [KEY=VALUE...]`; goes on where the folder stands.

Prints the fingerprint of the trained model. Started alone, or by torchrun.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))  # before this folder: `training` is the project's
from training_made import TINY, coupled_pairs, made_trainer, no_better


def main() -> None:
    torch.set_num_threads(1)
    trainer = made_trainer(Path(sys.argv[1]), coupled_pairs(24), *TINY, *sys.argv[2:], judge=no_better)
    if not trainer.resume():
        trainer.fit_preparation()
    print(trainer.run().fingerprint, flush=True)


if __name__ == "__main__":
    main()
