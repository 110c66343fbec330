"""Computing on one thread, so that the same input gives the same bits whatever else the process does."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

_lock = RLock()


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one thread inside, and as before afterwards.

    The number of threads is the process's, so only one caller at a time is let in; the steps inside should be short.

    Example:
        >>> with one_thread():
        ...     torch.get_num_threads()
        1
    """
    with _lock:
        before = torch.get_num_threads()
        if before == 1:
            yield
            return
        torch.set_num_threads(1)
        try:
            yield
        finally:
            torch.set_num_threads(before)
