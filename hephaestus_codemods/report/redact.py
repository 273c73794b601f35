"""Keep secrets of the target out of everything that we show or store for people."""

from __future__ import annotations

import re
from typing import Final

MASK: Final = "***"
#: user:password@ in a URL; the password may hold anything but what ends it.
USERINFO = re.compile(r"(?P<head>[a-zA-Z][a-zA-Z0-9+.-]*://[^\s:/@'\"]*:)[^\s@'\"]+(?=@)")
#: password=…, token: "…" and the like, in DSNs, keywords and settings.
NAMED = re.compile(
    r"(?P<head>\b[\w-]*(?:password|passwd|pwd|secret|token|api[_-]?key|access[_-]?key)[\w-]*"
    r"['\"]?\s*[=:]\s*)(?P<quote>['\"]?)(?P<value>[^\s'\",;)}\]]{3,})(?P=quote)",
    re.IGNORECASE,
)
#: Values that everybody knows how to recognise.
KNOWN = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}|sk-[A-Za-z0-9_-]{16,}"
    r"|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{5,})"
)
#: A name or an expression on the right-hand side is no secret.
EXPRESSION = re.compile(r"^(?:[A-Za-z_][\w.]*(?:[(\[].*)?|None|True|False|str|\$\{?\w+\}?)$")
#: ... unless it reads like something that a machine made up.
MADE_UP = re.compile(r"^(?=[^\d]*\d)[\w+/=-]{6,}$")


def redact(text: str) -> str:
    """Return *text* with passwords, tokens and keys masked."""
    text = USERINFO.sub(rf"\g<head>{MASK}", text)
    text = KNOWN.sub(MASK, text)
    return NAMED.sub(_masked, text)


def _masked(match: re.Match[str]) -> str:
    value = match["value"]
    if not match["quote"] and EXPRESSION.match(value) and not MADE_UP.match(value):
        return match.group()
    return f"{match['head']}{match['quote']}{MASK}{match['quote']}"
