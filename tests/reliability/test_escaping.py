"""S8, S9, S12: hostile names and code are shown as they are, and do nothing, in every format."""

from __future__ import annotations

import io
import json
import re
import unicodedata
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from hephaestus_codemods.report import json as as_json
from hephaestus_codemods.report import markdown, terminal
from hephaestus_codemods.report.model import (
    Condition,
    FailureEntry,
    FileEntry,
    FileStatus,
    Report,
    RuleEntry,
    SiteEntry,
    UnusedSuppression,
)
from hephaestus_codemods.report.redact import MASK

HOSTILE = {
    "rich closing tag": "[/b].py",
    "rich style": "[red]x[/red].py",
    "rich link": "[link=https://evil.example]x[/link]",
    "rich emoji": ":smile:.py",
    "colour": "\x1b[31mred\x1b[0m.py",
    "title": "\x1b]0;owned\x07.py",
    "hyperlink": "\x1b]8;;https://evil.example\x1b\\x",
    "c1 control": "\x9b31m.py",
    "bell": "a\x07.py",
    "backspaces": "evil\b\b\b\bgood.py",
    "carriage return": "evil\rgood.py",
    "newline": "a\nfiles: 0 changed",
    "vertical tab and form feed": "a\x0b\x0cb.py",
    "delete": "a\x7fb.py",
    "right to left": "\u202egnp.py",
    "isolates": "a\u2066b\u2069.py",
    "zero width": "a\u200bb\u200d.py",
    "word joiner": "a\u2060b.py",
    "byte order mark": "\ufeffa.py",
    "line separator": "a\u2028b\u2029c.py",
    "surrogate": "caf\udce9.py",
    "private use": "a\ue000.py",
    "tag characters": "a\U000e0041.py",
    "script": "<script>alert(1)</script>.py",
    "image tag": "<img src=x onerror=alert(1)>",
    "comment": "<!-- x --><details>",
    "entity": "&lt;b&gt;&#64;",
    "image": "![x](https://evil.example/x.png)",
    "link": "[x](https://evil.example)",
    "reference": "[x]: https://evil.example",
    "autolink": "https://evil.example/x and www.evil.example and <https://evil.example>",
    "mail": "mailto:a@evil.example a@evil.example",
    "mention": "@admin please look",
    "closing keyword": "closes #12 and fixes owner/repo#3 and GH-4",
    "table": "a | b | c",
    "escaped table": "a \\| b \\\\| c",
    "fence": "```\n# heading\n```",
    "backticks": "a ` b `` c ``` d",
    "heading": "# a\n\n## b",
    "list": "- [x] done\n1. one\n> quote\n---",
    "emphasis": "**a** __b__ ~~c~~ $x$",
    "spreadsheet": "=cmd|' /C calc'!A0",
    "option": "--rule=x -rf",
    "json": '", "x": "\\u0000',
    "null": "a\0b",
    "format": "%s {0} {x!r} ${x}",
}
#: What a terminal would obey, and tabs and newlines, which our own lines have.
OBEYED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}


def report(text: str) -> Report:
    """Return a report that holds *text* wherever a target can bring it in."""
    sites = [
        SiteEntry(
            id=f"s-{number}",
            rule="a-rule",
            path=text,
            line=1,
            column=1,
            end_line=1,
            safety="safe",
            status=status,
            message=text,
            code="a-code",
            reason=text,
            preconditions=(Condition("a fact", "assumed", text),),
        )
        for number, status in enumerate(
            ("applied", "suggested", "refused", "suppressed", "conflict")
        )
    ]
    return Report(
        command="apply",
        tool_version="1",
        python="3",
        root=text,
        started="now",
        seconds=0.1,
        run="01M8EC7P4VGJAY98SH63WJ8E1E",
        rules=(RuleEntry("a-rule", 1, "pack", "1"),),
        files=(FileEntry(text, FileStatus.FAILED, "a-code", text),),
        sites=tuple(sites),
        failures=(FailureEntry(text, "a-code", text, "a-rule"),),
        unused_suppressions=(UnusedSuppression(text, 3, text),),
        notes=(text,),
    ).check()


def shown(one: Report) -> str:
    """Return all that a person can be shown at a terminal."""
    out = io.StringIO()
    terminal.show(one, out, verbose=True)
    return out.getvalue() + "".join(f"{line}\n" for line in terminal.concise(one))


@pytest.mark.parametrize("name", HOSTILE)
def test_a_terminal_obeys_nothing(name: str) -> None:
    text = shown(report(HOSTILE[name]))

    obeyed = {one for one in text if unicodedata.category(one) in OBEYED} - {"\n", "\t"}
    assert obeyed == set()
    assert text.count("\n") == shown(report("plain")).count("\n"), "no line of ours is forged"
    assert terminal.printable(HOSTILE[name]) in text, "and nothing is hidden"


@pytest.mark.parametrize("name", HOSTILE)
def test_json_gives_back_the_same_text(name: str) -> None:
    raw = as_json.dumps(report(HOSTILE[name]))

    assert raw.isascii()
    found = json.loads(raw)
    assert found["files"][0]["path"] == HOSTILE[name]
    assert found["sites"][0]["message"] == HOSTILE[name]


#: As a host renders it, tables included.
RENDERER = MarkdownIt("commonmark").enable("table").enable("strikethrough")


def kinds(page: str) -> list[str]:
    """Return the kinds of all blocks and of all that stands in them."""
    found = []
    for block in RENDERER.parse(page):
        found.append(block.type)
        found += [child.type for child in block.children or ()]
    return found


def words(page: str) -> str:
    """Return the text that a reader sees outside of code."""
    inline = [child for block in RENDERER.parse(page) for child in block.children or ()]
    return "\n".join(child.content for child in inline if child.type == "text")


def flat(found: list[str]) -> list[str]:
    """Take runs of text together: where a text is cut says nothing."""
    return [one for n, one in enumerate(found) if one != "text" or found[n - 1] != "text"]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_page_shows_and_does_nothing(name: str) -> None:
    """The same headings, tables and cells as for a harmless text: no link, image, tag or list."""
    page = markdown.dumps(report(HOSTILE[name])).decode("utf-8", "surrogateescape")

    assert flat(kinds(page)) == flat(kinds(markdown.dumps(report("plain")).decode()))
    text = words(page)
    assert re.search(r"(?i)\b(https?|ftp|mailto):|\bwww\.", text) is None
    assert re.search(r"(?<![\w`])@\w", text) is None, "no mention"
    assert re.search(r"#\d|\bGH-\d", text) is None, "no issue is referred to or closed"


SECRETS = st.text("abcdefghijklmnopqrstuvwxyzABCDEFGHIJ0123456789", min_size=12, max_size=24).map(
    lambda text: f"Zq9{text}"
)
HOLDERS = (
    "create_engine('postgresql+psycopg://app:{}@db.internal/app')",
    "redis://:{}@cache:6379/0",
    "amqp://user:{}@mq//",
    "https://token:{}@github.com/x/y.git",
    "password='{}'",
    'PASSWORD = "{}"',
    "db_password: {}",
    "api_key={}",
    'api-key: "{}"',
    "SECRET_KEY = '{}'",
    "aws_secret_access_key={}",
    "token={} is not valid",
    "dbname=app user=app password={} host=db",
    "connect(passwd='{}', db='x')",
    "AUTH_TOKEN='{}'",
    '{{"client_secret": "{}"}}',
    "ghp_{0}{0}",
    "sk-{0}{0}",
    "xoxb-{0}",
)


@settings(max_examples=150)
@given(SECRETS, st.sampled_from(HOLDERS), st.sampled_from(["", "x = 1; ", "# ", "é "]))
def test_a_planted_secret_is_in_no_format(secret: str, holder: str, start: str) -> None:
    one = report(start + holder.format(secret))

    for output in (shown(one), as_json.dumps(one).decode(), markdown.dumps(one).decode()):
        assert secret not in output
        assert MASK in output.replace("\\*", "*")


@settings(max_examples=150)
@given(st.text(max_size=40), st.text(max_size=40))
def test_any_name_and_any_code_is_only_shown(name: str, code: str) -> None:
    """The figure of the nightly run is 10,000 fuzzed strings."""
    any_text(name, code)


@pytest.mark.torture
@settings(max_examples=10_000)
@given(st.text(max_size=80), st.text(max_size=80))
def test_ten_thousand_names_and_codes_are_only_shown(name: str, code: str) -> None:
    any_text(name, code)


def any_text(name: str, code: str) -> None:
    one = report(name)
    one = replace(one, sites=tuple(replace(site, message=code) for site in one.sites))
    text = shown(one)
    assert {c for c in text if unicodedata.category(c) in OBEYED} <= {"\n", "\t"}
    page = markdown.dumps(one).decode("utf-8", "surrogateescape")
    assert not {"link_open", "image", "html_inline", "html_block", "fence"} & set(kinds(page))
    json.loads(as_json.dumps(one))
