"""Bodies that are too large are refused by their head."""

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from app.web.limits import FORM_BYTES, BodyLimit, as_bytes


def test_a_body_over_the_limit_never_reaches_the_route() -> None:
    read: list[int] = []

    async def take(request: Request) -> PlainTextResponse:
        read.append(len(await request.body()))
        return PlainTextResponse("taken")

    client = TestClient(BodyLimit(Starlette(routes=[Route("/", take, methods=["POST"])]), 1000))
    assert client.post("/", content=b"x" * 1000).text == "taken"
    answer = client.post("/", content=b"x" * (1001 + FORM_BYTES))
    assert answer.status_code == 413 and "--max-upload" in answer.json()["detail"] and read == [1000]


@pytest.mark.parametrize(("text", "size"), [("4gb", 4 << 30), ("500 MB", 500 << 20), ("10b", 10), ("1TB", 1 << 40)])
def test_sizes_are_read_as_people_write_them(text: str, size: int) -> None:
    assert as_bytes(text) == size


@pytest.mark.parametrize("text", ["", "4", "gb", "-4gb", "4 gigabytes", "1.5gb"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        as_bytes(text)
