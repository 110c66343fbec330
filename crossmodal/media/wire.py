"""Values between our own processes, without pickle: JSON for the shape, raw buffers for the arrays.

A decoder that a hostile file took over could write anything into the pipe; what is read here can only become plain
values, NumPy arrays, and dataclasses and errors of this package.
"""

import dataclasses
import json
import struct
from importlib import import_module
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from crossmodal.errors import MediaError

LENGTH = struct.Struct("<II")  # bytes of JSON, number of buffers
BUFFER = struct.Struct("<Q")
LIMIT_BYTES = 1 << 30


def write_message(pipe: BinaryIO, value: object) -> None:
    """Write one value and flush.

    Raises:
        TypeError: the value is of a kind that does not cross.
    """
    buffers: list[bytes] = []
    text = json.dumps(_plain(value, buffers)).encode("ascii")
    parts = [LENGTH.pack(len(text), len(buffers)), text]
    for data in buffers:
        parts += [BUFFER.pack(len(data)), data]
    pipe.write(b"".join(parts))
    pipe.flush()


def read_message(pipe: BinaryIO) -> object:
    """Read one value.

    Raises:
        EOFError: the other side is gone.
        ValueError: the message is malformed.
    """
    n_text, n_buffers = LENGTH.unpack(_exactly(pipe, LENGTH.size))
    left = LIMIT_BYTES - n_text
    text = _exactly(pipe, n_text) if left >= 0 else b""
    buffers = []
    for _ in range(n_buffers):
        (n_bytes,) = BUFFER.unpack(_exactly(pipe, BUFFER.size))
        left -= n_bytes
        if left < 0:
            break
        buffers.append(_exactly(pipe, n_bytes))
    if left < 0:
        raise ValueError(f"message of more than {LIMIT_BYTES} bytes")
    return _value(json.loads(text), buffers)


def _exactly(pipe: BinaryIO, n_bytes: int) -> bytes:
    data = b""
    while len(data) < n_bytes:
        more = pipe.read(n_bytes - len(data))
        if not more:
            raise EOFError("the other side closed the pipe")
        data = data + more if data else more
    return data


def _plain(value: Any, buffers: list[bytes]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, np.generic):
        return value.item()
    if isinstance(value, list):
        return [_plain(item, buffers) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_plain(item, buffers) for item in value]}
    if isinstance(value, dict):
        return {"dict": [[_plain(key, buffers), _plain(item, buffers)] for key, item in value.items()]}
    if isinstance(value, Path):
        return {"path": str(value)}
    if isinstance(value, bytes):
        buffers.append(value)
        return {"bytes": len(buffers) - 1}
    if isinstance(value, np.ndarray):
        buffers.append(np.ascontiguousarray(value).tobytes())
        return {"array": [len(buffers) - 1, value.dtype.str, list(value.shape)]}
    if isinstance(value, MediaError):
        return {"error": list(value.args)}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {field.name: _plain(getattr(value, field.name), buffers) for field in dataclasses.fields(value)}
        return {"data": [type(value).__module__, type(value).__qualname__, fields]}
    raise TypeError(f"a {type(value).__name__} does not cross between processes")


def _value(plain: Any, buffers: list[bytes]) -> Any:
    if isinstance(plain, list):
        return [_value(item, buffers) for item in plain]
    if not isinstance(plain, dict):
        return plain
    ((kind, body),) = plain.items()
    if kind == "tuple":
        return tuple(_value(item, buffers) for item in body)
    if kind == "dict":
        return {_value(key, buffers): _value(item, buffers) for key, item in body}
    if kind == "path":
        return Path(body)
    if kind == "bytes":
        return buffers[body]
    if kind == "array":
        return _array(*body, buffers=buffers)
    if kind == "error":
        return MediaError(*body)
    if kind == "data":
        return _dataclass(*body, buffers=buffers)
    raise ValueError(f"unknown kind {kind!r} in a message")


def _array(index: int, dtype: str, shape: list[int], *, buffers: list[bytes]) -> np.ndarray:
    if np.dtype(dtype).hasobject:
        raise ValueError("an array of objects does not cross between processes")
    return np.frombuffer(bytearray(buffers[index]), dtype=dtype).reshape(shape)


def _dataclass(module: str, name: str, fields: dict[str, Any], *, buffers: list[bytes]) -> object:
    if module.split(".")[0] != "crossmodal":
        raise ValueError(f"{module}.{name} does not cross between processes")
    kind = getattr(import_module(module), name, None)
    if not (isinstance(kind, type) and dataclasses.is_dataclass(kind)):
        raise ValueError(f"{module}.{name} does not cross between processes")
    return kind(**{key: _value(item, buffers) for key, item in fields.items()})
