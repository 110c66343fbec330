"""Which paths a person may type: any on the computer that runs crossmodal, from elsewhere only what was allowed."""

import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from app.web.hosts import is_loopback
from crossmodal.errors import ConfigError

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip")


def is_local(client: str | None, headers: Mapping[str, str]) -> bool:
    """Whether a request comes from this computer itself; one that a proxy passed on comes from elsewhere."""
    return client is not None and is_loopback(client) and not any(name in headers for name in FORWARDED)


class Folders:
    """Decides about typed paths.

    Args:
        allowed: folders that anybody may name, with all that is in them (`--allow-folder`).
    """

    def __init__(self, allowed: Iterable[str | Path] = ()) -> None:
        self.allowed = [Path(os.path.realpath(folder)) for folder in allowed]

    def check(self, typed: str, local: bool) -> Path:
        """The path that was typed, with `~` as the person's own folder where the person sits here.

        Raises:
            ConfigError: it is not a path, not allowed, or not there; what lies elsewhere is not told to strangers.
        """
        text = typed.strip().strip("'\"")
        if not text or "\0" in text:
            raise ConfigError("Type the path of a folder, for example ~/Music.")
        path = Path(os.path.expanduser(text) if local else text)  # noqa: PTH111 (an unknown ~user stays as it is)
        real = Path(os.path.realpath(path))
        if not local and not any(real.is_relative_to(folder) for folder in self.allowed):
            raise ConfigError(
                "Folders can be named only on the computer that runs crossmodal, or where it was started with "
                "--allow-folder. Choose or drop files instead."
            )
        if not path.is_absolute():
            raise ConfigError(f"{text} does not say where it is. Type the whole path, for example /home/me/Music.")
        if not real.exists():
            raise ConfigError(f"{text}: this folder does not exist. Check the spelling.")
        return real
