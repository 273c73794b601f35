"""What a call in a loop does, through all functions of the project that it runs."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from hephaestus_codemods.project.callgraph import argument_for, resolve
from hephaestus_codemods.project.effects import Effect, EffectKind
from hephaestus_codemods.project.effects.own import of_callee
from hephaestus_codemods.project.effects.summary import summary_of
from hephaestus_codemods.project.queries import SESSIONS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.project.values import Function

#: Methods that people give to objects which write themselves: ``user.save()``.
WRITING: Final = frozenset(
    "save delete destroy commit flush rollback refresh create insert upsert persist execute "
    "add_all bulk_create bulk_update merge store".split()
)
#: Libraries whose base classes the project derives its own from.
ORMS: Final = ("sqlalchemy.orm.Declarative", "sqlmodel.SQLModel", "flask_sqlalchemy.Model")
#: Methods of plain values, collections, loggers and data classes of whatever class.
PLAIN: Final = frozenset(
    """items keys values get count index union difference intersection issubset issuperset copy
    lower upper title strip lstrip rstrip split rsplit splitlines join format replace startswith
    endswith removeprefix removesuffix encode decode capitalize casefold isdigit isalpha zfill
    find partition rpartition hex isoformat strftime timestamp date time total_seconds astimezone
    weekday quantize as_tuple is_integer bit_length dict json to_dict to_json as_dict asdict
    model_dump model_dump_json model_copy model_validate model_construct parse_obj from_orm
    from_dict from_model validate construct serialize dump dumps _asdict _replace
    debug info warning warn error exception critical log adebug ainfo awarning aerror aexception
    match search fullmatch group groups groupdict sub findall
    is_ is_not isnot in_ not_in notin_ asc desc label like ilike contains has op between
    put_nowait delay apply_async send_task enqueue enqueue_job publish""".split()
) | {"append", "appendleft", "extend", "setdefault", "pop", "popitem", "popleft", "discard", "sort"}


def unknown_in(module: Module, call: ast.Call) -> str | None:
    """Return what *call* runs that is not known and may write, or None.

    A library knows nothing of the project's tables unless it is given a session, or an object of a
    mapped class. What a function of the project calls counts when its name says that it writes.
    """
    found, name = resolve(module, call), " ".join(ast.unparse(call.func).split())
    if found.unknown is not None and not _is_plain(call):
        return name
    given = [*call.args, *(one.value for one in call.keywords)]
    gets_session = any(module.kind(one) in SESSIONS for one in given)
    if gets_session and (found.unknown is not None or found.libraries):
        return name
    for library in found.libraries:
        # An object that is known to be mapped, but not to have this method of its own.
        if library.startswith(ORMS) and library.rpartition(".")[2] in WRITING:
            return name
    for effect in effects_of(module, call):
        is_unknown = effect.kind is EffectKind.UNKNOWN and effect.far > 0
        if is_unknown and effect.runs.rpartition(".")[2] in WRITING:
            return effect.runs
    return None


def _is_plain(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Attribute) and call.func.attr in PLAIN


def effects_of(module: Module, call: ast.Call) -> Iterator[Effect]:
    """Yield all that *call* itself does; what is passed to it is not looked at."""
    found = resolve(module, call)
    yield from of_callee(module, found)
    for function in found.functions:
        for effect in summary_of(function).effects:
            yield Effect(
                effect.kind,
                effect.what,
                effect.runs,
                effect.place,
                effect.chain,
                effect.far + 1,
                effect.root,
            )


def changed_by(module: Module, call: ast.Call) -> Iterator[str]:
    """Yield the objects, as they are written here, that the functions *call* runs change."""
    for function in resolve(module, call).functions:
        for effect in summary_of(function).of(EffectKind.MUTATES):
            text = _here(module, call, function, effect)
            if text is not None:
                yield text


def _here(module: Module, call: ast.Call, function: Function, effect: Effect) -> str | None:
    root = effect.root
    if root is None or root.scope is not function.node:
        return None
    given = argument_for(module, function, root.name, call)
    if given is None:
        return None
    return ast.unparse(given) + effect.what.removeprefix(root.name)
