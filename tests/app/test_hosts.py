"""Host and Origin: who may ask the page."""

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.web.hosts import HostCheck


def ask(headers: dict[str, str], allowed: tuple[str, ...] = ()) -> tuple[int, str]:
    server = Starlette(routes=[Route("/", lambda request: PlainTextResponse("page"))])
    answer = TestClient(HostCheck(server, allowed), base_url="http://127.0.0.1").get("/", headers=headers)
    return answer.status_code, answer.text


@pytest.mark.parametrize("host", ["127.0.0.1:7860", "localhost", "localhost:9", "[::1]:7860", "127.0.0.2"])
def test_loopback_names_pass_on_any_port(host: str) -> None:
    assert ask({"host": host}) == (200, "page")


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:7860", "127.0.0.1.evil.example", "localhost.evil.example", ""]
)
def test_a_strangers_host_is_refused_and_the_option_named(host: str) -> None:
    status, text = ask({"host": host})
    assert status == 403 and "--allow-host" in text


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "https://127.0.0.1.evil.example"])
def test_a_strangers_origin_is_refused(origin: str) -> None:
    assert ask({"host": "127.0.0.1:7860", "origin": origin})[0] == 403


def test_own_origin_and_an_allowed_name_pass() -> None:
    assert ask({"host": "localhost:7860", "origin": "http://localhost:7860"})[0] == 200
    assert ask({"host": "studio.lan:80", "origin": "http://Studio.lan"}, ("studio.lan",))[0] == 200
