"""Expressions as text that can stand elsewhere, and what may be assumed about their values."""

from __future__ import annotations

import ast
import io
import tokenize
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from hephaestus_codemods.project.source import LINE_END
from hephaestus_codemods.rule import CannotEdit, Edit

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module

#: Expressions that bind as tightly as a name does.
ATOMS = (
    ast.Name,
    ast.Attribute,
    ast.Call,
    ast.Subscript,
    ast.List,
    ast.Dict,
    ast.Set,
    ast.ListComp,
    ast.SetComp,
    ast.DictComp,
    ast.GeneratorExp,
    ast.JoinedStr,
)


class Where(StrEnum):
    """The place that an expression's text is put into: it decides about parentheses."""

    ARGUMENT = "argument"
    """Inside brackets, between commas."""

    VALUE = "value"
    """After ``=``, ``return`` or ``in``, up to the end of the line or a colon."""

    OPERAND = "operand"
    """Beside an operator, or before ``.``, ``(`` or ``[``."""


@dataclass(frozen=True, slots=True)
class Token:
    """A token of the file, at character offsets of its text."""

    type: int
    text: str
    start: int
    end: int


def tokens_in(module: Module, start: int, end: int) -> tuple[Token, ...] | None:
    """Return the tokens of the span, comments included; None when it cannot be tokenized.

    The span holds whole statements or expressions, so that its brackets are balanced.
    """
    try:
        return tuple(_tokens(module.source.text[start:end], start))
    except (tokenize.TokenError, SyntaxError):
        return None


def _tokens(text: str, shift: int) -> Iterator[Token]:
    # Brackets around it make line ends and indents of the span mean nothing.
    wrapped = f"({text}\n)"
    starts = [0, *(found.end() for found in LINE_END.finditer(wrapped))]
    stop = len(wrapped) - 2
    for token in tokenize.generate_tokens(io.StringIO(wrapped, newline="").readline):
        if token.type in (tokenize.NL, tokenize.NEWLINE, tokenize.ENDMARKER):
            continue
        begin = starts[token.start[0] - 1] + token.start[1]
        end = starts[token.end[0] - 1] + token.end[1]
        if 0 < begin < stop:
            yield Token(token.type, token.string, begin - 1 + shift, end - 1 + shift)


def comments_in(module: Module, start: int, end: int) -> tuple[str, ...]:
    """Return the comments in the span; an edit that would delete one is refused by rules.

    Where the span cannot be tokenized, all that could be a comment is one.
    """
    text = module.source.text[start:end]
    if "#" not in text:
        return ()
    found = tokens_in(module, start, end)
    if found is None:
        return tuple(line[line.index("#") :] for line in LINE_END.split(text) if "#" in line)
    return tuple(token.text for token in found if token.type == tokenize.COMMENT)


def text_of(module: Module, node: ast.expr, where: Where = Where.ARGUMENT) -> str:
    """Return the text of *node*, in parentheses when it needs them at the place *where*."""
    text = module.source.segment(node)
    return f"({text})" if _needs_parentheses(node, text, where) else text


def flat_text_of(module: Module, node: ast.AST, where: Where = Where.ARGUMENT) -> str:
    """Return the text of *node* on one line, in parentheses when it needs them.

    Raise CannotEdit when a comment or a string that runs over lines makes that impossible.
    """
    text = module.source.segment(node)
    if LINE_END.search(text):
        text = _flat(module, node)
    if isinstance(node, ast.expr) and _needs_parentheses(node, text, where):
        return f"({text})"
    return text


def _flat(module: Module, node: ast.AST) -> str:
    """Return the text of *node* on one line, as a formatter would join its lines."""
    tokens = tokens_in(module, *module.source.span(node)) or ()
    if any(one.type == tokenize.COMMENT or LINE_END.search(one.text) for one in tokens):
        raise CannotEdit("what would be moved does not fit on one line")
    text = ""
    for number, token in enumerate(tokens):
        gap = module.source.text[tokens[number - 1].end : token.start] if number else ""
        if LINE_END.search(gap):
            joined = text.endswith(("(", "[", "{")) or token.text in (")", "]", "}", ".")
            gap = "" if joined else " "
            if token.text in (")", "]", "}") and text.endswith(","):
                text = text[:-1]
        text += gap + token.text
    parsed = ast.parse(f"_({text})", mode="eval").body
    assert isinstance(parsed, ast.Call)
    given = [*parsed.args, *parsed.keywords]
    if len(given) != 1 or not same_expression(given[0], node):
        raise CannotEdit("what would be moved is not understood on one line")
    return text


def _needs_parentheses(node: ast.expr, text: str, where: Where) -> bool:
    if isinstance(node, ast.NamedExpr | ast.Yield | ast.YieldFrom):
        return True
    if isinstance(node, ast.Tuple) and not _is_whole(node, text):
        return True
    if where is Where.ARGUMENT:
        return False
    return not _is_whole(node, text) or (where is Where.OPERAND and not _is_atom(node))


def _is_whole(node: ast.expr, text: str) -> bool:
    """Say whether *text* is *node* on its own: no line of it ends outside brackets."""
    if isinstance(node, ast.Tuple):
        if not text.startswith("("):
            return False
        text = f"{text}.x"  # binds to the last item only, unless the brackets are the tuple's own
    try:
        parsed = ast.parse(f"_ = {text}").body
    except SyntaxError:
        return False
    value = getattr(parsed[0], "value", None)
    if isinstance(node, ast.Tuple):
        value = getattr(value, "value", None)
    return len(parsed) == 1 and value is not None and same_expression(value, node)


def _is_atom(node: ast.expr) -> bool:
    if isinstance(node, ast.Constant):
        return not isinstance(node.value, int | float | complex) or isinstance(node.value, bool)
    return isinstance(node, (*ATOMS, ast.Tuple))


def wrap(
    module: Module, node: ast.expr, before: str, after: str, where: Where = Where.ARGUMENT
) -> tuple[Edit, ...]:
    """Return the insertions that put *before* and *after* around *node*.

    *where* says what *before* and *after* make of the place of *node*: ``len(`` and ``)`` an
    argument, `` | other`` an operand.
    """
    start, end = module.source.span(node)
    if isinstance(node, ast.GeneratorExp) and _is_bare(module, node):
        # The brackets of f(x for x in y) count as its own.
        return Edit(start + 1, start + 1, f"{before}("), Edit(end - 1, end - 1, f"){after}")
    if _needs_parentheses(node, module.source.segment(node), where):
        before, after = f"{before}(", f"){after}"
    edits = (Edit(start, start, before), Edit(end, end, after))
    return tuple(edit for edit in edits if edit.text)


def _is_bare(module: Module, node: ast.GeneratorExp) -> bool:
    """Say whether *node* shares the brackets of the call that it is the only argument of."""
    call = module.parents.get(node)
    return isinstance(call, ast.Call) and module.source.span(call)[1] == module.source.span(node)[1]


def is_pure(module: Module, node: ast.expr) -> bool:
    """Say whether *node* can be evaluated twice, or not at all, and nobody notices.

    True for constants (also signed), names, and tuples of these; an attribute counts only
    when it is reached through an import (``settings.URL``, ``models.User.id``), since elsewhere it
    may be a property or load rows. Calls, subscripts, operators and f-strings run code of others:
    False. The caller checks that no name is bound again between two evaluations.
    """
    match node:
        case ast.Constant() | ast.Name():
            return True
        case ast.Tuple():
            return all(is_pure(module, one) for one in node.elts)
        case ast.UnaryOp(operand=ast.Constant()):
            return True
        case ast.Attribute():
            return module.qualified_name(node) is not None
    return False


def same_expression(one: ast.AST, other: ast.AST) -> bool:
    """Say whether two expressions read the same, whatever their layout."""
    return ast.dump(one) == ast.dump(other)
