"""Bodies that are too large are refused by what their head says, before a byte of them is read."""

import json
import re

from starlette.types import ASGIApp, Receive, Scope, Send

UNITS = {"b": 1, "kb": 1 << 10, "mb": 1 << 20, "gb": 1 << 30, "tb": 1 << 40}
FORM_BYTES = 16 << 10  # what a form adds round a file


def as_bytes(size: str) -> int:
    """`4gb` as a number of bytes.

    Raises:
        ValueError: it is no such text.
    """
    found = re.fullmatch(r"(\d+)\s*([kmgt]?b)", size.strip().lower())
    if found is None:
        raise ValueError(size)
    return int(found[1]) * UNITS[found[2]]


class BodyLimit:
    """Answers 413 to a request whose stated length is over a limit.

    What comes in pieces without a stated length is counted by the upload route itself, which stops at the limit.
    """

    def __init__(self, app: ASGIApp, limit_bytes: int) -> None:
        self.app, self.limit_bytes = app, limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        length = next((value for name, value in scope.get("headers", ()) if name == b"content-length"), b"0")
        if scope["type"] != "http" or not length.isdigit() or int(length) <= self.limit_bytes + FORM_BYTES:
            await self.app(scope, receive, send)
            return
        text = f"This file is larger than {shown(self.limit_bytes)}. Cut it, or start crossmodal with --max-upload."
        headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
        await send({"type": "http.response.start", "status": 413, "headers": headers})
        await send({"type": "http.response.body", "body": json.dumps({"detail": text}).encode()})


def shown(n_bytes: int) -> str:
    """A number of bytes for a person.

    Example:
        >>> shown(4 << 30), shown(1536), shown(300)
        ('4 GB', '1.5 KB', '300 bytes')
    """
    for unit in ("TB", "GB", "MB", "KB"):
        size = UNITS[unit.lower()]
        if n_bytes >= size:
            return f"{n_bytes / size:.1f}".removesuffix(".0") + f" {unit}"
    return f"{n_bytes} bytes"
