"""Does `crossmodal --help` answer in under half a second?"""

import subprocess
import sys

from harness import clock, report

LIMIT = 0.5  # seconds


def main() -> None:
    run = [sys.executable, "-c", "import sys; sys.argv = ['crossmodal', '--help']; from app.cli import main; main()"]
    bare = [sys.executable, "-c", "pass"]
    answer = subprocess.run(run, check=True, capture_output=True, text=True).stdout
    assert "match" in answer and "Usage" in answer

    helped = clock("crossmodal --help", lambda: subprocess.run(run, check=True, capture_output=True), limit=LIMIT)
    empty = clock("an interpreter that does nothing", lambda: subprocess.run(bare, check=True))
    report([helped, empty], __file__)


if __name__ == "__main__":
    main()
