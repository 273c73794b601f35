"""What every case of every rule is held to, whether its author thought of it or not.

For each case: the rule finds and refuses what the page says · the output is the expected one byte
for byte · it parses · a second run changes nothing · the recorded edits lead to it, touch no line
that they leave as it was, and taken back they restore every byte · no comment is lost · the same
file with Windows line endings and a byte order mark is rewritten the same way · a suppression
comment silences each site · a scan writes nothing and finds the same sites each time · the needles
do not hide a site · the assertions of ``py check`` hold before and after.
"""

from __future__ import annotations

import ast
import codecs
import difflib
import importlib
import io
import tokenize
from collections import Counter
from typing import TYPE_CHECKING

from hephaestus_codemods.engine.model import SiteStatus
from hephaestus_codemods.kit.layout import start_of
from hephaestus_codemods.patch.replay import replay
from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.source import decode
from hephaestus_codemods.testing.cases import CaseError
from hephaestus_codemods.testing.importing import importable
from hephaestus_codemods.testing.running import run_rule

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from hephaestus_codemods.engine.model import FileResult, Site
    from hephaestus_codemods.patch.model import Step
    from hephaestus_codemods.rule import Rule
    from hephaestus_codemods.testing.cases import Case, CaseFile
    from hephaestus_codemods.testing.running import Outcome

#: A site that could be written: the user's selection decides.
OPEN = (SiteStatus.APPLIED, SiteStatus.SUGGESTED, SiteStatus.CONFLICT)


def check_case(rule: Rule, case: Case) -> None:
    """Hold *case* to all promises; raise CaseError for the first one that is broken."""
    known = {option.name for option in rule.options}
    if unknown := sorted(case.options.keys() - known):
        raise CaseError(case.line, f"{rule.name} has no option {unknown[0]!r}")
    outcome = run_rule(rule, case.before, case.options)
    no_failure(rule, case, outcome)
    expected_output(rule, case, outcome)
    expected_sites(rule, case, outcome)
    parses(case, outcome)
    comments_kept(case, outcome)
    edits_are_honest(case, outcome)
    second_run_is_empty(rule, case, outcome)
    scan_writes_nothing(rule, case, outcome)
    needles_hide_nothing(rule, case, outcome)
    other_line_endings(rule, case)
    suppression_is_honoured(rule, case, outcome)
    if case.check is not None:
        check_holds(case, case.before, "before the rewrite")
        check_holds(case, outcome.files, "after the rewrite")


def no_failure(rule: Rule, case: Case, outcome: Outcome) -> None:
    """The engine could handle every file, and the rule did not raise."""
    for result in outcome.results:
        for failure in result.failures:
            raise CaseError(
                case.line, f"{rule.name} failed on {result.path}: {failure.code}: {failure.message}"
            )


def expected_output(rule: Rule, case: Case, outcome: Outcome) -> None:
    """The output is the expected one, byte for byte."""
    for file in case.files:
        got = outcome.files[file.path].decode()
        if got != file.after:
            raise CaseError(file.line, _difference(rule, file, got, outcome))
    for path, content in case.others.items():
        if outcome.files[path] != content.encode():
            raise CaseError(case.line, f"{rule.name} changed {path}, which is not shown as a diff")


def _difference(rule: Rule, file: CaseFile, got: str, outcome: Outcome) -> str:
    """Show what the README says and what the rule did, as lines that differ."""
    if got == file.before:
        refusals = [site.refusal for site in outcome.sites if site.refusal]
        why = "".join(f"\n  {one.code}: {one.message}" for one in refusals)
        return f"{rule.name} did not rewrite this case{why or ': it found nothing here'}"
    lines = difflib.unified_diff(
        file.after.splitlines(keepends=True), got.splitlines(keepends=True), n=0
    )
    changed = [line.rstrip("\n") for line in lines if not line.startswith(("---", "+++", "@@"))]
    verb = "rewrote this case differently" if file.before != file.after else "did not leave alone"
    return "\n".join(
        (f"{rule.name} {verb} ({file.path})", "--- README says", "+++ rule did", *changed)
    )


def expected_sites(rule: Rule, case: Case, outcome: Outcome) -> None:
    """Sites are refused, and classed, as the page says, and there are no others."""
    refused = tuple(s.refusal.code for s in outcome.with_status(SiteStatus.REFUSED) if s.refusal)
    if refused != case.refused:
        raise CaseError(
            case.line,
            f"{rule.name} refused {_listed(refused)}; the page says {_listed(case.refused)}. "
            "State it in a line such as: Refused: `code`.",
        )
    safety = tuple(site.safety for site in outcome.with_status(SiteStatus.APPLIED))
    if case.safety and safety != case.safety:
        raise CaseError(
            case.line,
            f"{rule.name} rewrote sites of class {_listed(safety)}; "
            f"the page says {_listed(case.safety)}",
        )
    for site in outcome.with_status(SiteStatus.CONFLICT, SiteStatus.SUGGESTED):
        raise CaseError(
            case.line, f"the site in line {site.line} was found but not rewritten: {site.refusal}"
        )


def _listed(codes: Iterable[str]) -> str:
    return ", ".join(f"`{code}`" for code in codes) or "nothing"


def parses(case: Case, outcome: Outcome) -> None:
    """The result is Python."""
    for file in case.files:
        try:
            ast.parse(outcome.files[file.path])
        except SyntaxError as error:
            raise CaseError(file.line, f"the result does not parse: {error}") from error


def comments_kept(case: Case, outcome: Outcome) -> None:
    """Every comment of the input is still there."""
    for file in case.files:
        lost = _comments(file.before) - _comments(outcome.files[file.path].decode())
        if lost:
            raise CaseError(file.line, f"this comment is lost: {next(iter(lost))}")


def _comments(text: str) -> Counter[str]:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return Counter(token.string for token in tokens if token.type == tokenize.COMMENT)


def edits_are_honest(case: Case, outcome: Outcome) -> None:
    """The recorded edits are the change: they lead there, they lead back, they cover no more."""
    for result in outcome.results:
        if result.after is None:
            continue
        _lead_there(case, result)
        owners = frozenset(o for step in result.steps for edit in step.edits for o in edit.owners)
        if replay(result.before, result.steps, owners) != result.before:
            raise CaseError(case.line, "taking back all sites does not restore the input")


def _lead_there(case: Case, result: FileResult) -> None:
    text = result.before
    for step in result.steps:
        for edit in step.edits:
            _covers_no_more(case, text[edit.start : edit.end], edit.new)
        text = _made(text, step)
    if text != result.after:
        raise CaseError(case.line, "bytes outside the recorded edits changed")


def _made(text: bytes, step: Step) -> bytes:
    """Make the edits of a step in the plainest way, so that no shared fault can hide."""
    for edit in sorted(step.edits, key=lambda edit: edit.start, reverse=True):
        text = text[: edit.start] + edit.new + text[edit.end :]
    return text


def _covers_no_more(case: Case, old: bytes, new: bytes) -> None:
    """An edit neither starts nor ends with a whole line that stays as it is."""
    olds, news = old.splitlines(keepends=True), new.splitlines(keepends=True)
    if old == new or len(olds) < 2 or len(news) < 2:  # equal: a claim, no edit
        return
    for place in (0, -1):
        if olds[place] == news[place]:
            line = olds[place].decode(errors="replace").strip()
            raise CaseError(case.line, f"an edit covers a line that it leaves as it is: {line}")


def second_run_is_empty(rule: Rule, case: Case, outcome: Outcome) -> None:
    """The rule has nothing left to do in its own output."""
    again = run_rule(rule, outcome.files, case.options)
    for site in again.with_status(*OPEN):
        raise CaseError(
            case.line, f"a second run finds work in line {site.line} of {site.path}: {site.message}"
        )
    if again.files != outcome.files:
        raise CaseError(case.line, "a second run changes the output")


def scan_writes_nothing(rule: Rule, case: Case, outcome: Outcome) -> None:
    """Without being selected no site is written; each scan finds the same ones."""
    scans = [run_rule(rule, case.before, case.options, write=False) for _ in range(2)]
    if any(scan.files != case.before for scan in scans):
        raise CaseError(case.line, "the rule changed a file although no site was selected")
    first, second = (_ids(scan.sites) for scan in scans)
    if first != second:
        raise CaseError(case.line, "two scans of the same files found different sites")
    if lost := first - _ids(outcome.sites):
        raise CaseError(case.line, f"sites of the scan are unknown to the run: {sorted(lost)}")


def _ids(sites: Iterable[Site]) -> set[tuple[str, str]]:
    return {(site.path, site.id) for site in sites}


def needles_hide_nothing(rule: Rule, case: Case, outcome: Outcome) -> None:
    """A file in which the rule would find something passes its byte filter."""
    settings = {option.name: option.default for option in rule.options} | dict(case.options)
    project = Project.from_files(case.before)
    for file in case.files:
        if rule.matches(case.before[file.path]):
            continue
        for finding in rule.find(project.module_at(file.path), settings):
            raise CaseError(
                file.line, f"the rule's needles hide a site from the engine: {finding.message}"
            )


def other_line_endings(rule: Rule, case: Case) -> None:
    """Line endings and a byte order mark are kept, and make no difference."""
    before = _as_on_windows(case.before)
    after = _as_on_windows(case.after)
    outcome = run_rule(rule, before, case.options)
    for file in case.files:
        got = outcome.files[file.path]
        if got != after[file.path]:
            wanted = after[file.path].splitlines(keepends=True)
            lines = [line for line in got.splitlines(keepends=True) if line not in wanted]
            raise CaseError(
                file.line,
                "with \\r\\n and a byte order mark the output differs: "
                f"{lines[0] if lines else got!r}",
            )


def _as_on_windows(files: Mapping[str, bytes]) -> dict[str, bytes]:
    return {
        path: codecs.BOM_UTF8 + content.replace(b"\n", b"\r\n")
        if content and path.endswith(".py")
        else content
        for path, content in files.items()
    }


def suppression_is_honoured(rule: Rule, case: Case, outcome: Outcome) -> None:
    """A comment above each rewritten statement silences the rule there."""
    lines: dict[str, set[int]] = {}
    for site in outcome.with_status(SiteStatus.APPLIED):
        lines.setdefault(site.path, set()).add(_statement_line(case, site))
    files = dict(case.before)
    for path, numbers in lines.items():
        files[path] = _with_comments(files[path], numbers, rule.name)
    silenced = run_rule(rule, files, case.options)
    for site in silenced.with_status(*OPEN):
        raise CaseError(
            case.line,
            f"'# hcodemod: ignore[{rule.name}] reason' above line {site.line} "
            f"of {site.path} is not honoured",
        )


def _statement_line(case: Case, site: Site) -> int:
    """Return the first line of the statement that holds the start of *site*."""
    source = decode(site.path, case.before[site.path])
    starts = [
        start_of(source, node)
        for node in ast.walk(ast.parse(source.text))
        if isinstance(node, ast.stmt)
        and start_of(source, node) <= site.start < source.span(node)[1]
    ]
    return source.position(max(starts))[0]


def _with_comments(content: bytes, numbers: set[int], rule: str) -> bytes:
    lines = content.decode().splitlines(keepends=True)
    for number in sorted(numbers, reverse=True):
        line = lines[number - 1]
        indent = line[: len(line) - len(line.lstrip())]
        lines.insert(number - 1, f"{indent}# hcodemod: ignore[{rule}] as the test says\n")
    return "".join(lines).encode()


def check_holds(case: Case, files: Mapping[str, bytes], when: str) -> None:
    """The assertions of the case hold for *files*."""
    assert case.check is not None
    project = Project.from_files(files)
    names = {path: project.module_at(path).name for path in files if path.endswith(".py")}
    modules = {name: files[path] for path, name in names.items()}
    # The same line numbers as in the README, for the traceback.
    code = compile("\n" * (case.check.line - 1) + case.check.text, "README.md", "exec")
    with importable(modules):
        try:
            module = importlib.import_module(names[case.files[0].path])
            exec(code, dict(vars(module)))  # noqa: S102  # the page's own assertions
        except Exception as error:
            raise CaseError(
                case.check.line, f"the check does not hold {when}: {type(error).__name__}: {error}"
            ) from error
