"""The child process that adds music: one order on stdin, one JSON line a moment on stdout, ends when stdin closes."""

import json
import sys
import threading
import time
from typing import Any

from crossmodal.cores import n_cores
from crossmodal.errors import CrossmodalError

TELL_EVERY = 0.2  # seconds


def main() -> None:
    """Carry out the order that comes in the first line."""
    from app.demo_library import yield_to_the_page

    order = json.loads(sys.stdin.readline())
    stop = threading.Event()
    threading.Thread(target=_stop_when_told, args=(stop,), daemon=True).start()
    yield_to_the_page()
    try:
        _say(carry_out(order, stop))
    except (CrossmodalError, OSError) as error:
        _say({"error": str(error)})


def carry_out(order: dict[str, Any], stop: threading.Event) -> dict[str, Any]:
    """Read the folders, or give what is there vectors of this model; what the report says.

    Raises:
        CrossmodalError: the model or the catalogue cannot be used.
    """
    # torch loads here, after the page has heard that work goes on
    from crossmodal.catalogue import Catalogue, embed_missing, index_folders
    from crossmodal.model import TwoTowerModel

    _say({"progress": {"phase": "Starting", "done": 0, "total": 0, "name": "", "rate": 0.0, "remaining": None}})
    model = TwoTowerModel.from_pretrained(order["model"])
    tell = _Teller()
    with Catalogue.open(order["catalogue"], create=True) as catalogue:
        if order["folders"]:
            report = index_folders(catalogue, order["folders"], model, workers=workers(), progress=tell, stop=stop)
        else:
            report = embed_missing(catalogue, model, progress=tell, stop=stop)
    return {"report": json.loads(report.as_json())}


def workers() -> int:
    """Files decoded at once: a core is left to whoever searches meanwhile."""
    return max(1, n_cores() - 1)


class _Teller:
    """Says how far the job is, a few times a second."""

    def __init__(self) -> None:
        self._last, self._phase = 0.0, ""

    def __call__(self, moment: Any) -> None:
        now = time.monotonic()
        if moment.phase != self._phase or moment.done == moment.total or now - self._last > TELL_EVERY:
            self._last, self._phase = now, moment.phase
            names = ("phase", "done", "total", "name", "rate", "remaining")
            _say({"progress": {name: getattr(moment, name) for name in names}})


def _stop_when_told(stop: threading.Event) -> None:
    sys.stdin.read()
    stop.set()


def _say(value: dict[str, Any]) -> None:
    try:
        sys.stdout.write(json.dumps(value) + "\n")
        sys.stdout.flush()
    except OSError:  # the server is gone, and with it whoever wanted to know
        return


if __name__ == "__main__":
    main()
