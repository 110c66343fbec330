"""Does `crossmodal train` learn what couples 1,000 procedural pairs, and does it hold where nothing was seen before?

Pairs of the demo generator with nuisance (benchmarks/procedural.yaml, frozen before training): rendered, read into
Features, trained on by `crossmodal train`, judged by `crossmodal evaluate` on 200 unseen pairs, on 60 of a picture
family and on 60 of a timbre family that training never saw. What stands in FOLDER already is kept, so it may be
stopped and started again.

Usage: procedural.py [FOLDER] [PHASE ...]     phases: render extract train judge; default: all of them
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from harness import RESULTS, Cost, _machine, measure

from crossmodal.demo import write_demo
from crossmodal.demo.music.bands import styles_led_by, styles_without, timbre_family
from crossmodal.demo.nuisance import Nuisance
from crossmodal.demo.pictures.scenes import FAMILIES, SCENES
from crossmodal.demo.variants import Variant
from training.data.procedural import VERSION

PLAN = Path(__file__).with_suffix(".yaml")
PHASES = ("render", "extract", "train", "judge")
MANIFEST = "procedural.jsonl"  # train, val, and unseen pairs as test; the families left out have a file each
TARGET, UNTRAINED, RENDER_MINUTES = 0.80, 0.30, 60
NOTE = """Recall@10, mean of both directions, in the full gallery; in brackets 95 % by bootstrap over rows. *aligned*:
the same 9 s of both sides; *searched*: the middle 6 s of the clip at every start of whole songs; *apart*: half of the
clip against the other half of the music. *untrained*: motion against loudness."""
COMMAND = (sys.executable, "-c", "from app.cli import main; main()")


@dataclass(frozen=True, slots=True)
class Bench:
    """The frozen plan, and the folder in which everything stands."""

    plan: dict[str, Any]
    folder: Path

    @property
    def run(self) -> Path:
        """The model that was trained."""
        return self.folder / "run"

    def variant(self, name: str) -> Variant:
        """Who plays and what is seen in a set."""
        left_out, files = self.plan["left_out"], self.plan["files"]
        unseen, family = timbre_family(left_out["timbre"]), FAMILIES[left_out["pictures"]]
        return Variant(
            styles=styles_led_by(unseen) if name == "timbre" else styles_without(unseen),
            scenes=family if name == "pictures" else tuple(scene for scene in SCENES if scene not in family),
            nuisance=Nuisance(**self.plan["nuisance"]),
            **{key: tuple(value) if isinstance(value, list) else value for key, value in files.items()},
        )

    def render(self) -> None:
        """Tracks and clips, and the manifests over them."""
        lines: dict[str, list[str]] = {}
        for name, part in self.plan["sets"].items():
            made = write_demo(self.folder / name, seed=part["seed"], pairs=part["pairs"], variant=self.variant(name))
            split = name if name in ("train", "val") else "test"
            file = f"{name}.jsonl" if name in self.plan["left_out"] else MANIFEST
            for row in made.rows:
                paths = {side: f"{name}/{row[side]}" for side in ("video", "audio")}
                lines.setdefault(file, []).append(json.dumps({**row, **paths, "split": split}))
        for file, rows in lines.items():
            (self.folder / file).write_text("\n".join(rows) + "\n", encoding="utf-8")

    def extract(self) -> None:
        """Features of all files into one store."""
        for manifest in self.manifests():
            self._crossmodal("extract", str(self.folder / manifest))

    def train(self) -> None:
        """The model."""
        training = self.plan["training"]
        resume = ["--resume"] if self.run.is_dir() else []
        places = ["--manifest", str(self.folder / MANIFEST), "--out", str(self.run), *resume]
        self._crossmodal("train", *places, "--preset", training["preset"], *training["settings"])

    def judge(self) -> None:
        """Every test set by `crossmodal evaluate`, one JSON each."""
        for manifest in self.manifests():
            answer = self._crossmodal(
                "evaluate", str(self.run), str(self.folder / manifest), "--split", "test", "--json"
            )
            (self.folder / manifest).with_suffix(".figures.json").write_text(answer, encoding="utf-8")

    def manifests(self) -> list[str]:
        """The manifests' names."""
        return [MANIFEST, *(f"{name}.jsonl" for name in self.plan["left_out"])]

    def _crossmodal(self, *arguments: str) -> str:
        done = subprocess.run(
            [*COMMAND, *arguments, "--store", str(self.folder / "features.db")], stdout=subprocess.PIPE, text=True
        )
        if done.returncode:
            raise SystemExit(f"crossmodal {' '.join(arguments)}: exit code {done.returncode}")
        return done.stdout


def timed(bench: Bench, phase: str) -> None:
    """Run a phase and add what it took to `times.json`; what was cut short and goes on adds up."""
    work: Callable[[], None] = getattr(bench, phase)
    cost = measure(work)
    file = bench.folder / "times.json"
    times = json.loads(file.read_text()) if file.exists() else {}
    before = times.get(phase, {"cpu": 0.0, "wall": 0.0})
    times[phase] = {"cpu": before["cpu"] + cost.cpu, "wall": before["wall"] + cost.wall}
    file.write_text(json.dumps(times, indent=1) + "\n")
    print(f"{phase}: {_minutes(Cost(**times[phase]))}", flush=True)


def _minutes(cost: Cost) -> str:
    return f"{cost.wall / 60:.1f} min on the wall, {cost.cpu / 60:.1f} CPU min"


def summary(bench: Bench) -> dict[str, Any]:
    """Figures and times of a run that is complete."""
    files = {name: (bench.folder / name).with_suffix(".figures.json") for name in bench.manifests()}
    names = {MANIFEST: "unseen", **{f"{name}.jsonl": name for name in bench.plan["left_out"]}}
    figures = {names[name]: json.loads(file.read_text(encoding="utf-8")) for name, file in files.items()}
    times = json.loads((bench.folder / "times.json").read_text())
    return {"machine": _machine(), "plan": bench.plan, "times": times, "figures": figures}


def page(found: dict[str, Any]) -> str:
    """The results for people."""
    lines = [f"# {(__doc__ or '').splitlines()[0]}", "", *(__doc__ or "").split("Usage")[0].splitlines()[2:]]
    lines += [NOTE, ""]
    lines += ["| set | protocol | pool | trained | untrained | chance |", "|---|---|---|---|---|---|"]
    for name, figures in found["figures"].items():
        for protocol in ("aligned", "searched", "apart"):
            part, plain = figures[protocol], figures["untrained"][protocol]
            low, high = part["mean_interval"]
            trained = f"{part['mean_recall@10']:.3f} ({low:.2f}-{high:.2f})"
            chance = f"{figures['chance']['recall@10']:.3f}"
            lines.append(
                f"| {name} | {protocol} | {figures['pool']} | {trained} | {plain['mean_recall@10']:.3f} | {chance} |"
            )
    lines += ["", *(f"- {text}" for text in promises(found)), ""]
    lines += [f"- {phase}: {_minutes(Cost(**cost))}" for phase, cost in found["times"].items()]
    machine = found["machine"]
    lines += ["", f"{machine['processor']}, {machine['cores']} cores, load {machine['load']}; {machine['date']}."]
    return "\n".join(lines) + "\n"


def promises(found: dict[str, Any]) -> list[str]:
    """What was promised, and whether it holds."""
    unseen, times = found["figures"]["unseen"], found["times"]
    rows = [
        (f"unseen, {name}: recall@10 {unseen[name]['mean_recall@10']:.3f}, promised {TARGET}",
         unseen[name]["mean_recall@10"] >= TARGET)
        for name in ("aligned", "searched")
    ]  # fmt: skip
    plain, limit = unseen["untrained"]["aligned"]["mean_recall@10"], found["plan"]["training"]["minutes"]
    rows.append((f"untrained row, aligned: {plain:.3f}, under {UNTRAINED}", plain < UNTRAINED))
    rows.append(
        (f"training: {times['train']['wall'] / 60:.1f} min, at most {limit}", times["train"]["wall"] <= 60 * limit)
    )
    made = (times["render"]["wall"] + times["extract"]["wall"]) / 60
    rows.append((f"rendering and extraction: {made:.1f} min, at most {RENDER_MINUTES}", made <= RENDER_MINUTES))
    return [f"{text}: {'kept' if kept else 'MISSED'}" for text, kept in rows]


def main() -> None:
    arguments = sys.argv[1:]
    folder = Path(arguments[0] if arguments else Path(tempfile.gettempdir()) / "crossmodal-procedural")
    folder.mkdir(parents=True, exist_ok=True)
    bench = Bench(yaml.safe_load(PLAN.read_text(encoding="utf-8")), folder)
    if bench.plan["generator"] != VERSION:
        raise SystemExit(f"{PLAN.name} was frozen for generator {bench.plan['generator']}; this is {VERSION}")
    phases = arguments[1:] or PHASES
    for phase in phases:
        timed(bench, phase)
    if "judge" in phases:
        found = summary(bench)
        RESULTS.mkdir(exist_ok=True)
        (RESULTS / "procedural.json").write_text(json.dumps(found, indent=1, default=str) + "\n", encoding="utf-8")
        (RESULTS / "procedural.md").write_text(page(found), encoding="utf-8")
        print(page(found))


if __name__ == "__main__":
    main()
