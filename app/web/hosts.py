"""Who may ask the page: a check of Host and Origin, against pages elsewhere that point a browser at us."""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send


def host_name(netloc: str) -> str:
    """The host of `host`, `host:port` or `[v6]:port`, lower case."""
    return (urlsplit(f"//{netloc}").hostname or "").lower()


def is_loopback(name: str) -> bool:
    """Whether a host name means this computer."""
    return name in ("localhost", "::1") or (name.startswith("127.") and name.replace(".", "").isdigit())


class HostCheck:
    """Answers 403 to a request whose Host or Origin is neither loopback nor allowed by name.

    Loopback names pass on any port, since tunnels change it.
    """

    def __init__(self, app: ASGIApp, allowed: Iterable[str] = ()) -> None:
        self.app = app
        self.allowed = {name.lower() for name in allowed}

    def refused(self, scope: Scope) -> str | None:
        """The name that is not allowed, or None."""
        headers = {key: value.decode("latin-1") for key, value in scope["headers"] if key in (b"host", b"origin")}
        names = [host_name(headers.get(b"host", ""))]
        if b"origin" in headers:
            names.append(host_name(headers[b"origin"].partition("://")[2]) or headers[b"origin"])
        return next((name for name in names if not is_loopback(name) and name not in self.allowed), None)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self.refused(scope) if scope["type"] in ("http", "websocket") else None
        if name is None:
            await self.app(scope, receive, send)
            return
        text = f"crossmodal does not answer to the name {name!r:.80}. Start it with --allow-host NAME to allow it.\n"
        await PlainTextResponse(text, status_code=403)(scope, receive, send)
