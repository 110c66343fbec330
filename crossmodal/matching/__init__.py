"""Which track, from which second, how well."""

from crossmodal.matching.calibration import Calibration, Limits, plain_final

__all__ = ["Calibration", "Limits", "plain_final"]
