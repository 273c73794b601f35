"""Name runs so that their names sort in the order in which they were made."""

from __future__ import annotations

import re
import secrets
import time

_DIGITS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_LENGTH = 26
_RANDOM_BITS = 80
_ULID = re.compile(rf"[0-7][{_DIGITS}]{{{_LENGTH - 1}}}")


def new(last: str | None = None) -> str:
    """Return a fresh ULID that sorts after *last*, even when the clock went back."""
    fresh = (time.time_ns() // 10**6 << _RANDOM_BITS) | secrets.randbits(_RANDOM_BITS)
    if last is not None:
        fresh = max(fresh, _number(last) + 1)
    return _text(fresh)


def is_ulid(text: str) -> bool:
    """Say whether *text* has the form of a ULID."""
    return _ULID.fullmatch(text) is not None


def seconds(ulid: str) -> float:
    """Return when *ulid* was made, in seconds since 1970."""
    return (_number(ulid) >> _RANDOM_BITS) / 1000


def _number(ulid: str) -> int:
    number = 0
    for digit in ulid:
        number = number * len(_DIGITS) + _DIGITS.index(digit)
    return number


def _text(number: int) -> str:
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, len(_DIGITS))
        digits.append(_DIGITS[digit])
    return "".join(reversed(digits))
