"""Guarded calls: what a child does never reaches its caller."""

import io
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from crossmodal.errors import MediaError
from crossmodal.media import guard

BRIEF = guard.Limits(seconds=2)


@pytest.fixture(scope="module")
def calls():
    """The module of functions that the children run; found by them through PYTHONPATH."""
    folder = str(Path(__file__).parent)
    sys.path.insert(0, folder)
    guard.close()
    import guarded_calls

    yield guarded_calls
    sys.path.remove(folder)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "clip.mp4"
    path.write_bytes(b"content")
    return path


def test_noise_stays_in_the_child_which_has_no_torch_and_no_standard_input(calls, file) -> None:
    told = guard.run(calls.tell, file)
    assert (
        told["pid"] != os.getpid() and told["torch"] is False and told["input"] == b"" and told["content"] == b"content"
    )


def test_a_crash_is_tried_once_more_in_a_fresh_child(calls, file, tmp_path) -> None:
    assert guard.run(calls.crash_once, file, str(tmp_path / "mark")) == "second try"


def test_two_crashes_cost_the_file_and_nothing_else(calls, file) -> None:
    with pytest.raises(MediaError) as raised:
        guard.run(calls.crash, file)
    assert raised.value.kind == "corrupt" and "clip.mp4" in str(raised.value)
    assert guard.run(calls.work_slowly, file, 1) == 1


def test_a_standstill_is_ended_and_not_tried_again(calls, file, tmp_path) -> None:
    mark = tmp_path / "mark"
    with pytest.raises(MediaError) as raised:
        guard.run(calls.stand_still, file, str(mark), limits=BRIEF)
    assert raised.value.kind == "timed_out" and mark.read_text() == "x"


def test_slow_work_that_shows_signs_of_life_is_let_go_on(calls, file) -> None:
    assert guard.run(calls.work_slowly, file, 10, limits=BRIEF) == 10


def test_too_much_memory_ends_the_child(calls, file) -> None:
    with pytest.raises(MediaError) as raised:
        guard.run(calls.eat, file)
    assert raised.value.kind == "too_large"


def test_a_media_error_crosses_whole_and_keeps_the_child(calls, file) -> None:
    pid = guard.run(calls.tell, file)["pid"]
    with pytest.raises(MediaError) as raised:
        guard.run(calls.refuse, file)
    assert raised.value.args == ("clip.mp4", "corrupt", "is damaged", "Copy it again.")
    assert guard.run(calls.tell, file)["pid"] == pid


def test_our_own_fault_is_no_media_error(calls, file) -> None:
    with pytest.raises(RuntimeError, match="ZeroDivisionError"):
        guard.run(calls.fail, file)


def test_bytes_and_file_objects_are_spooled_privately_and_removed(calls, file) -> None:
    for source in (b"content", io.BytesIO(b"content"), file.open("rb")):
        assert guard.run(calls.tell, source)["content"] == b"content"
        path, others = guard.run(calls.spool_mode, source)
        assert others == 0 and not Path(path).exists()


def test_an_error_on_a_file_object_names_the_persons_file(calls, file) -> None:
    with file.open("rb") as handle, pytest.raises(MediaError) as raised:
        guard.run(calls.refuse, handle)
    assert raised.value.file == "clip.mp4"


def test_callers_at_the_same_time_have_children_of_their_own(calls, file) -> None:
    with ThreadPoolExecutor(3) as threads:
        assert list(threads.map(lambda n: guard.run(calls.work_slowly, file, n), [2, 1, 3])) == [2, 1, 3]


def test_a_child_ends_when_its_parent_is_killed(tmp_path) -> None:
    script = (
        "import sys, time; sys.path.insert(0, sys.argv[1])\n"
        "import guarded_calls as c\nfrom crossmodal.media import guard\n"
        "print(guard.run(c.tell, b'x')['pid'], flush=True)\n"
        "guard.run(c.work_slowly, b'x', 200)"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    parent = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    end = time.monotonic() + 20
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.1)
    assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_a_worn_child_is_replaced(calls, file, monkeypatch) -> None:
    monkeypatch.setattr(guard, "JOBS_A_CHILD", 1)
    guard.close()
    assert guard.run(calls.tell, file)["pid"] != guard.run(calls.tell, file)["pid"]


def test_torch_cannot_be_imported_in_a_child(calls, file) -> None:
    with pytest.raises(RuntimeError, match="never import torch"):
        guard.run(calls.import_torch, file)


def test_a_relative_path_means_where_its_caller_stands(calls, file, monkeypatch) -> None:
    guard.run(calls.tell, file)  # a child that was started elsewhere
    monkeypatch.chdir(file.parent)
    assert guard.run(calls.tell, "clip.mp4")["content"] == b"content"


def test_a_library_of_the_same_name_in_the_folder_one_stands_in_is_not_imported(calls, file, monkeypatch) -> None:
    (file.parent / "av.py").write_text("raise SystemExit('hostile')")
    monkeypatch.chdir(file.parent)
    guard.close()
    assert guard.run(calls.tell, file)["content"] == b"content"


def test_a_spooled_medium_keeps_the_name_that_a_person_knows(calls, tmp_path) -> None:
    path = tmp_path / "12 naïve take.wav"
    path.write_bytes(b"content")
    with path.open("rb") as handle:
        assert guard.run(calls.spool_mode, handle)[0].endswith("/12 naïve take.wav")


def test_what_cannot_be_written_and_what_cannot_be_read_are_told_apart(calls, file, tmp_path) -> None:
    with pytest.raises(FileNotFoundError):
        guard.run(calls.write, file, tmp_path / "no folder" / "out")
    with pytest.raises(MediaError, match="Input/output error"):
        guard.run(calls.bad_disk, file)


def test_a_function_that_no_child_can_import_is_refused_at_once(file) -> None:
    with pytest.raises(ValueError, match="top of a module"):
        guard.run(lambda path: None, file)


def test_nonsense_from_a_child_costs_the_file_only(calls, file) -> None:
    with pytest.raises(MediaError) as raised:
        guard.run(calls.lie, file)
    assert raised.value.kind == "corrupt"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_fork_uses_children_of_its_own(calls, file) -> None:
    mine = guard.run(calls.tell, file)["pid"]
    reading, writing = os.pipe()
    fork = os.fork()
    if fork == 0:
        os.write(writing, str(guard.run(calls.tell, file)["pid"]).encode())
        guard.close()
        os._exit(0)
    os.waitpid(fork, 0)
    assert int(os.read(reading, 20)) != mine
    assert guard.run(calls.tell, file)["pid"] == mine


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="this system has no alarm")
def test_a_child_that_holds_the_lock_ends_although_its_parent_is_gone() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "import guarded_calls as c\nfrom crossmodal.media import guard\n"
        "print(guard.run(c.tell, b'x')['pid'], flush=True)\n"
        "guard.run(c.hold_the_lock, b'x', limits=guard.Limits(seconds=1))"
    )
    command = [sys.executable, "-c", script, str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        time.sleep(0.5)
        parent.kill()
    end = time.monotonic() + 30
    while is_running(pid) and time.monotonic() < end:
        time.sleep(0.2)
    assert not is_running(pid)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
