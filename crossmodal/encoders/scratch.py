"""Where a guarded child leaves frames or samples for a network to look at."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from crossmodal.errors import CrossmodalError
from crossmodal.media import guard


@contextmanager
def scratch_file() -> Iterator[Path]:
    """A path in a folder of its own, which goes with the block.

    Raises:
        CrossmodalError: there is no room for it.
    """
    # The prefix lets the guard sweep away what a killed process leaves.
    with TemporaryDirectory(prefix=f"{guard.SPOOL_PREFIX}{os.getpid()}-") as folder:
        try:
            yield Path(folder) / "read"
        except OSError as error:
            raise CrossmodalError(
                f"{folder}: cannot be written ({error.strerror}). Make room, or set TMPDIR to another folder."
            ) from error
