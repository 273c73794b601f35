"""The settings of a run: what users, targets and the command line say, merged and checked.

Later speakers win: the user's own file, then the target's, then the file and the options that the
command line names. A target is data of somebody we do not know (S2): it chooses among installed
rules, narrows paths and sets options within their limits; it never widens what may be written.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from fnmatch import fnmatchcase
from functools import cached_property
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Final

from hephaestus_codemods.config import ignore
from hephaestus_codemods.config.keys import Shape, Wrong, key, option_from_text, read, read_option
from hephaestus_codemods.config.layers import Layer, Who, named_layer, target_layer, user_layer
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.safety import Safety

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from pathlib import Path

    from hephaestus_codemods.config.ignore import Pattern
    from hephaestus_codemods.config.keys import Key
    from hephaestus_codemods.registry import Catalogue
    from hephaestus_codemods.rule import Option, Options, Rule, Scalar

#: Keys whose values are patterns of paths, relative to the folder of their file.
PATHS: Final = frozenset({"include", "exclude", "extend-exclude"})
DEFAULT: Final = "default"


@dataclass(frozen=True)
class Said:
    """What the command line says about settings; *sets* are ``RULE.OPTION=VALUE``."""

    config: Path | None = None
    isolated: bool = False
    exclude: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    packs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Settings:
    """What holds for a run; *origins* says for each key who set it."""

    target_version: str | None = key(
        "The oldest Python that the code runs on; without it the manifests say.", Shape.VERSION
    )
    select: tuple[str, ...] = key(
        "Rules that run when the command line chooses none; names or patterns.", Shape.WORDS, tuple
    )
    ignore: tuple[str, ...] = key(
        "Rules that do not run unless the command line names them.", Shape.WORDS, tuple
    )
    per_file_ignores: Mapping[str, tuple[str, ...]] = key(
        "For patterns of paths, rules that leave these files alone.", Shape.TABLE, dict
    )
    include: tuple[str, ...] = key(
        "Search these files only; a pattern that ends with .pyi brings stubs in.",
        Shape.WORDS,
        tuple,
    )
    exclude: tuple[str, ...] = key("Files and folders that are left out.", Shape.WORDS, tuple)
    extend_exclude: tuple[str, ...] = key(
        "More files and folders that are left out; adds up over configurations.",
        Shape.WORDS,
        tuple,
        adds_up=True,
    )
    safety: Safety = key(
        "The least safe class that rules chosen by task, --all or select may write.",
        Shape.SAFETY,
        lambda: Safety.SAFE,
        users_only=True,
    )
    packs: tuple[str, ...] = key(
        "Third-party rule packs that tasks, --all and select reach.",
        Shape.WORDS,
        tuple,
        users_only=True,
        adds_up=True,
    )
    jobs: int | None = key(
        "Worker processes; without it one for each processor.", Shape.NUMBER, minimum=1, maximum=64
    )
    rules: Mapping[str, Mapping[str, object]] = key(
        "Options of rules, each rule in a table of its own.", Shape.RULES, dict
    )
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    layers: tuple[Layer, ...] = field(default=(), compare=False)
    sets: tuple[str, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = ()

    @property
    def oldest_minor(self) -> int | None:
        """The minor version of the oldest Python 3 that the settings name."""
        return int(self.target_version.partition(".")[2]) if self.target_version else None

    @cached_property
    def _ignores(self) -> tuple[tuple[tuple[Pattern, ...], tuple[str, ...]], ...]:
        return tuple(
            (ignore.patterns((glob,)), rules) for glob, rules in self.per_file_ignores.items()
        )

    def ignored_rules(self, path: str, rules: Collection[str]) -> frozenset[str]:
        """Return those of *rules* that leave the file *path* alone."""
        named = [
            one for globs, names in self._ignores if ignore.covers(globs, path) for one in names
        ]
        return frozenset(rule for rule in rules if any(fnmatchcase(rule, one) for one in named))

    def options(self, rules: Iterable[Rule]) -> dict[str, Options]:
        """Return all options of *rules* as they hold; raise UsageError where one is set wrongly."""
        found: dict[str, Options] = {}
        for rule in rules:
            known = {option.name: option for option in rule.options}
            chosen = {option.name: option.default for option in rule.options}
            chosen |= dict(self._from_layers(rule.name, known))
            found[rule.name] = MappingProxyType(chosen | self._from_sets(rule.name, known))
        return found

    def option_origin(self, rule: str, option: str) -> str | None:
        """Say who set an option of a rule last; None when nobody did."""
        if any(split_set(one)[:2] == (rule, option) for one in self.sets):
            return str(Who.COMMAND)
        speakers = (one for one in reversed(self.layers) if one.sets("rules", rule, option))
        return next((one.origin for one in speakers), None)

    def _from_layers(self, rule: str, known: Mapping[str, Option]) -> Iterator[tuple[str, Scalar]]:
        for layer in self.layers:
            table = layer.table.get("rules")
            options = table.get(rule) if isinstance(table, dict) else None
            for name, value in (options or {}).items():
                where = layer.where("rules", rule, name)
                option = _option(known, rule, name, where)
                try:
                    yield name, read_option(option, value, from_target=layer.who is Who.TARGET)
                except Wrong as wrong:
                    raise UsageError(f"{where} must be {wrong}") from wrong

    def _from_sets(self, rule: str, known: Mapping[str, Option]) -> dict[str, Scalar]:
        found: dict[str, Scalar] = {}
        for one in self.sets:
            named, name, text = split_set(one)
            if named != rule:
                continue
            option = _option(known, rule, name, f"--set {one}")
            try:
                value = option_from_text(option, text)
                found[name] = read_option(option, value, from_target=False)
            except Wrong as wrong:
                raise UsageError(f"--set {rule}.{name} must be {wrong}") from wrong
        return found


def keys() -> dict[str, Key]:
    """Return what a configuration may hold, by the name that users write."""
    return {
        one.name.replace("_", "-"): one.metadata["key"]
        for one in fields(Settings)
        if "key" in one.metadata
    }


def load_settings(
    root: Path, start: Path, said: Said, catalogue: Catalogue, environ: Mapping[str, str]
) -> Settings:
    """Read and merge all that speaks about a run in *root* that begins at *start*."""
    layers, notes = _layers(root, start, said, environ)
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for layer in layers:
        for name, value in _checked(layer).items():
            declared = keys()[name]
            before = values.get(name)
            values[name] = value if before is None else _merged(declared, before, value)
            origins[name] = layer.origin
    if said.exclude:
        values["extend-exclude"] = (*values.get("extend-exclude", ()), *said.exclude)
        origins["extend-exclude"] = str(Who.COMMAND)
    settings = Settings(
        **{name.replace("-", "_"): value for name, value in values.items()},
        origins=origins,
        layers=layers,
        sets=said.sets,
        notes=notes,
    )
    return _with_rules(settings, catalogue, said.packs)


def _merged(declared: Key, before: Any, value: Any) -> Any:
    """Return what holds of a key when a later speaker says *value*."""
    if declared.shape is Shape.RULES:
        return before | {rule: before.get(rule, {}) | own for rule, own in value.items()}
    return (*before, *value) if declared.adds_up else value


def _layers(
    root: Path, start: Path, said: Said, environ: Mapping[str, str]
) -> tuple[tuple[Layer, ...], tuple[str, ...]]:
    """Return who speaks, the least important first, and notes about who may not."""
    if said.isolated and said.config is not None:
        raise UsageError("--isolated ignores all configuration: it cannot go with --config")
    if said.isolated:
        return (), ()
    notes: tuple[str, ...] = ()
    own = user_layer(environ)
    if said.config is not None:
        near: Layer | None = named_layer(said.config)
    else:
        near, notes = target_layer(root, start)
    return tuple(layer for layer in (own, near) if layer is not None), notes


def _checked(layer: Layer) -> dict[str, Any]:
    """Return the values of *layer*, each what its key wants; raise UsageError for others."""
    known = keys()
    found: dict[str, Any] = {}
    for name, value in layer.table.items():
        declared = known.get(name)
        if declared is None:
            raise UsageError(f"{layer.where(name)} is no setting{guess(name, known)}")
        if declared.users_only and layer.who is Who.TARGET:
            raise UsageError(
                f"{layer.where(name)} counts only on the command line or in your own "
                "configuration: a project cannot decide it"
            )
        try:
            taken: Any = read(declared, value)
        except Wrong as wrong:
            raise UsageError(f"{layer.where(name)} must be {wrong}") from wrong
        found[name] = _placed(name, taken, layer.inside)
    return found


def _placed(name: str, value: Any, inside: str) -> Any:
    """Let patterns of paths speak of the folder of their file."""
    if not inside:
        return value
    if name in PATHS:
        return tuple(ignore.below(inside, one) for one in value)
    if name == "per-file-ignores":
        return {ignore.below(inside, glob): rules for glob, rules in value.items()}
    return value


def _with_rules(settings: Settings, catalogue: Catalogue, packs: Collection[str]) -> Settings:
    """Turn patterns of rules into names; raise UsageError for one that means no rule."""
    reach = (*settings.packs, *packs)
    for name in settings.rules:
        if name not in catalogue.rules:
            where = _where(settings, "rules", name)
            raise UsageError(f"{where}: there is no rule {name!r}{catalogue.guess(name)}")
    for one in settings.sets:
        catalogue.named(split_set(one)[0])
    values = {one.name: getattr(settings, one.name) for one in fields(Settings)}
    for name in ("select", "ignore"):
        found = {
            rule
            for one in values[name]
            for rule in _matching(settings, name, one, catalogue, reach)
        }
        values[name] = tuple(sorted(found))
    for names in settings.per_file_ignores.values():
        for one in names:
            _matching(settings, "per-file-ignores", one, catalogue, reach)
    return Settings(**values)


def _matching(
    settings: Settings, name: str, pattern: str, catalogue: Catalogue, packs: Collection[str]
) -> tuple[str, ...]:
    try:
        return catalogue.matching(pattern, packs)
    except UsageError as error:
        raise UsageError(f"{_where(settings, name)}: {error}") from error


def _where(settings: Settings, *names: str) -> str:
    """Return the place of a key in the last configuration that sets it."""
    return next(one for one in reversed(settings.layers) if one.sets(*names)).where(*names)


def _option(known: Mapping[str, Option], rule: str, name: str, where: str) -> Option:
    if name in known:
        return known[name]
    has = f"it has {', '.join(known)}" if known else "it has none"
    raise UsageError(f"{where}: {rule} has no option {name!r}{guess(name, known)}; {has}")


def split_set(text: str) -> tuple[str, str, str]:
    """Return rule, option and value of ``RULE.OPTION=VALUE``; raise UsageError for other texts."""
    where, equals, value = text.partition("=")
    rule, dot, name = where.partition(".")
    if not (equals and dot and rule and name):
        raise UsageError(f"--set takes RULE.OPTION=VALUE, not {text!r}")
    return rule.strip(), name.strip(), value


def guess(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant instead of *name*, as the end of a sentence."""
    import difflib  # noqa: PLC0415  # only for the mistake

    near = difflib.get_close_matches(name.replace("_", "-"), list(known), 1)
    return f". Did you mean {near[0]!r}?" if near else ""
