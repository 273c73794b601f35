"""Finding the sites of a module: what each rule says, and what holds for all rules alike."""

from __future__ import annotations

import ast
import hashlib
from collections import Counter
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from hephaestus_codemods.config.suppressions import suppressions
from hephaestus_codemods.engine.model import Failure, Site, SiteStatus
from hephaestus_codemods.errors import is_exhaustion
from hephaestus_codemods.rule import Refusal, Safety

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from hephaestus_codemods.config.suppressions import Suppressions
    from hephaestus_codemods.engine.model import Selection
    from hephaestus_codemods.project.module import Module
    from hephaestus_codemods.rule import Finding, Rule

MAIN_BLOCK = Refusal(
    "main-block", "the code runs only when the file is started as a script: no request waits for it"
)


@dataclass(frozen=True)
class Found:
    """A finding with the site that stands for it in the report."""

    finding: Finding
    site: Site


@dataclass(frozen=True)
class Search:
    """What all rules said about a module, and which rules could not say anything."""

    found: tuple[Found, ...]
    failures: tuple[Failure, ...]
    unused_suppressions: tuple[tuple[int, str], ...]
    skip_file: bool


def search(module: Module, rules: Iterable[Rule], selection: Selection) -> Search:
    """Ask each rule that may find something; a rule that raises costs only itself."""
    comments = suppressions(module.source)
    if comments.skip_file:
        return Search((), (), (), skip_file=True)
    found: list[Found] = []
    failures: list[Failure] = []
    for rule in rules:
        if not rule.matches(module.source.raw):
            continue
        try:
            findings = list(rule.find(module, selection.options.get(rule.name, {})))
        except Exception as error:  # a rule is a guest: its fault is a result
            if is_exhaustion(error):  # the rules after it would fail for no fault of theirs
                raise
            failures.append(raised(rule, error))
            continue
        found += _sites(module, rule, findings)
    found = [_suppressed(module, one, comments) for one in found]
    ran = {rule.name for rule in rules} - {failure.rule for failure in failures}
    unused = comments.unused(ran, selection.known)
    if selection.known:
        unused = tuple(sorted((*unused, *comments.problems(selection.known))))
    return Search(tuple(found), tuple(failures), unused, skip_file=False)


def raised(rule: Rule, error: Exception) -> Failure:
    """Say that *rule* raised *error*, and where in the rule it did."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = (
        "" if trace is None else f" ({trace.tb_frame.f_globals.get('__name__')}:{trace.tb_lineno})"
    )
    return Failure("rule-raised", f"{type(error).__name__}: {error}{place}", rule.name, ours=True)


def _sites(module: Module, rule: Rule, findings: Iterable[Finding]) -> Iterator[Found]:
    seen: Counter[tuple[str, str]] = Counter()
    for finding in findings:
        start, end = module.source.span(finding.node)
        context = (
            _qualified_place(module, finding.node),
            " ".join(module.source.text[start:end].split()),
        )
        seen[context] += 1
        text = "\0".join((rule.name, module.path, *context, str(seen[context])))
        line, column = module.source.position(start)
        site = Site(
            id="s-" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:10],
            rule=rule.name,
            path=module.path,
            start=start,
            end=end,
            line=line,
            column=column,
            end_line=module.source.position(end)[0],
            message=finding.message,
            safety=finding.safety,
            status=SiteStatus.SUGGESTED,
            refusal=finding.refusal,
            preconditions=finding.preconditions,
        )
        yield Found(finding, _ruled_out(module, finding, site))


def _qualified_place(module: Module, node: ast.AST) -> str:
    around = [*module.ancestors(node)]
    names = [
        n.name
        for n in around
        if isinstance(n, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    return ".".join(reversed(names))


def _ruled_out(module: Module, finding: Finding, site: Site) -> Site:
    if finding.refusal is not None:
        return replace(site, status=SiteStatus.REFUSED)
    if any(_is_main_block(node) for node in module.ancestors(finding.node)):
        return replace(site, status=SiteStatus.REFUSED, refusal=MAIN_BLOCK)
    return site


def _is_main_block(node: ast.AST) -> bool:
    match node:
        case ast.If(
            test=ast.Compare(left=ast.Name("__name__"), comparators=[ast.Constant("__main__")])
        ):
            return True
        case ast.If(
            test=ast.Compare(left=ast.Constant("__main__"), comparators=[ast.Name("__name__")])
        ):
            return True
    return False


def _suppressed(module: Module, one: Found, comments: Suppressions) -> Found:
    comment = comments.covers(
        one.site.rule, (one.site.line, one.site.end_line), header_lines(module, one.finding.node)
    )
    if comment is None:
        return one
    reason = comment.reason or "suppressed by a comment"
    refusal = Refusal("suppressed", reason)
    return replace(one, site=replace(one.site, status=SiteStatus.SUPPRESSED, refusal=refusal))


def header_lines(module: Module, node: ast.AST) -> tuple[tuple[int, int], ...]:
    """Return the line ranges of the node's statement and of the headers of blocks around it."""
    ranges: list[tuple[int, int]] = []
    statement = module.statement(node)
    for parent in (statement, *module.ancestors(statement)):
        body = getattr(parent, "body", None)
        if not isinstance(parent, ast.stmt):
            continue
        last = parent.end_lineno or parent.lineno
        if isinstance(body, list) and body:
            last = max(parent.lineno, body[0].lineno - 1)
        ranges.append((parent.lineno, last))
    return tuple(ranges)


def chosen(site: Site, selection: Selection) -> bool:
    """Say whether *site* is to be written."""
    if site.status is not SiteStatus.SUGGESTED or site.id in selection.refused:
        return False
    if selection.only is not None and site.id not in selection.only:
        return False
    ceiling = selection.ceiling.get(site.rule, Safety.SAFE)
    if site.safety.rank > ceiling.rank:
        return False
    ranges = selection.lines.get(site.path)
    return ranges is None or any(
        site.line <= last and first <= site.end_line for first, last in ranges
    )
