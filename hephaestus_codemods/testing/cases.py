"""The case format: a rule's README is its documentation and its test.

A heading is the title of the case below it; a sentence in the present says it best.

======================================== =====================================================
in the README                            means
======================================== =====================================================
``diff`` block with full context         a rewrite: without the ``+`` lines it is the input,
                                         without the ``-`` lines the expected output
``py`` block                             code that the rule leaves alone
a line ```app/db.py`:`` before a block   the path of the file; all blocks under one heading then
                                         make one case of several files
any other language with such a path      a further file of the project (``Dockerfile``, …)
``toml`` block without a path            options of the rule, for its section and those below it:
                                         ``pool-size = 20``, alone or under its full table name
``py check`` block                       assertions, run in the namespace of the case's first
                                         file: once for the input and once for the output
a line ``Refused: `code`.``              the rule finds a site here and refuses it with this code;
                                         several codes stand in the order of the sites
a line ``Safety: `review`.``             the class of the rewritten sites (several: in order)
======================================== =====================================================

Without a ``Refused:`` line a ``py`` block must give no finding at all, and a ``diff`` block none
besides those that are rewritten: what a page does not say, the rule does not do. A ``diff`` block
is rewritten up to class ``suggest``, as if the user had named the rule and asked for it.

A file without a path line is ``app/example.py`` in a package ``app``. Several blocks without a
path under one heading are several cases. In ``diff`` and ``py`` blocks an empty line may have lost
its leading space. Blocks of other languages without a path (``python``, ``sql``, ``text``) are
illustrations.

Each case is held to the promises of :mod:`hephaestus_codemods.testing.promises`.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.rule import Safety

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from hephaestus_codemods.rule import Scalar

DEFAULT_PATH = "app/example.py"
#: Makes ``app`` a package when the case names no path.
DEFAULT_PACKAGE = "app/__init__.py"

FENCE = re.compile(r"(`{3,})\s*(.*?)\s*")
HEADING = re.compile(r"(#+)\s+(.*?)\s*")
PATH_LINE = re.compile(r"`([^`]+)`:\s*")
CLAIM = re.compile(r"(Refused|Safety):\s+(`.*)")
CODE = re.compile(r"`([^`]+)`")


class CaseError(Exception):
    """A case does not hold, or cannot be read; *line* is where it stands in the README."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block: *language* is its whole info string, *line* the one of its first content."""

    language: str
    path: str | None
    text: str
    line: int

    @property
    def is_source(self) -> bool:
        """Say whether the block is Python that the rule looks at."""
        return self.language in ("diff", "py")


@dataclass(frozen=True, slots=True)
class CaseFile:
    """A Python file of a case; *after* equals *before* when the rule leaves it alone."""

    path: str
    before: str
    after: str
    line: int


@dataclass(frozen=True, slots=True)
class Check:
    """Assertions about what the code does, before and after alike."""

    text: str
    line: int


@dataclass(frozen=True)
class Case:
    """One thing that a page says about its rule."""

    title: str
    name: str
    line: int
    files: tuple[CaseFile, ...]
    others: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, Scalar] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    safety: tuple[Safety, ...] = ()
    check: Check | None = None

    @property
    def before(self) -> dict[str, bytes]:
        """Return the project as the rule finds it, path by path."""
        return self._project({file.path: file.before for file in self.files})

    @property
    def after(self) -> dict[str, bytes]:
        """Return the project as the rule has to leave it."""
        return self._project({file.path: file.after for file in self.files})

    @property
    def is_rewrite(self) -> bool:
        """Say whether the rule changes anything here."""
        return any(file.before != file.after for file in self.files)

    def _project(self, sources: Mapping[str, str]) -> dict[str, bytes]:
        package = {DEFAULT_PACKAGE: ""} if DEFAULT_PATH in sources else {}
        texts = {**package, **self.others, **sources}
        return {path: text.encode() for path, text in texts.items()}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of the page."""

    level: int
    title: str
    line: int


@dataclass
class Section:
    """What stands between a heading and the next one."""

    heading: Heading
    options: Mapping[str, Scalar]
    blocks: list[Block] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    safety: list[Safety] = field(default_factory=list)


def read_cases(text: str) -> tuple[Case, ...]:
    """Return the cases of a README, with names that differ from each other."""
    cases = [case for section in _sections(text) for case in _cases(section)]
    times = Counter(case.title for case in cases)
    seen: Counter[str] = Counter()
    named = []
    for case in cases:
        seen[case.title] += 1
        number = f" ({seen[case.title]})" if times[case.title] > 1 else ""
        named.append(replace(case, name=case.title + number))
    return tuple(named)


def read_headings(text: str) -> tuple[Heading, ...]:
    """Return the headings of a README, in their order."""
    return tuple(section.heading for section in _sections(text) if section.heading.level)


def blocks_of(text: str) -> tuple[Block, ...]:
    """Return all fenced blocks of a README, in their order."""
    return tuple(block for section in _sections(text) for block in section.blocks)


def split_diff(block: Block) -> tuple[str, str]:
    """Return the text before and after a ``diff`` block."""
    before: list[str] = []
    after: list[str] = []
    touched: list[list[str]] = []
    for number, line in enumerate(block.text.splitlines(keepends=True), block.line):
        mark, rest = line[:1], line[1:]
        if mark == "\\":
            for side in touched:
                side[-1] = side[-1].removesuffix("\n")
            continue
        if mark not in " +-\n":
            raise CaseError(number, f"a diff line starts with ' ', '+' or '-', not with {mark!r}")
        touched = [before] if mark == "-" else [after] if mark == "+" else [before, after]
        for side in touched:
            side.append(rest if mark != "\n" else "\n")
    return "".join(before), "".join(after)


def _sections(text: str) -> Iterator[Section]:
    """Yield the sections of a page; options reach down to the sections below."""
    above: list[Section] = [Section(Heading(0, "", 1), {})]
    fence, language, start, path = "", "", 0, None
    content: list[str] = []
    for number, line in enumerate(text.splitlines(keepends=True), 1):
        bare = line.rstrip("\n")
        if fence:
            if bare.strip() == fence:
                _add_block(above[-1], Block(language, path, "".join(content), start))
                fence, path = "", None
            else:
                content.append(line)
        elif opening := FENCE.fullmatch(bare):
            fence, language, start, content = opening[1], opening[2], number + 1, []
        elif heading := HEADING.fullmatch(bare):
            yield above[-1]
            level = len(heading[1])
            while above[-1].heading.level >= level:
                above.pop()
            above.append(Section(Heading(level, heading[2], number), dict(above[-1].options)))
        elif bare.strip():
            path = _add_line(above[-1], bare, number)
    if fence:
        raise CaseError(start - 1, "this block has no end")
    yield above[-1]


def _add_line(section: Section, line: str, number: int) -> str | None:
    """Note what a line of prose claims; return the path that it gives to the next block."""
    claim = CLAIM.match(line)
    if claim and claim[1] == "Refused":
        section.refused += CODE.findall(claim[2])
    elif claim:
        try:
            section.safety += [Safety(word) for word in CODE.findall(claim[2])]
        except ValueError as error:
            raise CaseError(number, f"{error}: use {', '.join(Safety)}") from error
    path = PATH_LINE.fullmatch(line)
    return path[1] if path else None


def _add_block(section: Section, block: Block) -> None:
    if block.language != "toml" or block.path is not None:
        section.blocks.append(block)
        return
    try:
        given = tomllib.loads(block.text)
    except tomllib.TOMLDecodeError as error:
        raise CaseError(block.line, f"these options cannot be read: {error}") from error
    if "tool" in given:
        rules = given["tool"].get("hcodemod", {}).get("rules", {})
        given = {name: value for options in rules.values() for name, value in options.items()}
    section.options = {**section.options, **given}


def _cases(section: Section) -> Iterator[Case]:
    """Yield the cases of one section."""
    sources = [block for block in section.blocks if block.is_source]
    if not sources:
        if section.refused or section.safety:
            raise CaseError(section.heading.line, "this section claims something about no code")
        return
    if not any(block.path for block in section.blocks):
        for source in sources:
            yield _case(section, [source])
        return
    if sum(block.path is None for block in sources) > 1:
        raise CaseError(
            section.heading.line, "name the path of each file, in a line such as `app/db.py`:"
        )
    yield _case(section, sources)


def _case(section: Section, sources: list[Block]) -> Case:
    checks = [block for block in section.blocks if block.language == "py check"]
    if len(checks) > 1:
        raise CaseError(checks[1].line, "a section has one `py check` block")
    title = section.heading.title
    return Case(
        title=title,
        name=title,
        line=sources[0].line,
        files=tuple(_file(block) for block in sources),
        others={
            block.path: block.text
            for block in section.blocks
            if block.path is not None and not block.is_source
        },
        options=section.options,
        refused=tuple(section.refused),
        safety=tuple(section.safety),
        check=Check(checks[0].text, checks[0].line) if checks else None,
    )


def _file(block: Block) -> CaseFile:
    path = block.path or DEFAULT_PATH
    if block.language == "py":
        return CaseFile(path, block.text, block.text, block.line)
    before, after = split_diff(block)
    if before == after:
        raise CaseError(block.line, "this diff changes nothing: use a `py` block")
    return CaseFile(path, before, after, block.line)
