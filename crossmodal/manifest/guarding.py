"""The mark that keeps a spreadsheet from running a cell as a formula, set by our writer and undone by our reader.

A text that begins with `= + - @` gets one quote mark in front, numbers and paths apart. So that the mark can be undone
exactly, a text that begins with quote marks and then such a sign gets one more.
"""

import re

from crossmodal.manifest.row import DECIMAL_COMMA, NUMBER

_RISKY = re.compile(r"[=+\-@]")
_MARKED = re.compile(r"'+[=+\-@]")


def guard(text: str) -> str:
    """`text` as a cell of a CSV file that is neither a path nor a header of one.

    Example:
        >>> guard("=1+1"), guard("-3.5"), guard("'=1"), guard("-intro")
        ("'=1+1", '-3.5', "''=1", "'-intro")
    """
    if _MARKED.match(text):
        return f"'{text}"
    is_number = NUMBER.fullmatch(text) or DECIMAL_COMMA.fullmatch(text)
    return f"'{text}" if _RISKY.match(text) and not is_number else text


def unguard(cell: str) -> str:
    """The text that `guard` was given.

    Example:
        >>> unguard("'=1+1"), unguard("'tis"), unguard("-3.5")
        ('=1+1', "'tis", '-3.5')
    """
    return cell[1:] if _MARKED.match(cell) else cell
