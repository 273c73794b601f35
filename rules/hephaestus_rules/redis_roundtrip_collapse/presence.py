"""``exists`` before ``get``: one ``get`` answers both questions."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.kit.expressions import comments_in
from hephaestus_codemods.kit.names import fresh_name
from hephaestus_codemods.kit.statements import delete_statement, insert_before
from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import (
    CannotEdit,
    Change,
    Edit,
    Established,
    Finding,
    Precondition,
    Refusal,
    refuse,
)
from hephaestus_rules.redis_roundtrip_collapse.commands import (
    SAME_KEY,
    Command,
    Held,
    about_the_same,
    command_of,
    held,
    key_refusal,
    needed,
)
from hephaestus_rules.redis_roundtrip_collapse.keys import names_in
from hephaestus_rules.redis_roundtrip_collapse.sequences import beyond_quiet, ends
from hephaestus_rules.redis_roundtrip_collapse.visibility import is_seen_when_missing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from hephaestus_codemods.project.module import Module

MESSAGE: Final = "get answers None for a missing key: exists is a round trip that can go"
TYPE: Final = Precondition(
    "a key of another type fails in get, as before", Established.PROVED, "get stays"
)
#: Comparisons that ask a number of keys whether it is zero: True when they ask for none.
ZERO: Final = {
    (ast.Gt, 0): False,
    (ast.NotEq, 0): False,
    (ast.GtE, 1): False,
    (ast.Eq, 1): False,
    (ast.Eq, 0): True,
    (ast.Lt, 1): True,
}


@dataclass(frozen=True)
class Question:
    """A test that asks whether a key exists, or, when *negated*, whether it is missing."""

    test: ast.expr
    command: Command
    negated: bool


def question_of(module: Module, test: ast.expr) -> Question | None:
    """Return *test* as a question for the existence of one key, or None."""
    asked, negated = test, False
    if isinstance(asked, ast.UnaryOp) and isinstance(asked.op, ast.Not):
        asked, negated = asked.operand, True
    match asked:
        case ast.Compare(left=left, ops=[op], comparators=[ast.Constant(value=int(number))]):
            if (type(op), number) not in ZERO:
                return None
            asked, negated = left, negated != ZERO[type(op), number]
        case ast.Call(args=[inner], keywords=[]):
            if module.qualified_name(asked.func) == "builtins.bool":
                asked = inner
    command = command_of(module, asked, "exists")
    if command is None or command.size != 1 or command.key is None:
        return None
    return Question(test, command, negated)


# --- As a statement ---


def find_presence(module: Module, block: Sequence[ast.stmt], at: int) -> Iterator[Finding]:
    """Yield ``if exists: get`` and ``if not exists: return`` with a ``get`` behind it."""
    test = block[at]
    question = question_of(module, test.test) if isinstance(test, ast.If) else None
    if not isinstance(test, ast.If) or question is None:
        return
    behind = block[at + 1] if at + 1 < len(block) else None
    place = _place(module, question, test, block[at + 1 :])
    if place is None:
        return
    read = held(module, place, "get")
    get = _only_get(module, place, question.command)
    if read is not None and read.name and about_the_same(question.command, read.command):
        change = partial(_hoisted, module, test, question, read)
        refusal = _refusal(module, test, question, read)
        if refusal is None and not question.negated and test.body == [place]:
            change = partial(_alone, module, block, at, question, read)
    elif get is not None:
        refusal = _refusal(module, test, question, None)
        change = partial(_named, module, test, question, get)
        if _gives_none(question, test, behind, get):
            change = partial(_returned, module, test, question, get, behind)
    else:
        return
    if refusal is not None:
        yield refuse(question.command.call, refusal.code, refusal.message)
        return
    unseen = Precondition("a missing key is seen as such, and only so", Established.PROVED)
    known = (SAME_KEY, TYPE, unseen)
    yield Finding(question.command.call, MESSAGE, preconditions=known, change=change)


def _place(
    module: Module, question: Question, test: ast.If, rest: Sequence[ast.stmt]
) -> ast.stmt | None:
    """Return the statement that runs first when the key is there; lines that log do not count."""
    if question.negated and (not ends(test.body) or test.orelse):
        return None
    block = rest if question.negated else test.body
    index, bound = beyond_quiet(module, block, 0)
    if index == len(block):
        return None
    place = block[index]
    logged = names_in(*block[:index])
    is_named = isinstance(place, ast.Assign) and not logged.isdisjoint(names_in(*place.targets))
    return None if is_named or not bound.isdisjoint(names_in(place)) else place


def _refusal(module: Module, test: ast.If, question: Question, read: Held | None) -> Refusal | None:
    if module.source.segment(test).startswith("elif"):
        return Refusal("elif", "the get would have to run before the conditions above")
    if read is not None and is_seen_when_missing(module, test, read):
        message = f"{read.name} would be None where it is unbound, or keeps an earlier value, today"
        return Refusal("name-used-elsewhere", message)
    return key_refusal(module, question.command)


def _hoisted(module: Module, test: ast.If, question: Question, read: Held) -> Change:
    """Put the ``get`` above the ``if``, which asks for its value."""
    comparison = "is None" if question.negated else "is not None"
    text = unindented(module, read.statement)
    return Change(
        (
            *needed(insert_before(module, test, text)),
            Edit(*module.source.span(question.test), f"{read.name} {comparison}"),
            *needed(delete_statement(module, read.statement)),
        )
    )


def unindented(module: Module, statement: ast.stmt) -> str:
    """Return the text of *statement* as it is written at the start of a line."""
    source = module.source
    indent = source.indent(source.span(statement)[0])
    first, *rest = LINE_END.split(source.segment(statement))
    return "\n".join((first, *(line.removeprefix(indent) for line in rest)))


def _alone(
    module: Module, block: Sequence[ast.stmt], at: int, question: Question, read: Held
) -> Change:
    """Leave of ``if exists: v = get(k)`` the ``get``, and turn its ``else`` around."""
    test = block[at]
    assert isinstance(test, ast.If)
    source = module.source
    start, end = source.span(test)
    newline = source.newline(start) + source.indent(start)
    text = newline.join(LINE_END.split(unindented(module, read.statement)))
    stop = source.span(test.orelse[0])[0] if test.orelse else end
    if comments_in(module, start, stop) or "#" in source.text[start:stop]:
        raise CannotEdit("a comment stands where code would go")
    if not test.orelse:
        return Change((Edit(start, end, text), *_without_default(module, block, at, read)))
    if not source.text[source.span(read.statement)[1] : stop].strip().startswith("else"):
        raise CannotEdit("an elif follows: the get would have to run before its condition")
    head = source.text.rindex(":", start, stop) + 1
    return Change((Edit(start, head, f"{text}{newline}if {read.name} is None:"),))


def _without_default(
    module: Module, block: Sequence[ast.stmt], at: int, read: Held
) -> tuple[Edit, ...]:
    """Return the deletion of ``v = None`` directly above, which ``get`` answers itself."""
    match block[at - 1] if at else None:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Constant(value=None)) as default:
            if name == read.name:
                return needed(delete_statement(module, default))
    return ()


def _only_get(module: Module, statement: ast.stmt, command: Command) -> Command | None:
    """Return the one ``get`` of the key in a simple statement that evaluates it first."""
    if not isinstance(statement, ast.Return | ast.Assign | ast.Expr):
        return None
    asked = (
        command_of(module, node, "get")
        for node in ast.walk(statement)
        if isinstance(node, ast.expr)
    )
    found = [one for one in asked if one is not None and about_the_same(command, one)]
    if len(found) != 1 or found[0].size != 1:
        return None
    return found[0] if _runs_first(module, statement, found[0]) else None


#: What evaluates its parts later, several times, or not at all; or where no edit can reach.
LATE: Final = (
    *(ast.BoolOp, ast.IfExp, ast.Lambda, ast.comprehension, ast.NamedExpr),
    *(ast.JoinedStr, ast.Yield, ast.YieldFrom),
)


def _runs_first(module: Module, statement: ast.stmt, get: Command) -> bool:
    """Say whether the ``get`` surely runs, and every other call of the statement after it."""
    inside = {id(one) for one in ast.walk(get.whole)}
    others = [one for one in ast.walk(statement) if id(one) not in inside]
    around = {id(one) for one in module.ancestors(get.whole)}
    end = module.source.span(get.whole)[1]
    return not any(isinstance(one, LATE) for one in others) and all(
        id(one) in around or module.source.span(one)[0] >= end
        for one in others
        if isinstance(one, ast.Call | ast.Await | ast.Subscript)
    )


def _named(module: Module, test: ast.If, question: Question, get: Command) -> Change:
    """Give the value a name above the ``if``."""
    name = fresh_name(module, "cached", test)
    comparison = "is None" if question.negated else "is not None"
    text = f"{name} = {module.source.segment(get.whole)}"
    return Change(
        (
            *needed(insert_before(module, test, text)),
            Edit(*module.source.span(question.test), f"{name} {comparison}"),
            Edit(*module.source.span(get.whole), name),
        )
    )


def _gives_none(question: Question, test: ast.If, behind: ast.stmt | None, get: Command) -> bool:
    """Say whether the key's value is returned, and None when there is none."""
    inside = test.body if not test.orelse else []
    first, second = (inside, [behind]) if not question.negated else ([behind], inside)
    match first, second:
        case [ast.Return(value=value)], [ast.Return(value=None | ast.Constant(value=None))]:
            return value is get.whole
    return False


def _returned(
    module: Module, test: ast.If, question: Question, get: Command, behind: ast.stmt | None
) -> Change:
    """Leave only ``return get(k)``."""
    assert behind is not None
    if question.negated:
        return Change(needed(delete_statement(module, test)))
    start, end = module.source.span(test)
    if comments_in(module, start, end):
        raise CannotEdit("a comment stands where code would go")
    newline = module.source.newline(start) + module.source.indent(start)
    text = newline.join(LINE_END.split(unindented(module, test.body[0])))
    return Change((Edit(start, end, text), *needed(delete_statement(module, behind))))


# --- As an expression ---


def find_choice(module: Module, node: ast.IfExp) -> Iterator[Finding]:
    """Yield ``get(k) if exists(k) else other``."""
    question = question_of(module, node.test)
    if question is None or question.negated:
        return
    get = command_of(module, node.body, "get")
    if get is None or get.size != 1 or not about_the_same(question.command, get):
        return
    gives_none = isinstance(node.orelse, ast.Constant) and node.orelse.value is None
    refusal = key_refusal(module, question.command)
    if refusal is None and not gives_none and not _can_bind(module, node):
        refusal = Refusal("no-place-for-a-name", "the value cannot be given a name here")
    if refusal is not None:
        yield refuse(question.command.call, refusal.code, refusal.message)
        return
    change = partial(_chosen, module, node, get, gives_none=gives_none)
    yield Finding(question.command.call, MESSAGE, preconditions=(SAME_KEY, TYPE), change=change)


def _can_bind(module: Module, node: ast.IfExp) -> bool:
    """Say whether ``:=`` at *node* binds a variable of the function around it."""
    scope = module.scopes.scope(node)
    return isinstance(scope, ast.FunctionDef | ast.AsyncFunctionDef)


def _chosen(module: Module, node: ast.IfExp, get: Command, *, gives_none: bool) -> Change:
    source = module.source
    start, end = source.span(node)
    if comments_in(module, start, end):
        raise CannotEdit("a comment stands where code would go")
    if gives_none:
        return Change((Edit(source.span(node.body)[1], end, ""),))
    name = fresh_name(module, "cached", node)
    question = f"({name} := {source.segment(get.whole)}) is not None"
    return Change((Edit(*source.span(get.whole), name), Edit(*source.span(node.test), question)))
