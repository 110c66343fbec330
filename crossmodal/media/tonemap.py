"""HDR pictures (PQ, HLG, BT.2020) brought into the range and colours of an ordinary screen (BT.709)."""

from functools import lru_cache

import numpy as np

PQ, HLG = 16, 18  # transfer characteristics as ITU-T H.273 numbers them
HDR_CURVES = (PQ, HLG)
WHITE = 203.0  # nits of diffuse white, ITU-R BT.2408
HLG_PEAK, HLG_GAMMA = 1000.0, 1.2  # nits, and the system gamma of a screen of that peak, ITU-R BT.2100
KNEE = 0.5  # of white: darker light is kept, brighter light is rolled off below 1
_TO_709 = np.array(  # linear BT.2020 to linear BT.709, ITU-R BT.2087
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)
_LUMA = np.array([0.2627, 0.6780, 0.0593], np.float32)  # of linear BT.2020


def tone_map(pixels: np.ndarray, curve: int) -> np.ndarray:
    """(H, W, 3) uint8 BT.709 of uint16 RGB (H, W, 3) in BT.2020 with a PQ or HLG curve.

    Light up to half of diffuse white keeps its level, what is brighter is rolled off, all three colours alike.
    """
    light = _linear(curve)[pixels]  # (H, W, 3), 1 = diffuse white
    if curve == HLG:
        light = light * np.maximum(light @ _LUMA, 1e-6)[..., None] ** (HLG_GAMMA - 1) * (HLG_PEAK / WHITE)
    light = np.maximum(light @ _TO_709.T, 0)
    brightest = light.max(axis=-1, keepdims=True)
    rolled = 1 - (1 - KNEE) * np.exp(-np.maximum(brightest - KNEE, 0) / (1 - KNEE))
    light *= np.where(brightest > KNEE, rolled / np.maximum(brightest, KNEE), 1)
    return np.rint(255 * np.minimum(light, 1) ** (1 / 2.4)).astype(np.uint8)  # ITU-R BT.1886


@lru_cache(maxsize=2)
def _linear(curve: int) -> np.ndarray:
    """(65536,) float32: light of each code value; PQ relative to diffuse white, HLG of the scene in [0, 1].

    Source: ITU-R BT.2100, tables 4 and 5.
    """
    code = np.arange(65_536) / 65_535
    if curve == PQ:
        m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
        root = code ** (1 / m2)
        light = 10_000 / WHITE * (np.maximum(root - c1, 0) / (c2 - c3 * root)) ** (1 / m1)
    else:
        a, b, c = 0.17883277, 0.28466892, 0.55991073
        light = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    return light.astype(np.float32)
