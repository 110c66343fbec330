"""Hostile titles stay text; clocks and words read right."""

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.web import rows


class Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


@given(st.text())
def test_no_message_opens_a_tag_of_its_own(message: str) -> None:
    parser = Tags()
    parser.feed(rows.trouble(message))
    assert parser.tags == ["div"]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(0, "0:00"), (59.99, "0:59"), (62.4, "1:02"), (3600, "1:00:00"), (7325, "2:02:05")]
)
def test_clock(seconds: float, shown: str) -> None:
    assert rows.clock(seconds) == shown
