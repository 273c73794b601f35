"""Planning the folder of a new rule: a small rule that works, under the name that was asked for."""

from __future__ import annotations

import keyword
import re
from importlib.resources import files
from typing import TYPE_CHECKING

from hephaestus_codemods.errors import UsageError

if TYPE_CHECKING:
    from pathlib import PurePath

#: The name of the rule in the folder that is copied.
STARTER = "starter"
STARTER_FILES = ("__init__.py", "rule.py", "README.md")
NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")


def new_rule(name: str, folder: PurePath) -> dict[PurePath, str]:
    """Return the files of a new rule *name* in the pack at *folder*: path → text.

    Nothing is written. The cases in the README pass as they stand.
    """
    _check(name)
    target = folder / name.replace("-", "_")
    template = files("hephaestus_codemods.flows") / STARTER
    texts = {one: (template / one).read_text(encoding="utf-8") for one in STARTER_FILES}
    texts["__init__.py"] = f'"""The rule {name}."""\n'
    return {target / one: _named(text, name) for one, text in texts.items()}


def _named(text: str, name: str) -> str:
    """Put *name* where the template says its own: at the start of the page and of the module."""
    return re.sub(rf'\A(# |""")\b{STARTER}\b', rf"\g<1>{name}", text)


def _check(name: str) -> None:
    if not NAME.fullmatch(name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} is no name for a rule: use lower-case words with dashes, the technology "
            "first, for example redis-client-reuse"
        )
