"""Requirements in literal lists: ``[project] dependencies``, and ``install_requires`` of setup.py.

A TOML array of strings reads as a list in Python too, so one editor serves both.
"""

from __future__ import annotations

import ast
import json
import re
from typing import TYPE_CHECKING

import tomlkit

from hephaestus_codemods.engine.planners.declared import (
    Declaring,
    Entry,
    NotUnderstood,
    decoded,
    encoded,
    entry_of,
    place_for,
    spelled,
    table,
    tables_of,
)
from hephaestus_codemods.kit.lists import insert_item, replace_item
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.source import LINE_END, UnreadableSource

if TYPE_CHECKING:
    from collections.abc import Sequence

    from packaging.requirements import Requirement

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Edit


def pep621(store: Declaring) -> list[Entry]:
    """Return the items of ``[project] dependencies``."""
    found = table(tables_of(store), "project").get("dependencies", [])
    texts = [one for one in found if isinstance(one, str)] if isinstance(found, list) else []
    return [entry for text in texts if (entry := entry_of(store.path, text)) is not None]


def pep621_add(store: Declaring, requirement: Requirement) -> bytes:
    """Give the array one item more; make it when there is none."""
    array = _array(store)
    if array is None:
        return _toml_set(store, ("project",), "dependencies", [spelled(requirement)])
    return _in_array(store, array, requirement, None)


def pep621_change(store: Declaring, entry: Entry, requirement: Requirement) -> bytes:
    """Change the item of *entry*."""
    array = _array(store)
    if array is None:
        raise NotUnderstood(f"{store.path} has no dependencies array")
    return _in_array(store, array, requirement, entry)


def _array(store: Declaring) -> str | None:
    """Return the text of the dependencies array exactly as it stands."""
    project = tomlkit.parse(decoded(store)[0]).get("project", {})
    return project["dependencies"].as_string() if "dependencies" in project else None


def _in_array(store: Declaring, array: str, requirement: Requirement, old: Entry | None) -> bytes:
    text, bom = decoded(store)
    starts = [found.end() for found in re.finditer(r"dependencies\"?'?[ \t]*=[ \t]*", text)]
    start = next((at for at in starts if text.startswith(array, at)), None)
    if start is None:
        raise NotUnderstood(f"{store.path}: the dependencies array is not found")
    new = _in_list(store.path, array, "", requirement, old)
    return encoded(text[:start] + new + text[start + len(array) :], bom)


def _toml_set(store: Declaring, keys: tuple[str, ...], key: str, value: object) -> bytes:
    """Set a key that is new in a table that is there."""
    text, bom = decoded(store)
    document = tomlkit.parse(text)
    place = document
    for one in keys:
        place = place[one]
    place[key] = value
    eol = "\r\n" if "\r\n" in text else "\n"
    new = LINE_END.sub(eol, tomlkit.dumps(document))
    return encoded(new if text[-1:] in "\r\n" else new.rstrip("\r\n"), bom)


def _in_list(path: str, text: str, before: str, requirement: Requirement, old: Entry | None) -> str:
    """Edit the list that *text* ends with after *before*."""
    module = _module(path, before + text)
    found = [node for node in module.nodes if isinstance(node, ast.List)]
    if not found:
        raise NotUnderstood(f"{path}: the list of requirements is no literal list")
    return _spliced(module, _list_edits(module, found[0], path, requirement, old))


def _module(path: str, text: str) -> Module:
    try:
        return Project.from_files({"requirements.py": text}).module_at("requirements.py")
    except UnreadableSource as error:
        raise NotUnderstood(f"{path}: {error}") from error


def _list_edits(
    module: Module, node: ast.List, path: str, requirement: Requirement, old: Entry | None
) -> tuple[Edit, ...]:
    texts = [ast.literal_eval(one) for one in node.elts]
    quote = module.source.segment(node.elts[-1])[:1] if node.elts else '"'
    like = old.text if old is not None else (texts[-1] if texts else "")
    item = _quoted(spelled(requirement, like), quote)
    if old is not None:
        return replace_item(module, node, item, texts.index(old.text))
    names = [entry.name if (entry := entry_of(path, text)) else text for text in texts]
    edits = insert_item(module, node, item, place_for(names, requirement.name))
    if edits is None:
        raise NotUnderstood(f"{path}: the list of requirements is not understood")
    return edits


def _quoted(text: str, quote: str) -> str:
    if quote == "'" and "'" not in text:
        return f"'{text}'"
    return json.dumps(text) if '"' in text else f'"{text}"'


def _spliced(module: Module, edits: Sequence[Edit]) -> str:
    text = module.source.text
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _setup_py_list(store: Declaring) -> tuple[Module, ast.List]:
    text, _ = decoded(store)
    module = _module(store.path, text)
    for call in module.calls:
        name = ast.unparse(call.func)
        for given in call.keywords:
            if name in ("setup", "setuptools.setup") and given.arg == "install_requires":
                return module, _literal(module, given.value, store.path)
    raise NotUnderstood(f"{store.path} gives no install_requires")


def _literal(module: Module, node: ast.expr, path: str) -> ast.List:
    if isinstance(node, ast.Name):
        bound = module.scopes.bound(module.tree).get(node.id, [])
        node = bound[0].value if len(bound) == 1 and bound[0].value is not None else node
    strings = isinstance(node, ast.List) and all(
        isinstance(one, ast.Constant) and isinstance(one.value, str) for one in node.elts
    )
    if not strings or not isinstance(node, ast.List):
        raise NotUnderstood(f"{path}: install_requires is no literal list")
    return node


def setup_py(store: Declaring) -> list[Entry]:
    """Return the items of ``install_requires``."""
    texts = [ast.literal_eval(one) for one in _setup_py_list(store)[1].elts]
    return [entry for text in texts if (entry := entry_of(store.path, text)) is not None]


def setup_py_edit(store: Declaring, old: Entry | None, requirement: Requirement) -> bytes:
    """Change the item of *old*, or add one."""
    module, node = _setup_py_list(store)
    new = _spliced(module, _list_edits(module, node, store.path, requirement, old))
    return encoded(new, decoded(store)[1])
