"""Do 20 programs at once get their answers, and is the server's memory what it was afterwards?

20 `gradio_client` clients match a clip each, again and again, for two minutes. Usage: clients.py [SECONDS] [CLIENTS]
"""

import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import psutil
from _library import catalogue_of_music
from harness import Comparison, Cost, report
from page import PORT, server

SECONDS = float(sys.argv[1]) if len(sys.argv) > 1 else 120.0
CLIENTS = int(sys.argv[2]) if len(sys.argv) > 2 else 20


def main() -> None:
    from crossmodal.demo import make_clip

    with tempfile.TemporaryDirectory() as folder, server(catalogue_of_music()) as address:
        clips = [
            make_clip(Path(folder) / f"{k}.mp4", seconds=4, size=(320, 180), cuts=(1.0, 2.5), seed=k)
            for k in range(CLIENTS)
        ]
        ask(address, clips[0], time.monotonic() + 5, [], [])  # everything is loaded once
        before = memory()
        waits, failures = everybody(address, clips)
        after = memory()
    worst = statistics.quantiles(waits, n=20)[-1]
    report(
        [Comparison(f"match, {CLIENTS} clients at once", [Cost(0.0, wait) for wait in waits])],
        __file__,
        requests=len(waits),
        failed=len(failures),
        failures=failures[:3],
        percentile_95_s=round(worst, 2),
        memory_before_mb=before >> 20,
        memory_after_mb=after >> 20,
    )


def everybody(address: str, clips: list[Path]) -> tuple[list[float], list[str]]:
    """Waits of all requests of all clients, and what failed."""
    waits, failures, end = list[float](), list[str](), time.monotonic() + SECONDS
    threads = [threading.Thread(target=ask, args=(address, clip, end, waits, failures)) for clip in clips]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return waits, failures


def ask(address: str, clip: Path, end: float, waits: list[float], failures: list[str]) -> None:
    """One client until `end`."""
    from gradio_client import Client, handle_file

    client = Client(address, verbose=False, analytics_enabled=False, httpx_kwargs={"timeout": 120})
    while time.monotonic() < end:
        begun = time.monotonic()
        try:
            answer = client.predict(clip=handle_file(str(clip)), k=10, api_name="/match")
            assert answer["matches"]
        except Exception as error:  # whatever it was, it is counted
            failures.append(f"{type(error).__name__}: {error}"[:200])
        waits.append(time.monotonic() - begun)


def memory() -> int:
    """Resident bytes of the server that listens on our port."""
    for connection in psutil.net_connections("tcp"):
        if connection.laddr and connection.laddr.port == PORT and connection.status == psutil.CONN_LISTEN:
            return int(psutil.Process(connection.pid).memory_info().rss)
    raise RuntimeError("the server is gone")


if __name__ == "__main__":
    main()
