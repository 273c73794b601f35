"""Ignore patterns mean what they mean to git, and none of them can be made to cost much."""

from __future__ import annotations

import os
import subprocess
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hephaestus_codemods.config import ignore

if TYPE_CHECKING:
    from pathlib import Path

PATTERNS = """
a.py|*.py|a*|*a*|?.py|??|a?b|a|/a|/a/|a/|a//|b/|a/b|/a/b|a/b/|b/a.py|*/a.py|*/*|a/*|a/*/c|/*|/*/
**|**/|/**|**/a|**/a/|**/b/c|a/**|a/**/|a/**/c|a/**/b/**/c|**/*|**/*.py|a**|**b|a**/c|a/b**/c|a**b
***|a/***|***/c|**/**|**/**/c|a/**/**/c|a/**b/c|**a/**|x**/**/c|\\*\\*/a|a/\\**|**\\/c|a/**\\/c|a/*\\/c
!a.py|!|!!a|\\!a|!/a|#a|\\#a|\\a|\\\\a|a\\|\\|\\*|a\\*|a\\?b|a\\ |a\\  |a |a  | a|  |.|..|./a|a/.
[ab].py|[!a].py|[^a].py|[a-c]|[c-a]|[]a]|[!]a]|[a-]|[-a]|[a|[]|[!]|[\\]]|[\\]-a]|[a-\\c]|a[/]b|[!a]/b
[[:alpha:]].py|[[:digit:]]|[[:alnum:]_]*|[^[:alpha:]]|[[:space:]]|[[:nope:]]|[[:alpha:]|[[:alpha]]|[:alpha:]
[[:upper:]]|[[:lower:]][[:punct:]]py|[[:xdigit:]].py|[[:alpha:]-z]|[a-[:digit:]]|[--0]|[!--0]|[+--]
é.py|?.py|??.py|[é].py|*é*|*.[ch]|a.{py,c}|(a)|a+|a.py$|^a.py|a|.*|.a|*.|.*.py|foo*bar*baz|*-*-*
"""
PATHS = """
a|b|c|a.py|b.py|a.pyc|A.py|é.py|ab|ba|axb|a b|a |.a|.a.py|..a|!a|#a|a*|*|**|a?b|a\\b|\\a|]|[|-|a-b-c
a/b|a/a|b/a|a/a.py|b/a.py|a/b/a.py|b/b/a.py|a/c|a/b/c|a/x/c|a/x/y/c|a/b/c/d|b/c|x/b/c|b/c/a/b|a/b/b
x/a|x/a/b|x/y/a|ab/c|ab/x/c|xx/c|a/bb/c|a/xb/c|x/c|**/a|a/*|a/**|a/ab|1|1.py|_a|a_1|foobarbaz|fooxbarybaz
foo/bar/baz|a.c|a.h|(a)|a+|^a.py|a.py$|a.{py,c}|.git/a|a.|0|+|,|/x|z|d|e.py|a/.a|a/.|x/..a|a\tb
"""


def split(table: str) -> list[str]:
    return list(dict.fromkeys(one for line in table.split("\n") for one in line.split("|") if one))


def ignored_by_git(
    folder: Path, patterns: dict[str, bytes], paths: list[bytes]
) -> dict[str, set[bytes]]:
    """Return for each named ignore file which paths real git ignores, in one process."""
    for name, content in patterns.items():
        (folder / name).mkdir(exist_ok=True)
        (folder / name / ".gitignore").write_bytes(content)
    asked = [os.fsencode(name) + b"/" + path for name in patterns for path in paths]
    done = subprocess.run(
        ["git", "check-ignore", "--no-index", "-z", "--stdin"],
        cwd=folder,
        input=b"".join(path + b"\0" for path in asked),
        env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"},
        capture_output=True,
        check=False,
    )
    assert done.returncode in (0, 1), done.stderr
    found: dict[str, set[bytes]] = {name: set() for name in patterns}
    for one in done.stdout.split(b"\0"):
        name, _, path = one.partition(b"/")
        if path:
            found[os.fsdecode(name)].add(path)
    return found


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ignore")
    subprocess.run(["git", "init", "-q", folder], check=True)
    return folder


def ignored_by_us(content: bytes, paths: list[bytes]) -> set[bytes]:
    rules = ignore.parse(content)
    return {path for path in paths if ignore.covers(rules, os.fsdecode(path))}


def usable(path: bytes) -> bool:
    """Leave out what is no path inside of a folder, or not one that git would ever list."""
    parts = path.split(b"/")
    return b"" not in parts and not {b".", b"..", b".git"} & set(parts)


def test_every_pattern_means_what_it_means_to_git(repository):
    """Each pattern of the table ignores the same of the paths as `git check-ignore`."""
    patterns = {f"p{number}": os.fsencode(one) for number, one in enumerate(split(PATTERNS))}
    paths = [path for path in map(os.fsencode, split(PATHS)) if usable(path)]

    theirs = ignored_by_git(repository, patterns, paths)

    ours = {name: ignored_by_us(content, paths) for name, content in patterns.items()}
    odd = {patterns[name]: ours[name] ^ theirs[name] for name in patterns}
    assert {pattern: paths for pattern, paths in odd.items() if paths} == {}
    assert sum(map(len, ours.values())) > len(patterns)  # the table is about something


FILES = {
    "the last one wins": b"*.py\n!a.py\n",
    "nothing is taken back below an ignored folder": b"a/\n!a/b\n!b\n",
    "taken back above": b"/*\n!/a\n/a/*\n!/a/b\n",
    "comments and blank lines": b"# a\n\n   \na\n",
    "line ends of Windows": b"*.py\r\n!b.py\r\na/b\r\n",
    "a byte order mark": b"\xef\xbb\xbfa.py\n",
    "no line end at the end": b"b\na.py",
    "bytes that are no text": b"\xff.py\n[\xe9]\n",
    "a zero byte": b"a\0b\nb.py\n",
    "carriage returns inside": b"a\rb\nb\r\r\n",
}


def test_files_mean_what_they_mean_to_git(repository):
    """Order, negation, comments, line ends and bytes are read as git reads them."""
    paths = [path for path in map(os.fsencode, split(PATHS)) if usable(path)]
    paths += [b"\xff.py", b"\xe9", b"a\rb", b"b\r"]
    contents = {f"f{number}": content for number, content in enumerate(FILES.values())}

    theirs = ignored_by_git(repository, contents, paths)

    ours = {name: ignored_by_us(content, paths) for name, content in contents.items()}
    assert dict(zip(FILES, ours.values(), strict=True)) == dict(
        zip(FILES, theirs.values(), strict=True)
    )


piece = st.sampled_from(
    [
        "a",
        "b",
        "/",
        "*",
        "**",
        "**/",
        "/**",
        "?",
        "[ab]",
        "[!a]",
        "[a-",
        "]",
        "!",
        "\\",
        " ",
        "#",
        ".",
    ]
)
line = st.lists(piece, min_size=1, max_size=7).map("".join)
part = st.text("ab.! ", min_size=1, max_size=3)
path = st.lists(part, min_size=1, max_size=4).map("/".join).map(os.fsencode)


@settings(max_examples=250)
@given(st.lists(line, min_size=1, max_size=3), st.lists(path, min_size=1, max_size=12))
def test_drawn_files_mean_what_they_mean_to_git(repository, lines, paths):
    """No combination of the pieces of a pattern is read in another way than git reads it."""
    content = os.fsencode("\n".join(lines))
    asked = [one for one in paths if usable(one)]

    theirs = ignored_by_git(repository, {"drawn": content}, asked)["drawn"]

    assert ignored_by_us(content, asked) == theirs


@settings(max_examples=150)
@given(
    line.filter(lambda text: not text.startswith("#")), path, st.sampled_from(["x", "a b", "b/a"])
)
def test_a_pattern_moved_below_a_folder_means_the_same_there(text, path, folder):
    """A configuration in a folder speaks of that folder alone, whatever its name."""
    (moved,) = ignore.patterns((ignore.below(folder, text),)) or (None,)
    (own,) = ignore.patterns((text,)) or (None,)
    inside = os.fsencode(folder) + b"/" + path

    def said(one, at):
        return None if one is None else ignore.verdict((one,), at, is_folder=False)

    assert said(moved, inside) == said(own, path)
    assert said(moved, b"y" + path) is None


@pytest.mark.parametrize("folder", ["*", "?", "[ab]", "\\", "a\\*", "#", "!x", " "])
def test_the_name_of_a_folder_is_no_pattern(folder):
    """A configuration in a folder with an odd name speaks of that folder all the same."""
    rules = ignore.patterns([ignore.below(folder, text) for text in ("b.py", "/c", "d/*.py")])

    for path in ("b.py", "x/b.py", "c", "d/a.py"):
        assert ignore.covers(rules, f"{folder}/{path}")
        assert not ignore.covers(rules, f"a/{path}")
        assert not ignore.covers(rules, path)


GREEDY = {
    "many stars": ("*a" * 240 + "b", "a" * 4_000),
    "stars and a tail": ("*a*" * 160 + "$", "a" * 4_000 + "b"),
    "long pieces": (("*" + "a" * 99) * 5 + "b", "a" * 4_000),
    "any depth": ("**/a/" * 100 + "b", "a/" * 2_000 + "a"),
    "any depth and stars": ("**/*a*/" * 70 + "b", "aa/" * 1_300 + "a"),
    "stars over many parts": ("*/" * 240 + "b", "a/" * 2_000 + "a"),
    "classes": ("[ab]*" * 99 + "c", "ab" * 2_000),
    "questions": ("?*" * 249 + "/", "a" * 4_000),
    "one long part": ("**/*a*a*a*a/**/*a*a*b", ("a" * 250 + "/") * 16 + "a"),
}


@pytest.mark.parametrize("name", GREEDY)
def test_no_pattern_costs_more_than_its_length_times_that_of_the_path(name):
    """The longest pattern of a configuration, against the longest path, ends at once (ReDoS)."""
    text, long_path = GREEDY[name]
    (one,) = ignore.patterns((text,))

    started = time.process_time()
    ignore.covers((one,), long_path)

    # About two million steps; a pattern that backtracks would take billions.
    assert time.process_time() - started < 1.5
