"""The import planner: every byte of the result, in table form."""

# ruff: noqa: E501 - a row of the table is easier to read than a wrapped one

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.engine.planners.imports import plan_imports
from hephaestus_codemods.engine.splice import splice
from hephaestus_codemods.kit.support import support_module
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.rule import Import, Refusal

if TYPE_CHECKING:
    from hephaestus_codemods.project.module import Module

EXISTS = Import("sqlalchemy", "exists")
USE = "def used(): return exists"


def module_of(text: str, path: str = "app/api/users.py", **others: str) -> Module:
    files = {"app/__init__.py": "", "app/api/__init__.py": "", "app/db.py": "", path: text}
    project = Project.from_files({k: v.encode() for k, v in {**files, **others}.items()})
    return project.module_at(path)


def planned(text: str, *imports: Import, orphaned: tuple[str, ...] = (), path: str = "") -> str:
    module = module_of(text, path or "app/api/users.py")
    edits = plan_imports(module, imports, orphaned)
    assert not isinstance(edits, Refusal), edits
    after = splice(text, edits)
    ast.parse(after)
    again = plan_imports(module_of(after, path or "app/api/users.py"), imports, orphaned)
    assert again == (), "a second plan changes nothing"
    return after


ADDED = {
    "an empty file": ("", "from sqlalchemy import exists\n"),
    "a docstring": ('"""Doc."""\n', '"""Doc."""\n\nfrom sqlalchemy import exists\n'),
    "a docstring, then code": (
        '"""Doc."""\n\nX = exists()\n',
        '"""Doc."""\n\nfrom sqlalchemy import exists\n\nX = exists()\n',
    ),
    "a docstring right before code": (
        '"""Doc."""\nX = exists()\n',
        '"""Doc."""\n\nfrom sqlalchemy import exists\n\nX = exists()\n',
    ),
    "a docstring of many lines": (
        '"""Doc.\n\nMore.\n"""\n\n\ndef f():\n    return exists()\n',
        '"""Doc.\n\nMore.\n"""\n\nfrom sqlalchemy import exists\n\n\ndef f():\n    return exists()\n',
    ),
    "a docstring that shares its line": (
        '"""Doc."""; X = exists()\n',
        '"""Doc."""; from sqlalchemy import exists; X = exists()\n',
    ),
    "a future import": (
        "from __future__ import annotations\nX = exists()\n",
        "from __future__ import annotations\n\nfrom sqlalchemy import exists\n\nX = exists()\n",
    ),
    "shebang and cookie": (
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nX = exists()\n",
        "#!/usr/bin/env python\n# -*- coding: utf-8 -*-\nfrom sqlalchemy import exists\n\nX = exists()\n",
    ),
    "a licence, then code": (
        "# Copyright me\n# All rights\n\nX = exists()\n",
        "# Copyright me\n# All rights\n\nfrom sqlalchemy import exists\n\nX = exists()\n",
    ),
    "a comment that belongs to the code below it": (
        "# the answer\nX = exists()\n",
        "from sqlalchemy import exists\n\n# the answer\nX = exists()\n",
    ),
    "comments only": ("# nothing\n", "# nothing\nfrom sqlalchemy import exists\n"),
    "no final newline": ("import os", "import os\n\nfrom sqlalchemy import exists"),
    "another section above": (
        "import os\nimport sys\n\nX = 1\n",
        "import os\nimport sys\n\nfrom sqlalchemy import exists\n\nX = 1\n",
    ),
    "sections on both sides": (
        "import os\n\nfrom app.db import engine\n\nX = 1\n",
        "import os\n\nfrom sqlalchemy import exists\n\nfrom app.db import engine\n\nX = 1\n",
    ),
    "an author who does not separate sections": (
        "import os\nfrom app.db import engine\n\nX = 1\n",
        "import os\nfrom sqlalchemy import exists\nfrom app.db import engine\n\nX = 1\n",
    ),
    "a section below only": (
        "from app.db import engine\n\nX = 1\n",
        "from sqlalchemy import exists\n\nfrom app.db import engine\n\nX = 1\n",
    ),
    "in order among its section": (
        "from fastapi import FastAPI\nfrom starlette import status\n",
        "from fastapi import FastAPI\nfrom sqlalchemy import exists\nfrom starlette import status\n",
    ),
    "first of its section": (
        "import os\n\n# web\nfrom starlette import status\n",
        "import os\n\nfrom sqlalchemy import exists\n# web\nfrom starlette import status\n",
    ),
    "beside its family": (
        "import redis\nfrom sqlalchemy.orm import Session\nimport fastapi\n",
        "import redis\nfrom sqlalchemy import exists\nfrom sqlalchemy.orm import Session\nimport fastapi\n",
    ),
    "after what runs between imports": (
        "from gevent import monkey\nmonkey.patch_all()\nimport requests\n",
        "from gevent import monkey\nmonkey.patch_all()\nimport requests\nfrom sqlalchemy import exists\n",
    ),
    "not between a comment and its import": (
        "import os\n\n# ours\nfrom app.db import engine\n",
        "import os\n\nfrom sqlalchemy import exists\n\n# ours\nfrom app.db import engine\n",
    ),
    "CRLF": (
        "import os\r\n\r\nX = 1\r\n",
        "import os\r\n\r\nfrom sqlalchemy import exists\r\n\r\nX = 1\r\n",
    ),
    "a form feed": (
        "import os\n\x0c\nX = 1\n",
        "import os\n\nfrom sqlalchemy import exists\n\x0c\nX = 1\n",
    ),
    "a name of the same line": (
        "import os; X = exists()\n",
        "import os; from sqlalchemy import exists; X = exists()\n",
    ),
    "before its first use": (
        "import os\nX = exists()\nimport sqlalchemy\n",
        "import os\n\nfrom sqlalchemy import exists\n\nX = exists()\nimport sqlalchemy\n",
    ),
    "for types only": (
        "from typing import TYPE_CHECKING\n\nif TYPE_CHECKING:\n    from sqlalchemy import exists\n",
        "from typing import TYPE_CHECKING\n\nfrom sqlalchemy import exists\n\n"
        "if TYPE_CHECKING:\n    from sqlalchemy import exists\n",
    ),
    "an unsorted file": (
        "import zlib\nimport attr\nimport zope\nimport boto3\n",
        "import zlib\nimport attr\nimport zope\nimport boto3\nfrom sqlalchemy import exists\n",
    ),
    "a function-local import": (
        "import os\n\n\ndef f():\n    from sqlalchemy import exists\n\n    return exists()\n",
        "import os\n\nfrom sqlalchemy import exists\n\n\ndef f():\n"
        "    from sqlalchemy import exists\n\n    return exists()\n",
    ),
    "extends in order": (
        "from sqlalchemy import create_engine, select\n",
        "from sqlalchemy import create_engine, exists, select\n",
    ),
    "extends at the end": (
        "from sqlalchemy import Column, delete\n",
        "from sqlalchemy import Column, delete, exists\n",
    ),
    "extends, unordered": (
        "from sqlalchemy import select, and_  # noqa: I001\n",
        "from sqlalchemy import select, and_, exists  # noqa: I001\n",
    ),
    "extends over a backslash": (
        "from sqlalchemy import and_, \\\n    select\n",
        "from sqlalchemy import and_, \\\n    exists, select\n",
    ),
    "extends beside a semicolon": (
        "import os; from sqlalchemy import and_; X = 1\n",
        "import os; from sqlalchemy import and_, exists; X = 1\n",
    ),
    "extends one name per line": (
        "from sqlalchemy import (\n    and_,\n    # a query\n    select,  # why\n)\n",
        "from sqlalchemy import (\n    and_,\n    exists,\n    # a query\n    select,  # why\n)\n",
    ),
    "extends one name per line at its end": (
        "from sqlalchemy import (\n    and_,\n    delete,  # why\n)\n",
        "from sqlalchemy import (\n    and_,\n    delete,  # why\n    exists,\n)\n",
    ),
    "extends where no comma trails": (
        "from sqlalchemy import (\r\n\tand_,\r\n\tdelete  # why\r\n)\r\n",
        "from sqlalchemy import (\r\n\tand_,\r\n\tdelete,  # why\r\n\texists\r\n)\r\n",
    ),
    "extends a filled list": (
        "from sqlalchemy import (and_, delete,\n                        select)\n",
        "from sqlalchemy import (and_, delete,\n                        exists, select)\n",
    ),
    "extends a list with a trailing comma": (
        "from sqlalchemy import (and_, delete,)\n",
        "from sqlalchemy import (and_, delete, exists,)\n",
    ),
    "breaks a line that would become too long": (
        f"from sqlalchemy import {', '.join(f'name_of_some_length_{n}' for n in range(3))}\r\n",
        "from sqlalchemy import (\r\n    exists,\r\n"
        + "".join(f"    name_of_some_length_{n},\r\n" for n in range(3))
        + ")\r\n",
    ),
    "a line for each name, as the file has them": (
        "from sqlalchemy import delete\nfrom sqlalchemy import select\n",
        "from sqlalchemy import delete\nfrom sqlalchemy import select\nfrom sqlalchemy import exists\n",
    ),
    "not into a line with more on it that would become too long": (
        "from sqlalchemy import name_of_some_length, other_name_of_some_length, select  # all\n",
        "from sqlalchemy import name_of_some_length, other_name_of_some_length, select  # all\n"
        "from sqlalchemy import exists\n",
    ),
    "not into try": (
        "import sqlalchemy\ntry:\n    from sqlalchemy import select\nexcept ImportError:\n    select = None\n",
        "import sqlalchemy\nfrom sqlalchemy import exists\n"
        "try:\n    from sqlalchemy import select\nexcept ImportError:\n    select = None\n",
    ),
    "isort's marks": (
        "# isort: skip_file\nimport b\nimport a\n",
        "# isort: skip_file\nimport b\nimport a\nfrom sqlalchemy import exists\n",
    ),
    "`__all__` stays": (
        '__all__ = ["f"]\n\n\ndef f():\n    return exists()\n',
        'from sqlalchemy import exists\n\n__all__ = ["f"]\n\n\ndef f():\n    return exists()\n',
    ),
    "nothing to do": ("from sqlalchemy import exists\n", "from sqlalchemy import exists\n"),
}


@pytest.mark.parametrize(("before", "after"), ADDED.values(), ids=ADDED.keys())
def test_a_missing_name_is_imported(before: str, after: str) -> None:
    """The import stands where its author would have put it, and nothing else moves."""
    assert planned(before, EXISTS) == after


SUPPORT = Import("app.hephaestus_support.db_pool", "pool_options")
OTHERS = {
    "a module": ("X = 1\n", [Import("asyncio")], "import asyncio\n\nX = 1\n"),
    "a module under another name": (
        "import sqlalchemy\n",
        [Import("numpy", None, "np")],
        "import numpy as np\nimport sqlalchemy\n",
    ),
    "an alias": (
        "from sqlalchemy import select\n",
        [Import("sqlalchemy", "exists", "sa_exists")],
        "from sqlalchemy import select\nfrom sqlalchemy import exists as sa_exists\n",
    ),
    "an alias among aliases": (
        "from sqlalchemy import and_ as conj, select\n",
        [Import("sqlalchemy", "exists", "sa_exists")],
        "from sqlalchemy import and_ as conj, exists as sa_exists, select\n",
    ),
    "a submodule": (
        "import sqlalchemy\n",
        [Import("sqlalchemy.orm")],
        "import sqlalchemy\nimport sqlalchemy.orm\n",
    ),
    "a package that a submodule brings": (
        "import sqlalchemy.orm\n",
        [Import("sqlalchemy")],
        "import sqlalchemy.orm\n",
    ),
    "two names of one module": (
        "",
        [EXISTS, Import("sqlalchemy", "Select")],
        "from sqlalchemy import Select, exists\n",
    ),
    "two names into one statement": (
        "from sqlalchemy import select\n",
        [EXISTS, Import("sqlalchemy", "and_"), Import("sqlalchemy", "update")],
        "from sqlalchemy import and_, exists, select, update\n",
    ),
    "two sections in an empty place": (
        "X = 1\n",
        [EXISTS, Import("asyncio"), SUPPORT],
        "import asyncio\n\nfrom sqlalchemy import exists\n\n"
        "from app.hephaestus_support.db_pool import pool_options\n\nX = 1\n",
    ),
    "our own package": (
        "import os\n\nfrom app.db import engine\nfrom app.zoo import cat\n",
        [SUPPORT],
        "import os\n\nfrom app.db import engine\nfrom app.hephaestus_support.db_pool import pool_options\n"
        "from app.zoo import cat\n",
    ),
    "our own package, relative as the file does it": (
        "import os\n\nfrom ..db import engine\n\nX = 1\n",
        [SUPPORT],
        "import os\n\nfrom ..db import engine\nfrom ..hephaestus_support.db_pool import pool_options\n\nX = 1\n",
    ),
    "a sibling imported relatively": (
        "from ..hephaestus_support.db_pool import chunked\n",
        [SUPPORT],
        "from ..hephaestus_support.db_pool import chunked, pool_options\n",
    ),
}


@pytest.mark.parametrize(("before", "imports", "after"), OTHERS.values(), ids=OTHERS.keys())
def test_imports_of_all_kinds(before: str, imports: list[Import], after: str) -> None:
    """Modules, aliases, several at once and first-party ones are written in the file's style."""
    assert planned(before, *imports) == after


def test_a_package_imports_its_parts_relatively() -> None:
    """In an `__init__.py` one dot is the package itself."""
    text = "from .db import engine\n"
    after = "from .db import engine\nfrom .hephaestus_support.db_pool import pool_options\n"
    assert planned(text, SUPPORT, path="app/__init__.py") == after


def test_a_package_with_two_names_is_imported_relatively() -> None:
    """The service calls it `app`, its tests `src.app`: an absolute name would miss one of them."""
    files = {
        "src/__init__.py": "",
        "src/app/__init__.py": "",
        "src/app/main.py": "",
        "src/app/db.py": "import os\n",
        "Procfile": "web: uvicorn app.main:app\n",
        "tests/test_app.py": "from src.app.main import app\n",
    }
    module = Project.from_files(files).module_at("src/app/db.py")
    wanted = Import(support_module(module, "db_pool"), "pool_options")

    edits = plan_imports(module, [wanted])

    assert not isinstance(edits, Refusal)
    after = splice(files["src/app/db.py"], edits)
    assert after == "import os\n\nfrom .hephaestus_support.db_pool import pool_options\n"


REFUSED = {
    "exists = 1\n": "import-collision",
    "from app.db import exists\n": "import-collision",
    "def exists(): pass\n": "import-collision",
    "def f():\n    global exists\n    exists = 1\n": "import-collision",
    "if x:\n    from sqlalchemy import exists\nelse:\n    exists = None\n": "import-collision",
    "try:\n    import sqlalchemy\nexcept ImportError:\n    sqlalchemy = None\n": "import-optional",
}


@pytest.mark.parametrize(("text", "code"), REFUSED.items())
def test_a_taken_name_or_an_optional_package_is_refused(text: str, code: str) -> None:
    """Nothing is shadowed, and no file starts to need what it can live without."""
    refusal = plan_imports(module_of(text), [EXISTS])

    assert isinstance(refusal, Refusal)
    assert refusal.code == code


def test_contradicting_and_circular_imports_are_refused() -> None:
    """One name cannot mean two things, and a module cannot import itself."""
    two = plan_imports(module_of(""), [EXISTS, Import("app.db", "exists")])
    itself = plan_imports(module_of(""), [Import("app.api.users", "exists")])

    assert isinstance(two, Refusal)
    assert two.code == "import-collision"
    assert isinstance(itself, Refusal)
    assert itself.code == "import-self"


REMOVED = {
    "the whole line": ("import os\nfrom sqlalchemy import func\nX = os\n", "import os\nX = os\n"),
    "the first name": ("from sqlalchemy import func, select\n", "from sqlalchemy import select\n"),
    "the last name": ("from sqlalchemy import and_, func\n", "from sqlalchemy import and_\n"),
    "a middle name": (
        "from sqlalchemy import and_, func, or_\n",
        "from sqlalchemy import and_, or_\n",
    ),
    "a line of a list": (
        "from sqlalchemy import (\n    and_,\n    func,\n)\n",
        "from sqlalchemy import (\n    and_,\n)\n",
    ),
    "beside a semicolon": ("import os; from sqlalchemy import func\n", "import os\n"),
    "before a semicolon": ("from sqlalchemy import func; import os\n", "import os\n"),
    "the last line, without newline": ("import os\nfrom sqlalchemy import func", "import os"),
    "an alias": ("from sqlalchemy import functions as func\n", ""),
    "one name of ours, beside another": (
        "from app.db import func, engine\n",
        "from app.db import engine\n",
    ),
    "a docstring that names it": (
        '"""Uses func ever."""\nimport func\n',
        '"""Uses func ever."""\n',
    ),
    "a local variable of that name": (
        "from sqlalchemy import func\ndef f(func): pass\n",
        "def f(func): pass\n",
    ),
}


@pytest.mark.parametrize(("before", "after"), REMOVED.values(), ids=REMOVED.keys())
def test_an_orphaned_import_goes(before: str, after: str) -> None:
    """What our own edit left without a use is taken away, with its comma."""
    assert planned(before, orphaned=("func", "query")) == after


KEPT = {
    "still used": "from sqlalchemy import func\nX = func\n",
    "in `__all__`": 'from sqlalchemy import func\n__all__ = ["func"]\n',
    "in a quoted annotation": 'from sqlalchemy import func\nX: "list[func]"\n',
    "in a type comment": "from sqlalchemy import func\nX = []  # type: list[func]\n",
    "marked by its author": "from sqlalchemy import func  # noqa: F401\n",
    "the idiom of a re-export": "from sqlalchemy import func as func\n",
    "in try": "try:\n    from sqlalchemy import func\nexcept ImportError:\n    pass\n",
    "for types only": "if TYPE_CHECKING:\n    from sqlalchemy import func\n",
    "with a comment of its own": "# for the report\nfrom sqlalchemy import func\n",
    "a module of ours may do things when imported": "from app.db import func\n",
    "reached by text": "from sqlalchemy import func\nX = globals()\n",
    "a comment would go": "from sqlalchemy import (\n    func,  # why\n    select,\n)\n",
}


@pytest.mark.parametrize("text", KEPT.values(), ids=KEPT.keys())
def test_an_import_that_may_be_used_stays(text: str) -> None:
    """Removing is a courtesy; a doubt is enough to leave the line."""
    assert planned(text, orphaned=("func",)) == text


def test_a_package_and_what_others_import_stay() -> None:
    """An `__init__.py` re-exports, and so does a module that others import the name from."""
    text = "from sqlalchemy import func\n"
    other = module_of(text, "app/api/users.py", **{"app/x.py": "from app.api.users import func\n"})

    assert planned(text, orphaned=("func",), path="app/__init__.py") == text
    assert plan_imports(other, [], ["func"]) == ()


def test_names_not_orphaned_by_us_stay() -> None:
    """An unused import that we did not cause is none of our business."""
    assert (
        planned("import json\nfrom sqlalchemy import func\n", orphaned=("func",)) == "import json\n"
    )


def test_adding_and_removing_meet_in_one_statement() -> None:
    """Both land in the end, and never on top of each other."""
    text = "from sqlalchemy import func, select\n"
    after = splice(text, plan_imports(module_of(text), [EXISTS], ["func"]))  # type: ignore[arg-type]

    assert after in {
        "from sqlalchemy import exists, func, select\n",
        "from sqlalchemy import exists, select\n",
    }


LINES = st.sampled_from(
    [
        "import os",
        "import sys, json",
        "from sqlalchemy import select",
        "from sqlalchemy import (\n    and_,  # and\n    or_\n)",
        "from sqlalchemy.orm import Session",
        "import sqlalchemy as sa",
        "from .db import engine",
        "from app.db import base",
        "# a comment",
        "# isort: split",
        "",
        "X = 1",
        "X = 2; Y = 3",
        "try:\n    import ujson\nexcept ImportError:\n    ujson = None",
        "if TYPE_CHECKING:\n    from sqlalchemy import Table",
        "def f():\n    return exists()",
        "Z = exists()",
        "\x0c",
        "class A:\n    exists = 3",
    ]
)
HEADS = st.sampled_from(
    ["", "#!/bin/python\n", '"""Doc."""\n', "# -*- coding: utf-8 -*-\n\n", '"""Doc\n"""; A = 1\n']
)
FUTURE = st.sampled_from(["", "from __future__ import annotations\n"])


@settings(max_examples=300, deadline=None)
@given(
    HEADS,
    FUTURE,
    st.lists(LINES, max_size=9),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.lists(st.sampled_from([EXISTS, Import("asyncio"), SUPPORT]), min_size=1, unique=True),
)
def test_any_file_gets_its_imports(
    head: str, future: str, lines: list[str], eol: str, imports: list[Import]
) -> None:
    """The result parses, binds each name before its use, and adds lines only."""
    text = (head + future if "; A" not in head else head) + "\n".join(lines)
    text = text.replace("\n", eol)
    module = module_of(text)
    edits = plan_imports(module, imports)
    assert not isinstance(edits, Refusal)
    after = splice(text, edits)

    tree = ast.parse(after)
    assert all(edit.start == edit.end for edit in edits)
    assert ast.get_docstring(tree) == ast.get_docstring(module.tree)
    assert plan_imports(module_of(after), imports) == ()
    if EXISTS in imports:
        _before_use(tree)
    if eol in text:
        assert after.count("\n") + after.count("\r") == after.count(eol) * len(eol)


def _before_use(tree: ast.Module) -> None:
    bound = [
        (node.lineno, node.col_offset)
        for node in tree.body
        if isinstance(node, ast.ImportFrom) and "exists" in [a.name for a in node.names]
    ]
    used = [
        (node.lineno, node.col_offset)
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node.id == "exists" and isinstance(node.ctx, ast.Load)
    ]
    assert len(bound) == 1
    assert all(bound[0] < place for place in used)
