"""Guarded calls: a function that touches a media file runs in a child process with limits.

Native decoders crash, hang and swell on damaged files. The child costs that file only: a crash is tried once more in
a fresh child, a standstill or too much memory ends the child at once, and the next call gets a new one. Children are
started, never forked (a fork with a decoder or a thread pool open hangs), kept warm in a pool, and import no torch.
"""

import atexit
import contextlib
import os
import queue
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import psutil

from crossmodal.cores import n_cores
from crossmodal.errors import CrossmodalError, MediaError
from crossmodal.media.sources import Source, display_name
from crossmodal.media.wire import read_message, write_message

Result = TypeVar("Result")

START_SECONDS = 60.0  # a cold interpreter on a busy machine
JOBS_A_CHILD = 200  # then a fresh one: what a decoder leaks ends with it
IDLE_BYTES = 400 << 20
LOOK_SECONDS = 0.1
MAX_NAME_BYTES = 200
SPOOL_PREFIX = "crossmodal-spool-"

_heartbeat: Callable[[float | None], None] | None = None
_watch = threading.local()


@dataclass(frozen=True, slots=True)
class Limits:
    """What a guarded call may use.

    Args:
        seconds: longest time without a sign of life (`alive`), not the whole time.
        memory_bytes: largest resident set of the child.
    """

    seconds: float = 15.0
    memory_bytes: int = 768 << 20


class Stopped(Exception):  # noqa: N818 (nothing went wrong)
    """The call was ended because nobody wants its result any more."""


@contextlib.contextmanager
def watched(stop: threading.Event, progress: Callable[[float], None]) -> Iterator[None]:
    """Guarded calls of this thread end with `Stopped` once `stop` is set, and tell how far they are.

    Args:
        stop: set from another thread.
        progress: told the second of the medium that was reached, in this thread, a few times a second.
    """
    _watch.stop, _watch.progress = stop, progress
    try:
        yield
    finally:
        del _watch.stop, _watch.progress


class _CrashError(Exception):
    """The child went away in the middle of a call."""


def alive(reached: float | None = None) -> None:
    """Tell the guard that work goes on, and which second of the medium it has reached; elsewhere this does nothing."""
    if _heartbeat is not None:
        _heartbeat(reached)


def set_heartbeat(beat: Callable[[float | None], None]) -> None:
    """Inside a child: what `alive` calls."""
    global _heartbeat
    _heartbeat = beat


def run(
    function: Callable[..., Result], source: Source, *arguments: object, limits: Limits = Limits(), **options: object
) -> Result:
    """Run `function(path, *arguments, **options)` in a guarded child and give back its result.

    Args:
        function: a module-level function; it gets a path, and says `alive()` at each packet, frame or block.
        source: a path, or bytes or a file object, which are written into a private temporary file first.
        limits: time without a sign of life, and memory.

    Raises:
        MediaError: what the function raised, or `timed_out`, `too_large` (memory), `corrupt` (crashed twice).
        OSError: what the function writes cannot be written.
        CrossmodalError: no child process can be started.
        RuntimeError: the function failed otherwise, which is a fault of ours.
        ValueError: the function is not at the top of a module that a child can import.
    """
    if function.__module__ == "__main__" or not function.__qualname__.isidentifier():
        raise ValueError(f"guard: {function.__module__}.{function.__qualname__} is not at the top of a module")
    name = display_name(source)
    with _Spooled(source) as path:
        call: list[object] = [function.__module__, function.__qualname__, path, arguments, options, limits.seconds]
        try:
            try:
                return _call_once(call, name, limits)
            except _CrashError:
                return _call_once(call, name, limits)
        except _CrashError:
            remedy = "Convert it with another program, or leave it out."
            raise MediaError(name, "corrupt", "the decoder crashed on it", remedy) from None
        except MediaError as error:
            if isinstance(source, str | Path):
                raise
            raise MediaError(name, error.kind, error.trouble, error.remedy) from error


def _call_once(call: list[object], name: str, limits: Limits) -> "Result":  # type: ignore[type-var]
    child = _pool.take()
    try:
        answer = child.call(call, name, limits)
    except BaseException:
        child.end()
        raise
    _pool.give_back(child)
    if answer[0] == "result":
        return answer[1]  # type: ignore[return-value]
    if answer[0] == "media_error" and isinstance(answer[1], MediaError):
        raise answer[1]
    if answer[0] == "memory":
        raise _too_large(name, limits)
    if answer[0] == "unreadable":
        raise MediaError(name, "corrupt", f"cannot be read ({answer[1]})", "Check the disk, then copy it again.")
    if answer[0] == "os_error":
        raise OSError(*answer[1:])
    raise RuntimeError(f"{call[0]}.{call[1]} failed on {name}: {answer[1]}\n{answer[2]}")


def _too_large(name: str, limits: Limits) -> MediaError:
    trouble = f"decoding it takes more than {limits.memory_bytes >> 20} MB of memory"
    return MediaError(name, "too_large", trouble, "Make a smaller copy.")


class _Child:
    """One child process and the thread that listens to it."""

    def __init__(self) -> None:
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            # glibc gives large blocks back to the system at once, and getting them anew is a sixth of a decode.
            "MALLOC_MMAP_THRESHOLD_": str(8 << 20),
            "MALLOC_TRIM_THRESHOLD_": str(64 << 20),
            "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path),  # noqa: PTH100 (of "" too)
        }
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", "crossmodal.media.guard_child"],  # -P: the folder we stand in is no library
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=environment,
        )
        self.meter = psutil.Process(self.process.pid)
        self.n_calls = 0
        self.answers: queue.Queue[list[object]] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()
        try:
            self._wait("a child", Limits(START_SECONDS))
        except (_CrashError, MediaError) as error:
            self.end()
            raise CrossmodalError(f"{sys.executable}: no child process for decoding starts. Install anew.") from error

    def _listen(self) -> None:
        assert self.process.stdout is not None
        try:
            while True:
                self.answers.put(list(read_message(self.process.stdout)))  # type: ignore[call-overload,arg-type]
        except Exception:  # whatever a decoder that was taken over writes: the child is of no more use
            self.answers.put(["gone"])

    def call(self, call: list[object], name: str, limits: Limits) -> list[object]:
        """Run one call; the last message about it."""
        assert self.process.stdin is not None
        self.n_calls += 1
        try:
            write_message(self.process.stdin, call)  # type: ignore[arg-type]
        except OSError:
            raise _CrashError from None
        return self._wait(name, limits)

    def _wait(self, name: str, limits: Limits) -> list[object]:
        quiet, look, last = 0.0, 0.0, time.monotonic()
        stop: threading.Event | None = getattr(_watch, "stop", None)
        while True:
            try:
                answer = self.answers.get(timeout=LOOK_SECONDS)
            except queue.Empty:
                answer = ["nothing"]
            now = time.monotonic()
            quiet, last = quiet + min(now - last, 1.0), now  # while we were stopped (Ctrl-Z) so was the child
            if now > look:
                look = now + LOOK_SECONDS
                if answer[0] in ("nothing", "alive") and self.resident_bytes() > limits.memory_bytes:
                    raise _too_large(name, limits)
            if stop is not None and stop.is_set() and answer[0] in ("nothing", "alive"):
                raise Stopped(name)
            if answer[0] == "alive":
                quiet = 0.0
                if stop is not None and isinstance(answer[1], float):
                    _watch.progress(answer[1])
            elif answer[0] == "gone":
                raise _CrashError
            elif answer[0] != "nothing":
                return answer
            elif quiet > limits.seconds:
                trouble = f"decoding stood still for {limits.seconds:g} s"
                raise MediaError(name, "timed_out", trouble, "Convert it with another program, or leave it out.")

    def resident_bytes(self) -> int:
        """The child's resident set, 0 once it is gone."""
        try:
            return int(self.meter.memory_info().rss)
        except psutil.Error:
            return 0

    def is_worn(self) -> bool:
        """Whether a fresh child should take its place."""
        return self.n_calls >= JOBS_A_CHILD or self.resident_bytes() > IDLE_BYTES

    def end(self) -> None:
        """Kill the process and wait for it."""
        self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


class _Pool:
    """Warm children; each caller at a time has one for itself, and at most one a core stays idle."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.idle: list[_Child] = []
        self.foreign: list[_Child] = []

    def take(self) -> _Child:
        with self.lock:
            while self.idle:
                child = self.idle.pop()
                if child.process.poll() is None:
                    return child
                child.end()
        return _Child()

    def give_back(self, child: _Child) -> None:
        with self.lock:
            if len(self.idle) < n_cores() and not child.is_worn():
                self.idle.append(child)
                return
        child.end()

    def forget(self) -> None:
        """In a fork of this process: the children belong to the other one."""
        self.lock = threading.Lock()
        self.foreign, self.idle = self.foreign + self.idle, []

    def close(self) -> None:
        with self.lock:
            children, self.idle = self.idle, []
        for child in children:
            child.end()


class _Spooled:
    """A path for a source: its own, or a private temporary file that is removed afterwards."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.folder: Path | None = None

    def __enter__(self) -> Path:
        if isinstance(self.source, str | Path):
            return Path(os.path.abspath(self.source))  # noqa: PTH100 (children stand where they were started)
        _sweep_once()
        self.folder = Path(tempfile.mkdtemp(prefix=f"{SPOOL_PREFIX}{os.getpid()}-"))
        path = self.folder / _file_name(display_name(self.source))
        try:
            with path.open("wb") as out:
                _copy(self.source, out)
        except BaseException:
            shutil.rmtree(self.folder, ignore_errors=True)
            raise
        return path

    def __exit__(self, *_: object) -> None:
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)


def _file_name(name: str) -> str:
    """A name to be shown, as one that every file system takes."""
    safe = re.sub(r'[<>:"/\\|?*]', "_", name).strip(". ") or "medium"
    return safe.encode()[-MAX_NAME_BYTES:].decode("utf-8", "ignore")


def _copy(source: bytes | BinaryIO, out: BinaryIO) -> None:
    if isinstance(source, bytes):
        out.write(source)
        return
    source.seek(0)
    shutil.copyfileobj(source, out, 1 << 20)


_swept = threading.Event()


def _sweep_once() -> None:
    """Remove what processes that were killed have left."""
    if _swept.is_set():
        return
    _swept.set()
    for folder in Path(tempfile.gettempdir()).glob(f"{SPOOL_PREFIX}*"):
        pid = folder.name.removeprefix(SPOOL_PREFIX).split("-", 1)[0]
        if pid.isdigit() and not psutil.pid_exists(int(pid)):
            shutil.rmtree(folder, ignore_errors=True)


_pool = _Pool()


def close() -> None:
    """End all idle children; they are started again when needed."""
    _pool.close()


atexit.register(close)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pool.forget)
