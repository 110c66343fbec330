"""A guarded child: takes one call after another from a pipe, runs it, writes what it gave back into another.

The decoders are native code and the files are hostile, so the child owns nothing: its standard streams lead nowhere,
it ends when its parent does, and its address space has an end.
"""

import errno
import os
import queue
import signal
import sys
import threading
import time
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

from crossmodal.errors import MediaError
from crossmodal.media import guard
from crossmodal.media.wire import read_message, write_message

ADDRESS_SPACE_BYTES = 6 << 30  # a backstop for one sudden allocation; the parent watches what is resident
BEAT_SECONDS = 0.2
GRACE_SECONDS = 10.0  # the parent ends a standstill; where it is gone too, the system does so much later
BAD_DISK = {errno.EIO, errno.ESTALE, errno.ENODEV, errno.ENXIO, errno.ETIMEDOUT}


def main() -> None:
    """Serve calls until the parent goes away."""
    calls, answers = _take_over_streams()
    _limit_address_space()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to act on
    waiting: queue.Queue[list[Any]] = queue.Queue()
    threading.Thread(target=_listen, args=(calls, waiting), daemon=True).start()
    sys.meta_path.insert(0, _NoTorch())
    heartbeat = _Heartbeat(answers)
    guard.set_heartbeat(heartbeat.beat)
    write_message(answers, ["ready"])
    while True:
        *call, heartbeat.limit = waiting.get()  # type: ignore[assignment]
        heartbeat.reached = None
        heartbeat.set_alarm()
        answer = _answer(*call)  # type: ignore[arg-type]
        heartbeat.clear_alarm()
        write_message(answers, answer)


def _take_over_streams() -> tuple[BinaryIO, BinaryIO]:
    """The two pipes under numbers of their own, so that nothing a decoder prints or reads can reach them."""
    calls, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    for number in (0, 1, 2):
        nowhere = os.open(os.devnull, os.O_RDWR)
        os.dup2(nowhere, number)
        os.close(nowhere)
    return calls, answers


def _limit_address_space() -> None:
    try:
        import resource  # not on Windows
    except ImportError:
        return
    if sys.platform == "linux":
        resource.setrlimit(resource.RLIMIT_AS, (ADDRESS_SPACE_BYTES, ADDRESS_SPACE_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _listen(calls: BinaryIO, waiting: "queue.Queue[list[Any]]") -> None:
    # In a thread of its own, so that the child ends with its parent even in the middle of a decode.
    try:
        while True:
            waiting.put(list(read_message(calls)))  # type: ignore[call-overload]
    except (EOFError, OSError):
        os._exit(0)


class _NoTorch:
    """Keeps torch out: half a gigabyte and two seconds a child."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if name == "torch":
            raise ImportError("guarded children never import torch")


class _Heartbeat:
    """Tells the parent that work goes on, a few times a second at most.

    An alarm of the system's own stands behind it: native code that hangs with the interpreter's lock held, and a parent
    that is gone, would leave the child for ever. Windows has no such alarm.
    """

    def __init__(self, answers: BinaryIO) -> None:
        self.answers, self.last, self.limit = answers, 0.0, 0.0
        self.reached: float | None = None

    def set_alarm(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, self.limit + GRACE_SECONDS)

    def clear_alarm(self) -> None:
        if hasattr(signal, "setitimer"):
            signal.setitimer(signal.ITIMER_REAL, 0)

    def beat(self, reached: float | None) -> None:
        self.reached = self.reached if reached is None else reached
        now = time.monotonic()
        if now - self.last > BEAT_SECONDS:
            self.last = now
            self.set_alarm()
            write_message(self.answers, ["alive", self.reached])


def _imported(module: str) -> object:
    """The module, with signs of life for as long as a cold import on a busy machine may take."""
    is_done = threading.Event()

    def beat() -> None:
        end = time.monotonic() + guard.START_SECONDS
        while not is_done.wait(1.0) and time.monotonic() < end:
            guard.alive()

    beating = threading.Thread(target=beat)
    beating.start()
    try:
        return import_module(module)
    finally:
        is_done.set()
        beating.join()


def _answer(
    module: str, name: str, path: Path, arguments: tuple[object, ...], options: dict[str, object]
) -> list[object]:
    try:
        function = getattr(_imported(module), name)
        guard.alive()
        return ["result", function(path, *arguments, **options)]
    except MediaError as error:
        return ["media_error", error]
    except MemoryError:
        return ["memory"]
    except OSError as error:
        if error.errno in BAD_DISK:
            return ["unreadable", error.strerror]
        return ["os_error", error.errno, error.strerror, *([str(error.filename)] if error.filename else [])]
    except Exception as error:
        return ["fault", f"{type(error).__name__}: {error}", traceback.format_exc()]


if __name__ == "__main__":
    main()
