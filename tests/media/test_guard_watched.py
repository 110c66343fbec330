"""Guarded calls that are watched: how far they are, and an end when nobody wants their result."""

import threading
import time
from pathlib import Path

import pytest

from crossmodal.media import guard


@pytest.fixture
def guarded_calls(monkeypatch: pytest.MonkeyPatch):
    """The calls of this folder, importable here and in children."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    guard.close()
    import guarded_calls

    yield guarded_calls
    guard.close()


def test_a_watched_call_tells_how_far_it_is_and_other_threads_hear_nothing(tmp_path: Path, guarded_calls) -> None:
    (tmp_path / "x").write_bytes(b"x")
    reached: list[float] = []
    with guard.watched(threading.Event(), reached.append):
        assert guard.run(guarded_calls.say_how_far, tmp_path / "x", 4) == 4
    assert reached and sorted(reached) == reached and set(reached) <= {0.0, 1.0, 2.0, 3.0}
    n_reached = len(reached)
    guard.run(guarded_calls.say_how_far, tmp_path / "x", 2)
    assert len(reached) == n_reached


def test_a_stopped_call_ends_with_its_child_long_before_its_time(tmp_path: Path, guarded_calls) -> None:
    (tmp_path / "x").write_bytes(b"x")
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    begun = time.monotonic()
    with guard.watched(stop, lambda _: None), pytest.raises(guard.Stopped):
        guard.run(guarded_calls.say_how_far, tmp_path / "x", 400)
    assert time.monotonic() - begun < 100
    assert guard.run(guarded_calls.work_slowly, tmp_path / "x", 1) == 1
