"""What do our losses cost beside pytorch-metric-learning's, in time and memory?

One forward and backward between two spaces, D = 256, 128 labels, float32, one thread, unit vectors. Every measurement
is a process of its own, ours and the peer's in turns; time is the median of CPU seconds over its rounds after one that
does not count, memory what the resident set grew by at most. Value and gradients are compared first, at 64 rows.
Promised at 512 rows: no loss above 1.1 of the peer's time, triplet at least 5 times faster, lifted structure and
NT-Xent with several positives at least 100 times faster and under 200 MB. At 4096 rows the peer is run where it does
not list pairs.

Usage: losses_speed.py [NAME...]     losses to measure, the others stay as they were; without a name all
"""

import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from harness import RESULTS, Comparison, Cost, report

DIM, SIZES, ROUNDS, PROCESSES = 256, (512, 4096), {512: 9, 4096: 1}, {512: 1, 4096: 1}
SLOW = 0.5  # a first round of so many seconds is the only one
LIMITS = {"triplet, all": 1 / 5, "lifted structure": 1 / 100, "NT-Xent, several positives": 1 / 100}
MEMORY_MB = {"lifted structure": 200, "NT-Xent, several positives": 200}
Row = dict[str, float]


def main() -> None:
    from _peer_losses import CASES

    found = earlier_rows() if sys.argv[1:] else {}
    for name in sys.argv[1:] or CASES:
        for key in [key for key in found if key[0] == name]:
            del found[key]
        child("--same", name)
        for rows in SIZES:
            sides = ["ours"] if rows > SIZES[0] and CASES[name].is_listed else ["ours", "peer"]
            for index in range(PROCESSES[rows]):
                for side in sides:
                    earlier = found.setdefault((name, rows, side), [])
                    if index == 0 or earlier[0]["cpu"] < SLOW:
                        earlier.append(json.loads(child("--one", side, name, str(rows))))
            print(name, rows, *(f"{side} {found[name, rows, side][0]}" for side in sides), flush=True)
        write(found)


def earlier_rows() -> dict[tuple[str, int, str], list[Row]]:
    """What the results hold."""
    path = RESULTS / "losses_speed.json"
    kept = json.loads(path.read_text())["rows"] if path.is_file() else []
    return {(name, rows, side): measured for name, rows, side, measured in kept}


def child(*arguments: str) -> str:
    """The last line that a process of this file prints."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, __file__, *arguments]
    said = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return said.stdout.splitlines()[-1]


def measure_one(side: str, name: str, rows: int) -> Row:
    """Seconds and MB of one loss, in this process."""
    import psutil
    import torch
    from _peer_losses import CASES, steps

    torch.set_num_threads(1)
    step = dict(zip(("ours", "peer"), steps(CASES[name], DIM), strict=True))[side]
    take(step, data(CASES[name].one_to_one, 64))
    inputs = data(CASES[name].one_to_one, rows)
    before, seconds = psutil.Process().memory_info().rss, []
    Path("/proc/self/clear_refs").write_text("5")  # the highest resident set starts anew
    for _ in range(ROUNDS[rows] + 1):
        began = time.process_time()
        take(step, inputs)
        seconds.append(time.process_time() - began)
        if seconds[0] > SLOW:
            break
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return {"cpu": statistics.median(seconds[1:] or seconds), "peak_mb": (int(peak.split()[1]) * 1024 - before) / 1e6}


def data(one_to_one: bool, rows: int):  # type: ignore[no-untyped-def]
    import torch
    import torch.nn.functional as F
    from _peer_losses import CLASSES

    generator = torch.Generator().manual_seed(rows)
    sides = [F.normalize(torch.randn(rows, DIM, generator=generator), dim=1).requires_grad_() for _ in range(2)]
    if one_to_one:
        return *sides, torch.arange(rows), torch.arange(rows)
    labels = torch.arange(rows) % min(CLASSES, rows // 4)
    return *sides, *(labels[torch.randperm(rows, generator=generator)] for _ in range(2))


def take(step, inputs) -> tuple:  # type: ignore[no-untyped-def]
    import torch

    value = step(*inputs)
    return value.detach(), *torch.autograd.grad(value, inputs[:2], allow_unused=True)


def check_same(name: str) -> None:
    """Both give one value and one gradient, or the case says that they do not."""
    import torch
    from _peer_losses import CASES, steps

    case = CASES[name]
    results = [take(step, data(case.one_to_one, 64)) for step in steps(case, DIM)]
    if case.is_same:
        for ours, theirs in zip(*results, strict=True):
            if ours is not None:
                torch.testing.assert_close(ours, theirs, rtol=2e-3, atol=1e-5)
    print("{}")


def write(found: dict[tuple[str, int, str], list[Row]]) -> None:
    comparisons, notes = [], {}
    lines = [f"# {__doc__.splitlines()[0]}", "", *__doc__.split("Usage")[0].splitlines()[2:]]
    lines += [
        "| loss | rows | ours ms | peer ms | peer / ours | ours MB | peer MB | promise |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for (name, rows, side), ours in found.items():
        if side == "peer":
            continue
        peer = found.get((name, rows, "peer"), [])
        time_ours, time_peer = (statistics.median(r["cpu"] for r in part) if part else None for part in (ours, peer))
        mb_ours, mb_peer = (max(r["peak_mb"] for r in part) if part else None for part in (ours, peer))
        limit = LIMITS.get(name, 1.1) if rows == SIZES[0] else None
        said = ""
        if limit is not None and time_peer:
            is_kept = time_ours <= limit * time_peer and mb_ours <= MEMORY_MB.get(name, float("inf"))
            said = "kept" if is_kept else "MISSED"
            count = min(len(ours), len(peer))
            costs = [[Cost(r["cpu"], r["cpu"]) for r in part[:count]] for part in (ours, peer)]
            comparisons.append(Comparison(f"{name}, {rows} rows", *costs, limit=limit))
            notes[f"MB of {name}"] = f"{mb_ours:.0f} beside {mb_peer:.0f}"
        ratio = f"{time_peer / time_ours:.1f}" if time_peer else ""
        lines.append(
            f"| {name} | {rows} | {1000 * time_ours:.1f} | {1000 * time_peer:.1f} | {ratio} | {mb_ours:.0f} | "
            f"{mb_peer:.0f} | {said} |"
            if time_peer
            else f"| {name} | {rows} | {1000 * time_ours:.1f} | cannot | | {mb_ours:.0f} | | |"
        )
    report(comparisons, __file__, **notes)
    path = RESULTS / "losses_speed.json"
    result = json.loads(path.read_text())
    result["rows"] = [[*key, measured] for key, measured in found.items()]
    path.write_text(json.dumps(result, indent=1) + "\n")
    from importlib.metadata import version

    lines += [
        "",
        f"The peer is pytorch-metric-learning {version('pytorch-metric-learning')}. Its lifted structure adds,",
    ]
    lines += [
        "between two spaces, the negatives of another row than the paper's, and its margin loss weighs a pair by how"
    ]
    lines += ["many triplets it is in: there the times are compared, not the values."]
    (RESULTS / "losses_speed.md").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        print(json.dumps(measure_one(sys.argv[2], sys.argv[3], int(sys.argv[4]))))
    elif sys.argv[1:2] == ["--same"]:
        check_same(sys.argv[2])
    else:
        main()
