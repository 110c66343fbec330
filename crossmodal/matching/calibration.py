"""Calibration: what the similarities of a model mean, as one ranking score and as a probability.

`training.calibration` fits it; here it is read and used.
"""

import hashlib
import itertools
import math
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from crossmodal.errors import ModelError
from crossmodal.model import explain

FILE = "calibration.json"
PLAIN_SHARE = 0.4  # of the vectors, where a model has no calibration
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Finite = Annotated[float, Field(allow_inf_nan=False)]
Word = Literal["very good", "good", "fair", "weak"]


class Limits(BaseModel):
    """From which score on a match is called what; below `fair` it is weak."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    very_good: Finite = 0.85
    good: Finite = 0.70
    fair: Finite = 0.50

    def word(self, score: float) -> Word:
        """`very good`, `good`, `fair` or `weak`."""
        if score >= self.very_good:
            return "very good"
        if score >= self.good:
            return "good"
        return "fair" if score >= self.fair else "weak"


class Calibration(BaseModel):
    """How a model's similarities are read (DESIGN §3.6).

    `final = w g / sigma_g + (1 - w) (s_seq - m(n, K)) / sigma_s(n, K)`, with g the cosine of the vectors, s_seq the
    best sequence similarity over K starts, n the length of the clip; m and sigma_s are mean and deviation of s_seq
    between unrelated media. w grows with ln K; where there is no s_seq it is 1.

    Args:
        sigma_g: deviation of g between unrelated media.
        lengths: (R,) seconds of the clip, rising: the rows of the tables.
        starts: (Q,) K, rising from 1: the columns of the tables.
        mean: (R, Q) m.
        deviation: (R, Q) sigma_s.
        share_at_one: w at K = 1.
        share_per_log_start: what each unit of ln K adds to w; w stays within 0 and 1.
        bonus: what the start at 0 is favoured by.
        logistic: (seconds, intercept, slope), rising: the probability that a pair is the true one of one true and one
            random pair of that length is `1 / (1 + exp(-(intercept + slope final)))`.
        limits: from which score on a match is called what.
        note: what it was fitted on.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    format: Literal[1] = 1
    sigma_g: Positive
    lengths: Annotated[tuple[Positive, ...], Field(min_length=1)]
    starts: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)]
    mean: tuple[tuple[Finite, ...], ...]
    deviation: tuple[tuple[Positive, ...], ...]
    share_at_one: Annotated[float, Field(ge=0, le=1)]
    share_per_log_start: Annotated[float, Field(ge=0, le=1)]
    bonus: Annotated[float, Field(ge=0, le=1)] = 0.1
    logistic: Annotated[tuple[tuple[Positive, Finite, Positive], ...], Field(min_length=1)]
    limits: Limits = Limits()
    note: str = ""

    @model_validator(mode="after")
    def _tables_fit(self) -> Self:
        for name, axis in (("lengths", self.lengths), ("starts", self.starts), ("logistic", self._logistic_lengths)):
            if any(b <= a for a, b in itertools.pairwise(axis)):
                raise ValueError(f"{name} must rise")
        for name, table in (("mean", self.mean), ("deviation", self.deviation)):
            if len(table) != len(self.lengths) or any(len(row) != len(self.starts) for row in table):
                raise ValueError(f"{name} must be {len(self.lengths)} rows (lengths) of {len(self.starts)} (starts)")
        return self

    @property
    def _logistic_lengths(self) -> tuple[float, ...]:
        return tuple(row[0] for row in self.logistic)

    @property
    def fingerprint(self) -> str:
        """Hash of all that is in it, hex."""
        return hashlib.sha256(self.model_dump_json(exclude={"note"}).encode()).hexdigest()[:16]

    def share(self, n_starts: ArrayLike) -> np.ndarray:
        """w, the share of the vectors, for K starts."""
        log_starts = np.log(np.maximum(np.asarray(n_starts, np.float64), 1))
        return np.clip(self.share_at_one + self.share_per_log_start * log_starts, 0, 1)

    def chance(self, seconds: float, n_starts: ArrayLike) -> tuple[np.ndarray, np.ndarray]:
        """m and sigma_s of unrelated media.

        Linear in ln n and ln K. Lengths outside the table take its edge, as does the deviation beyond the largest K;
        the mean goes on as over the last two columns, since a longer track has more chances.

        Args:
            seconds: of the clip.
            n_starts: K, any shape.
        """
        at = np.log(np.maximum(np.asarray(n_starts, np.float64), 1))
        columns = np.log(np.asarray(self.starts, np.float64))
        mean, deviation = (self._row(table, seconds) for table in (self.mean, self.deviation))
        m = np.interp(at, columns, mean)
        if len(columns) > 1:
            slope = (mean[-1] - mean[-2]) / (columns[-1] - columns[-2])
            m = m + max(slope, 0.0) * np.maximum(at - columns[-1], 0)
        return m, np.interp(at, columns, deviation)

    def final(self, g: ArrayLike, s_seq: ArrayLike, seconds: float, n_starts: ArrayLike) -> np.ndarray:
        """The score that ranks.

        Args:
            g: cosine of the vectors.
            s_seq: best sequence similarity; NaN where nothing is left to compare: the vectors then count alone.
            seconds: length of the clip.
            n_starts: K.
        """
        g, s_seq = np.asarray(g, np.float64), np.asarray(s_seq, np.float64)
        m, sigma = self.chance(seconds, n_starts)
        w = np.where(np.isfinite(s_seq), self.share(n_starts), 1.0)
        standing = (np.where(np.isfinite(s_seq), s_seq, 0.0) - m) / sigma
        return w * g / self.sigma_g + (1 - w) * standing

    def logit(self, final: ArrayLike, seconds: float) -> np.ndarray:
        """`final` on a scale that clips of every length share: the log odds that the pair is the true one.

        Args:
            final: of `final`.
            seconds: length of the clip.
        """
        at, lengths = math.log(max(seconds, 1e-3)), np.log(self._logistic_lengths)
        intercept = np.interp(at, lengths, [row[1] for row in self.logistic])
        slope = np.interp(at, lengths, [row[2] for row in self.logistic])
        return intercept + slope * np.asarray(final, np.float64)

    def probability(self, final: ArrayLike, seconds: float) -> np.ndarray:
        """The score that is shown, in [0, 1]; it rises with `final`. Arguments as of `logit`."""
        return 1 / (1 + np.exp(-np.clip(self.logit(final, seconds), -700, 700)))

    @classmethod
    def load(cls, model_folder: str | Path | None) -> "Calibration | None":
        """The calibration of a model; None where it has none, or the model has no folder.

        Raises:
            ModelError: it is damaged.
        """
        if model_folder is None:
            return None
        path = Path(model_folder) / FILE
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError) as error:
            raise ModelError(f"{path}: cannot be read ({error}). Copy the model folder again.") from error
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise ModelError(f"{path}: {explain(error, cls)} Make it again with `crossmodal calibrate`.") from error

    def save(self, model_folder: str | Path) -> Path:
        """Write `calibration.json` into a model's folder; it stands under its name only when it is whole."""
        path = Path(model_folder) / FILE
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f"{path.name}.part")
        beside.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        beside.replace(path)
        return path

    def _row(self, table: tuple[tuple[float, ...], ...], seconds: float) -> np.ndarray:
        """(Q,) the table at a clip length."""
        rows = np.asarray(table, np.float64)  # (R, Q)
        at, lengths = math.log(max(seconds, 1e-3)), np.log(self.lengths)
        return np.array([np.interp(at, lengths, column) for column in rows.T])


def plain_final(g: ArrayLike, s_seq: ArrayLike) -> np.ndarray:
    """What ranks without a calibration: `.4 g + .6 s_seq`, or g where nothing is left to compare."""
    g, s_seq = np.asarray(g, np.float64), np.asarray(s_seq, np.float64)
    known = np.isfinite(s_seq)
    return np.where(known, PLAIN_SHARE * g + (1 - PLAIN_SHARE) * np.where(known, s_seq, 0.0), g)
