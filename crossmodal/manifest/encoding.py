"""The text of a table's bytes."""

import codecs

_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


def decode(data: bytes) -> str:
    """Text out of UTF-8 with or without a byte order mark, or UTF-16.

    Bytes that are not UTF-8 become lone surrogates (PEP 383): a path leads back to its file, and any other text that
    holds them is refused where it is used.

    Raises:
        ValueError: UTF-16 that is cut or damaged.
    """
    for mark, name in _MARKS:
        if data.startswith(mark):
            return _decode(data[len(mark) :], name)
    if len(data) >= 4 and data[0] and not data[1] and data[2] and not data[3]:
        return _decode(data, "utf-16-le")
    if len(data) >= 4 and not data[0] and data[1] and not data[2] and data[3]:
        return _decode(data, "utf-16-be")
    return _decode(data, "utf-8")


def _decode(data: bytes, name: str) -> str:
    if name == "utf-8":
        return data.decode(name, "surrogateescape")
    try:
        return data.decode(name)
    except UnicodeDecodeError as error:
        raise ValueError(f"is damaged UTF-16 ({error.reason} at byte {error.start}). Save it as UTF-8.") from error
