"""Features, what an Encoder is, and the store that keeps Features."""

from crossmodal.features.features import Encoder, Features, Side, Source

__all__ = ["Encoder", "Features", "Side", "Source"]
