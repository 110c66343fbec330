"""Small towers for the networks of the tests."""

from typing import Any

SMALL_TOWERS: dict[str, Any] = {
    "width": 8, "dilations": (1,), "vector_dim": 8, "hidden": 8, "lags": 4, "lag_channels": 2, "heads": 2, "hop": 0.5,
}  # fmt: skip
