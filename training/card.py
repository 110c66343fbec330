"""Write the card of the bundled model: `python -m training.card FOLDER --data DIR` evaluates it and fills README.md."""

import argparse
import json
from pathlib import Path
from typing import Any

from crossmodal.encoders import make_encoder
from crossmodal.features import FeatureStore
from crossmodal.matching.calibration import Calibration
from crossmodal.model import TwoTowerModel
from training.data.rules import COUPLINGS
from training.evaluation import Evaluation, evaluate
from training.judging import judging_sets
from training.reliability import Reliability, reliability
from training.report import Protocol, paired_difference

SCOPES = ("spectrascope", "synaescope", "spacescope", "lv_scope")
MIN_SECONDS = {"real val": 6.0}
TEMPLATE = Path(__file__).parent / "presets" / "compact-card.md"


def main() -> None:
    """Evaluate a model folder on everything that judges the bundled model, and write its card and `figures.json`."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--store", type=Path)
    parser.add_argument("--demo", type=Path, required=True, help="folder of the demo library; made if missing")
    parser.add_argument("--figures", type=Path, help="also write all figures as JSON there")
    options = parser.parse_args()
    model, calibration = TwoTowerModel.from_pretrained(options.folder), Calibration.load(options.folder)
    with FeatureStore(options.store) as store:
        sets = judging_sets(options.data, store, options.demo, lambda name, done, total: None)
        results = {
            name: evaluate(pairs, model, calibration, min_seconds=MIN_SECONDS.get(name, 6.0))
            for name, pairs in sets.items()
            if name != "long"
        }
    scopes = scope_rows(options.data, [pair.id for pair in sets["visual val"]])
    if options.figures:
        figures = {name: result.summary() for name, result in results.items()}
        options.figures.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    trust = [] if calibration is None else reliability([*sets["long"], *sets["visual val"]], model, calibration)
    card = fill(results, scopes, model, calibration, trust)
    (options.folder / "README.md").write_text(card, encoding="utf-8")


def fill(
    results: dict[str, Evaluation],
    scopes: list[int],
    model: TwoTowerModel,
    calibration: Calibration | None,
    trust: list[Reliability],
) -> str:
    """The card: the template's text with the tables of the figures."""
    text = TEMPLATE.read_text(encoding="utf-8")
    size = sum(parameter.numel() for parameter in model.parameters())
    values = {
        "PARAMETERS": f"{size:,}",
        "FINGERPRINT": model.fingerprint,
        "CALIBRATION": "none" if calibration is None else calibration.fingerprint,
        "ENCODERS": ", ".join(make_encoder("curves", side).fingerprint for side in ("video", "audio")),
        "MAIN": main_table(results),
        "DIFFERENCES": differences(results),
        "COUPLINGS": coupling_table(results),
        "RELIABILITY": reliability_table(trust),
        "LIMITS": "" if calibration is None else _limits(calibration),
        "WITHOUT_SCOPES": without(results["visual val"], scopes),
        "DIRECTIONS": direction_table(results),
    }
    for name, value in values.items():
        text = text.replace(f"@{name}@", value)
    return text


def main_table(results: dict[str, Evaluation]) -> str:
    """Recall@10, mean of both directions, of the sets that have all protocols."""
    lines = [
        "| set | pool | seconds | chance | aligned | searched | apart | untrained: the same three |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name in ("visual val", "montages", "demo", "real val"):
        lines.append(_row(name, results[name]))
    return "\n".join(lines)


def coupling_table(results: dict[str, Evaluation]) -> str:
    """Each coupling alone."""
    lines = ["| coupling | aligned | searched | apart | untrained aligned |", "|---|---|---|---|---|"]
    for name in COUPLINGS:
        ours, plain = results[name].protocols, results[name].untrained
        shown = " | ".join(_mean(ours[protocol]) for protocol in ("aligned", "searched", "apart"))
        lines.append(f"| {name} | {shown} | {_mean(plain['aligned'])} |")
    return "\n".join(lines)


def reliability_table(trust: list[Reliability]) -> str:
    """What the scores say, by length of the clip."""
    lines = [
        "| clip | clips | median true | median random | error | best of 50 unrelated: good, very good |",
        "|---|---|---|---|---|---|",
    ]
    for row in trust:
        good, very_good = row.best_by_luck
        lines.append(
            f"| {row.seconds:g} s | {row.clips} | {row.true:.2f} | {row.random:.2f} | {row.error:.3f} "
            f"| {good:.2f}, {very_good:.2f} |"
        )
    return "\n".join(lines)


def direction_table(results: dict[str, Evaluation]) -> str:
    """Both directions apart."""
    lines = ["| set, protocol | video→music R@1, 5, 10, median | music→video R@1, 5, 10, median |", "|---|---|---|"]
    for name in ("visual val", "montages", "demo", "real val"):
        for protocol, part in results[name].protocols.items():
            summary: dict[str, Any] = part.summary()
            ways = " | ".join(_figures(summary[way]) for way in ("video_to_music", "music_to_video"))
            lines.append(f"| {name}, {protocol} | {ways} |")
    return "\n".join(lines)


def differences(results: dict[str, Evaluation]) -> str:
    """Recall@10 of the model less that of the untrained row on the same rows."""
    lines = []
    for name in ("visual val", "montages", "demo", "real val"):
        for protocol, ours in results[name].protocols.items():
            found: dict[str, Any] = paired_difference(ours, results[name].untrained[protocol])
            low, high = found["interval"]
            lines.append(f"- {name}, {protocol}: {found['difference']:+.3f} (95 % by source {low:+.3f} to {high:+.3f})")
    return "\n".join(lines)


def without(result: Evaluation, rows: list[int]) -> str:
    """Recall@10 of the three protocols over the rows that are left, in the whole pool."""
    kept = [k for k in range(result.pool) if k not in rows]
    return ", ".join(f"{name} {part.hits(10).mean(axis=0)[kept].mean():.3f}" for name, part in result.protocols.items())


def scope_rows(data: Path, ids: list[str]) -> list[int]:
    """Which rows show one of the four scopes, which are found almost always."""
    with (data / "visual" / "manifest.jsonl").open(encoding="utf-8") as file:
        shown = {row["id"]: row["labels"]["visualiser"] for row in map(json.loads, file)}
    return [k for k, name in enumerate(ids) if shown[name] in SCOPES]


def _row(name: str, result: Evaluation) -> str:
    summary: dict[str, Any] = result.summary()
    ours = [f"{_mean(part)} ({_range(part)})" for part in result.protocols.values()]
    plain = ", ".join(_mean(part) for part in result.untrained.values())
    chance = summary["chance"]["recall@10"]
    return f"| {name} | {result.pool} | {result.seconds:g} | {chance:.3f} | {' | '.join(ours)} | {plain} |"


def _limits(calibration: Calibration) -> str:
    limits = calibration.limits
    return f"fair from {limits.fair:g}, good from {limits.good:g}, very good from {limits.very_good:g}"


def _mean(part: Protocol) -> str:
    return f"{part.hits(10).mean():.3f}"


def _range(part: Protocol) -> str:
    summary: dict[str, Any] = part.summary()
    return "{:.2f}-{:.2f}".format(*summary["mean_interval"])


def _figures(way: dict[str, Any]) -> str:
    return f"{way['recall@1']:.2f}, {way['recall@5']:.2f}, {way['recall@10']:.2f}, {way['median_rank']:g}"


if __name__ == "__main__":
    main()
