"""The `crossmodal` command as a person meets it: a child process, its exit code, its lines."""

import subprocess
import sys

import pytest

from app.cli.main import COMMANDS


def run(*arguments: str, python: str = "from app.cli import main; main()") -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", python, *arguments], capture_output=True, text=True, timeout=120)


def test_help_loads_neither_torch_nor_gradio_nor_faiss() -> None:
    probe = (
        "import sys; from app.cli.main import group\n"
        "group.main(['--help'], standalone_mode=False)\n"
        "print(sorted({'torch', 'gradio', 'faiss', 'av', 'scipy', 'numpy'} & set(sys.modules)))"
    )
    answer = run(python=probe)
    assert answer.returncode == 0 and answer.stdout.rstrip().endswith("[]"), answer.stdout[-200:]


def test_importing_the_library_loads_nothing_heavy() -> None:
    answer = run(python="import sys, crossmodal; print({'torch', 'gradio', 'faiss', 'av'} & set(sys.modules))")
    assert answer.stdout.strip() == "set()"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_its_help(name: str) -> None:
    answer = run(name, "--help")
    assert answer.returncode == 0 and "--debug" in answer.stdout and COMMANDS[name][2].split()[0] not in answer.stderr


def test_wrong_use_is_exit_code_2_in_one_line_each() -> None:
    answer = run("match")
    assert answer.returncode == 2 and "Traceback" not in answer.stderr and "MEDIA" in answer.stderr
    assert run("no-such-command").returncode == 2


def test_trouble_is_one_line_and_exit_code_3() -> None:
    answer = run("match", "no-such-clip.mp4", "-c", "no-such-folder")
    assert answer.returncode == 3 and len(answer.stderr.strip().splitlines()) == 1 and "Traceback" not in answer.stderr


def test_a_taken_port_is_told_before_anything_slow() -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        answer = run("app", "--port", str(taken.getsockname()[1]))
    assert answer.returncode == 3 and "--port" in answer.stderr and len(answer.stderr.strip().splitlines()) == 1
