"""Procedural pairs of `crossmodal.demo`, straight into curves, without a file between."""

import numpy as np

from crossmodal.demo import draw_pair
from crossmodal.encoders import AudioCurves, VideoCurves, make_encoder
