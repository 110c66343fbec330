"""Features, what an Encoder is, and the store that keeps Features."""

from crossmodal.features.features import Encoder, Features, Side, Source
from crossmodal.features.resample import at_hop
from crossmodal.features.store import FeatureStore

__all__ = ["Encoder", "FeatureStore", "Features", "Side", "Source", "at_hop"]
