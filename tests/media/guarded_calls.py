"""What the guard's tests run in a child: crashes, standstills, hunger, noise."""

import contextlib
import ctypes
import errno
import os
import signal
import sys
import time
from pathlib import Path

from crossmodal.errors import MediaError
from crossmodal.media import guard


def crash(path: Path) -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def crash_once(path: Path, mark: str) -> str:
    try:
        Path(mark).touch(exist_ok=False)
    except FileExistsError:
        return "second try"
    os.kill(os.getpid(), signal.SIGSEGV)
    return "never"


def stand_still(path: Path, mark: str) -> None:
    Path(mark).write_text(f"{mark_text(mark)}x")
    time.sleep(60)


def mark_text(mark: str) -> str:
    return Path(mark).read_text() if Path(mark).exists() else ""


def work_slowly(path: Path, steps: int) -> int:
    for _ in range(steps):
        time.sleep(0.3)
        guard.alive()
    return steps


def eat(path: Path) -> None:
    held = []
    while True:
        held.append(b"x" * (20 << 20))
        guard.alive()
        time.sleep(0.01)


def refuse(path: Path) -> None:
    raise MediaError(Path(path).name, "corrupt", "is damaged", "Copy it again.")


def fail(path: Path) -> float:
    return 1 / 0


def tell(path: Path) -> dict[str, object]:
    print("noise on standard output")
    os.write(1, b"more noise")
    return {
        "pid": os.getpid(),
        "torch": "torch" in sys.modules,
        "input": os.read(0, 10),
        "content": Path(path).read_bytes(),
    }


def spool_mode(path: Path) -> tuple[str, int]:
    return str(path), Path(path).parent.stat().st_mode & 0o077


def import_torch(path: Path) -> None:
    import torch  # noqa: F401


def hold_the_lock(path: Path) -> None:
    """A standstill in native code that keeps the interpreter's lock: no Python thread can end the process."""
    ctypes.PyDLL(None).sleep(60)


def write(path: Path, out: Path) -> None:
    with Path(out).open("wb") as file:
        file.write(b"x")


def bad_disk(path: Path) -> None:
    raise OSError(errno.EIO, "Input/output error")


def lie(path: Path) -> None:
    """What a decoder that was taken over could do: write what it likes to every pipe it finds."""
    for number in range(3, 16):
        with contextlib.suppress(OSError):
            os.write(number, b"\xff" * 64)
    time.sleep(60)


def say_how_far(path: Path, steps: int) -> int:
    for step in range(steps):
        time.sleep(0.3)
        guard.alive(float(step))
    return steps
