"""Named progress bars on stderr, for commands whose work has several parts."""

from collections.abc import Iterator
from contextlib import contextmanager

from training.progress import Tell


@contextmanager
def bars() -> Iterator[Tell]:
    """Bars with time passed and time left; drawn only when stderr is a terminal.

    Yields:
        tell(name, done, total, note): makes the bar of that name at its first call.
    """
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        tasks: dict[str, object] = {}

        def tell(name: str, done: int, total: int, note: str = "") -> None:
            if name not in tasks:
                tasks[name] = progress.add_task(name, total=total, note="")
            progress.update(tasks[name], completed=done, total=total, note=note)  # type: ignore[arg-type]

        yield tell
