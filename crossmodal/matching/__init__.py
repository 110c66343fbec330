"""Which track, from which second, how well."""

from crossmodal.matching.calibration import Calibration, Limits, Word, plain_final
from crossmodal.matching.matcher import Matcher
from crossmodal.matching.results import Match, Matches, OtherPlace, Query, Reason, To

__all__ = [
    "Calibration",
    "Limits",
    "Match",
    "Matcher",
    "Matches",
    "OtherPlace",
    "Query",
    "Reason",
    "To",
    "Word",
    "plain_final",
]
