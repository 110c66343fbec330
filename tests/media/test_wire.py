"""Values cross between our processes unchanged, and nothing else can."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from crossmodal.errors import MediaError
from crossmodal.media.wire import LENGTH, read_message, write_message

SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.binary()
VALUES = st.recursive(
    SCALARS, lambda inner: st.lists(inner) | st.tuples(inner, inner) | st.dictionaries(st.text(), inner), max_leaves=8
)


def crossed(value: object) -> object:
    pipe = io.BytesIO()
    write_message(pipe, value)
    pipe.seek(0)
    return read_message(pipe)


@given(VALUES)
def test_plain_values_cross_unchanged(value: object) -> None:
    assert crossed(value) == value


@given(
    hnp.arrays(st.sampled_from([np.float32, np.int64, np.bool_, np.uint8]), hnp.array_shapes(min_dims=0, min_side=0))
)
def test_arrays_cross_unchanged(array: np.ndarray) -> None:
    back = crossed(array)
    assert back.dtype == array.dtype and np.array_equal(back, array, equal_nan=array.dtype.kind == "f")


def test_paths_that_are_not_utf_8_and_errors_cross() -> None:
    path = Path("/music/\udce9t\udce9.mp3")
    assert crossed([path, str(path)]) == [path, str(path)]
    assert crossed(MediaError("a", "empty", "b", "c")).args == ("a", "empty", "b", "c")


@pytest.mark.parametrize("name", [["os", "system"], ["subprocess", "Popen"], ["crossmodal.errors", "MediaError"]])
def test_only_dataclasses_of_ours_are_made(name: list[str]) -> None:
    text = json.dumps({"data": [*name, {}]}).encode()
    with pytest.raises(ValueError, match="does not cross"):
        read_message(io.BytesIO(LENGTH.pack(len(text), 0) + text))


def test_an_object_array_and_a_strange_object_are_refused() -> None:
    with pytest.raises(TypeError):
        crossed(object())
    text = json.dumps({"array": [0, "|O", [1]]}).encode()
    with pytest.raises(ValueError, match="objects"):
        read_message(io.BytesIO(LENGTH.pack(len(text), 1) + text + (8).to_bytes(8, "little") + b"12345678"))


def test_a_pipe_that_ends_is_told_apart() -> None:
    with pytest.raises(EOFError):
        read_message(io.BytesIO(b"\x01"))
