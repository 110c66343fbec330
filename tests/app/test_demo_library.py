"""The background work of the demo library ends with the app, however the app ends."""

import subprocess
import sys
import time

import psutil


def test_the_rest_ends_when_the_app_is_killed(tmp_path) -> None:
    script = (
        "import sys; from pathlib import Path; from app import demo_library as d\n"
        "print(d.start_the_rest(Path(sys.argv[1]), 'compact').pid, flush=True); input()"
    )
    app = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert app.stdout is not None
    rest = psutil.Process(int(app.stdout.readline()))
    end = time.monotonic() + 60
    while not (tmp_path / "library").exists() and time.monotonic() < end:
        time.sleep(0.1)
    family = [rest, *rest.children(recursive=True)]
    app.kill()
    app.wait()
    _, alive = psutil.wait_procs(family, timeout=20)
    assert (tmp_path / "library").exists() and alive == []
