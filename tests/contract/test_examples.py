"""The examples in docstrings are true."""

import doctest
import pkgutil
from importlib import import_module

import numpy as np
import pytest
import torch

import crossmodal.losses
import crossmodal.model
import crossmodal.similarity

ROOMS = (crossmodal.similarity, crossmodal.losses, crossmodal.model)
MODULES = [f"{room.__name__}.{module.name}" for room in ROOMS for module in pkgutil.iter_modules(room.__path__)]


@pytest.mark.parametrize("name", MODULES)
def test_every_example_gives_what_it_says(name: str) -> None:
    module = import_module(name)
    names = {public: getattr(room, public) for room in ROOMS for public in room.__all__}
    names |= {**vars(module), "torch": torch, "np": np}
    runner = doctest.DocTestRunner(verbose=False)
    for example in doctest.DocTestFinder().find(module, name, globs=names):
        runner.run(example)
    assert runner.summarize(verbose=False).failed == 0
