"""I1, I3, I19: each oddity of bytes ends with its status and reason, and comes back untouched."""

from __future__ import annotations

import codecs
import os
import shutil
import stat
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from .harness import TOYS, Place, made

SITE = b"x = f(1)\n"
CHANGED, UNCHANGED = ("changed", ""), ("unchanged", "")
ENCODING, SYNTAX = ("failed", "encoding"), ("failed", "syntax")
#: Read by the Python that runs us, or masked where that one is older.
NEWER = CHANGED
CASES: dict[str, tuple[bytes, tuple[str, str]]] = {
    "plain": (SITE, CHANGED),
    "byte order mark": (codecs.BOM_UTF8 + SITE, CHANGED),
    "byte order mark and cookie": (codecs.BOM_UTF8 + b"# coding: utf-8\n" + SITE, CHANGED),
    "crlf": (b"x = f(1)\r\ny = f(2)\r\n", CHANGED),
    "mixed newlines": (b"x = f(1)\r\ny = f(2)\nz = f(3)\r\n", CHANGED),
    "lone cr": (b"x = f(1)\ry = f(2)\r", CHANGED),
    "cr in a string": (b"s = '''a\rb'''\nx = f(s)\n", CHANGED),
    "form feeds": (b"\x0c\nx = f(1)\n\x0c\ny = f(2)\n\x0cz = f(3)\n", CHANGED),
    "no final newline": (b"x = f(1)", CHANGED),
    "only a comment after it": (b"x = f(1)  # end", CHANGED),
    "tabs": (b"if x:\n\ty = f(1)\n\tz = f(2)\n", CHANGED),
    "trailing blanks": (b"x = f(1)   \n\n\t \n", CHANGED),
    "comments that libcst deletes": (b"x = f(1)\n    # a\n    # b\n#c\n", CHANGED),
    "a space before a colon": (b"try:\n  x = f(1)\nexcept OSError :\n  pass\n", CHANGED),
    "a continued start": (b"\\\nx = f(1)\n", CHANGED),
    "a continued line": (b"x = \\\n  f(1)\ny = 1\n\\\nz = f(2)\n", CHANGED),
    "latin-1": ("# coding: latin-1\ns = 'é'; y = f('é')  # ß\n".encode("latin-1"), CHANGED),
    "cookie in line two": ("#!x\n# -*- coding: cp1252 -*-\nx = f('€')\n".encode("cp1252"), CHANGED),
    "koi8-r": ("# coding: koi8-r\nx = f('Привет')  # да\n".encode("koi8-r"), CHANGED),
    "shift_jis": ("# coding: shift_jis\nx = f('表')  # 表\n".encode("shift_jis"), CHANGED),
    "euc-kr": ("# coding: euc-kr\nx = f('가')\n".encode("euc-kr"), CHANGED),
    "gb18030": ("# coding: gb18030\nx = f('中😀')\n".encode("gb18030"), CHANGED),
    "wide characters": ("s = '😀é'; x = f('ü')  # ß\u2028\n".encode(), CHANGED),
    "names that are normalised": ("ﬁ = f(1)\nx = f(ﬁ)\n".encode(), CHANGED),
    "bidi": ("x = f('\u202e')  # \u2066\n".encode(), CHANGED),
    "empty": (b"", UNCHANGED),
    "only a mark": (codecs.BOM_UTF8, UNCHANGED),
    "only blanks": (b"  \n\t\n\x0c", UNCHANGED),
    "no cookie, not utf-8": (b"x = f('\xe9')\n", ENCODING),
    "the wrong cookie": (b"# coding: utf-8\nx = f('\xe9')\n", ENCODING),
    "a cookie against the mark": (codecs.BOM_UTF8 + b"# coding: latin-1\n" + SITE, ENCODING),
    "an unknown codec": (b"# coding: no-such-codec\n" + SITE, ENCODING),
    "rot13": (b"# coding: rot13\n" + SITE, ENCODING),
    "utf-7": (b"# coding: utf-7\n" + SITE, ENCODING),
    "hex": (b"# coding: hex\n" + SITE, ENCODING),
    "idna": (b"# coding: idna\n" + SITE, ENCODING),
    "unicode_escape": (b"# coding: unicode_escape\n" + SITE, ENCODING),
    "utf-16 as cookie": (b"# coding: utf-16\n" + SITE, ENCODING),
    "iso-2022-jp": ("# coding: iso-2022-jp\nx = f('表')\n".encode("iso-2022-jp"), ENCODING),
    "a path as codec": (b"# coding: ../../evil\n" + SITE, ENCODING),
    "surrogates": (b"x = f('\xed\xa0\x80')\n", ENCODING),
    "0xff": (b"\xff\xfe\xff" + SITE, ENCODING),
    "nul": (b"x = f('\0')\n", ("failed", "null-bytes")),
    "nul at the end": (SITE + b"\0", ("failed", "null-bytes")),
    "utf-16": (
        "\ufeff".encode("utf-16-le") + SITE.decode().encode("utf-16-le"),
        ("failed", "null-bytes"),
    ),
    "utf-32": (SITE.decode().encode("utf-32"), ("failed", "null-bytes")),
    "10 MB": (b"# long\n" * 1_500_000 + SITE, ("skipped", "too-large")),
    "too deep": (b"x = " + b"(" * 500 + b"1" + b")" * 500 + b"\n", ("failed", "too-deep")),
    "python 2 print": (b"x = f(1)\nprint x\n", SYNTAX),
    "python 2 except": (b"try:\n    x = f(1)\nexcept E, e:\n    pass\n", SYNTAX),
    "python 2 exec and backticks": (b"x = f(1)\nexec `x` in y\n", SYNTAX),
    "half a file": (b"x = f(1)\ndef g(:\n", SYNTAX),
    "merge markers": (b"<<<<<<< ours\nx = f(1)\n=======\nx = f(2)\n>>>>>>> theirs\n", SYNTAX),
    "tabs against spaces": (b"if x:\n        y = f(1)\n\tz = f(2)\n", SYNTAX),
    "a no-break space": ("x =\u00a0f(1)\n".encode(), SYNTAX),
    "except without parentheses": (b"try:\n    x = f(1)\nexcept A, B:\n    pass\n", NEWER),
    "t-strings": (b"t = t'{x}'\nx = f(1)\n", NEWER),
    "type parameters": (b"def g[T](a: T) -> T:\n    return f(a)\nx = f(1)\n", NEWER),
    "a type statement": (b"type X = int\nx = f(1)\n", NEWER),
    "defaults of type parameters": (b"class A[T = int]:\n    x = f(1)\n", NEWER),
    "null-ish name": (b"x = f(1)\n\x1a\n", SYNTAX),
}
NAMES = (
    b"-x.py",
    b"--rule.py",
    b":(top)x.py",
    b"*.py",
    b"[/b].py",
    b"[red]x[/red].py",
    b"a b.py",
    b"new\nline.py",
    b"tab\t.py",
    b"esc\x1b[31m.py",
    b'quo"te.py',
    b"back\\slash.py",
    "日本.py".encode(),
    "rtl\u202e.py".encode(),
    b"caf\xe9.py",
    b"a" * 240 + b".py",
)
MODES = (0o644, 0o600, 0o755, 0o775, 0o640, 0o711)


@dataclass(frozen=True)
class Odd:
    """The whole zoo, applied once."""

    place: Place
    before: dict[str, bytes | str]
    after: dict[str, bytes | str]
    statuses: dict[str, tuple[str, str]]
    patch: bytes
    err: str


def path_of(case: str) -> str:
    return f"case/{case.replace(' ', '_')}.py"


@pytest.fixture(scope="module")
def odd(tmp_path_factory: pytest.TempPathFactory) -> Odd:
    """Apply the toys to all cases in one run."""
    files = {path_of(case): raw for case, (raw, _) in CASES.items()}
    place = made(tmp_path_factory.mktemp("odd"), files)
    for name in NAMES:
        path = Path(os.fsdecode(os.fsencode(place.root) + b"/" + name))
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(SITE)
    for mode in MODES:
        path = place.root / f"mode_{mode:o}.py"
        path.write_bytes(SITE)
        path.chmod(mode)
    place.committed()
    before = place.tree()
    done = place.json("apply", *TOYS)
    assert done.code == 2, done.err
    patch = place.run("runs", "show", "--patch")
    assert patch.code == 0
    return Odd(place, before, place.tree(), done.statuses(), patch.out, done.err)


@pytest.mark.parametrize("case", CASES)
def test_each_oddity_has_its_status_and_its_bytes(odd: Odd, case: str) -> None:
    path, (raw, status) = path_of(case), CASES[case]

    assert odd.statuses[path] == status
    if status is not CHANGED:
        assert odd.after[path] == raw
        return
    after = odd.after[path]
    assert isinstance(after, bytes)
    assert b"hc_toy=1" in after
    # The toys only insert, and only ASCII: what the author wrote is all there, in its order.
    assert is_within(raw, after)
    assert others(after) == others(raw)


def is_within(part: bytes, whole: bytes) -> bool:
    """Say whether *part* is left when some bytes of *whole* are taken out."""
    rest = iter(whole)
    return all(byte in rest for byte in part)


def others(raw: bytes) -> bytes:
    """Return the bytes that are neither ASCII letters nor what separates lines."""
    return bytes(byte for byte in raw if byte >= 0x80 or byte in b"\x0c\t\\\x1a#'")


def test_an_oddity_that_is_not_read_is_named_with_its_reason(odd: Odd) -> None:
    """No silent skip: each has a line for people too."""
    for case, (_, (status, code)) in CASES.items():
        if status == "failed":
            assert f"{path_of(case)}: {code}" in odd.err, case


def test_no_file_is_without_a_status(odd: Odd) -> None:
    assert set(odd.statuses) == {path for path in odd.before if path.endswith(".py")}


@pytest.mark.parametrize("name", NAMES)
def test_each_name_is_handled(odd: Odd, name: bytes) -> None:
    path = os.fsdecode(name)
    shown = path.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")

    assert {path, shown} & odd.statuses.keys(), sorted(odd.statuses)
    assert odd.after[path] != SITE
    assert b"hc_toy=1" in odd.after[path]


@pytest.mark.parametrize("mode", MODES)
def test_mode_bits_stay(odd: Odd, mode: int) -> None:
    path = odd.place.root / f"mode_{mode:o}.py"

    assert path.read_bytes() != SITE
    assert stat.S_IMODE(path.stat().st_mode) == mode


TOOLS = {
    "git": ["git", "apply", "--whitespace=nowarn"],
    "patch": ["patch", "-p1", "-s", "--binary"],
}


@pytest.mark.parametrize("tool", TOOLS)
def test_the_patch_of_all_oddities_goes_on_and_off(odd: Odd, tool: str, disk: Path) -> None:
    """``git apply``, ``git apply -R`` and ``patch`` take the patch that the run printed."""
    root = disk / "other"
    shutil.copytree(odd.place.root, root, ignore=shutil.ignore_patterns(".git"))
    other = Place(disk)
    (disk / "root").symlink_to(root)
    for path, content in odd.before.items():
        (root / path).write_bytes(content)  # the modes are those of the files
    subprocess.run(["git", "init", "-q", str(root)], check=True)

    for back, wanted in (([], odd.after), (["-R"], odd.before)):
        done = subprocess.run(
            [*TOOLS[tool], *back], cwd=root, input=odd.patch, capture_output=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
        assert other.tree() == wanted


def test_a_revert_brings_every_byte_back(odd: Odd) -> None:
    """Runs last in this file: it takes the run of all cases back."""
    done = odd.place.run("revert")

    assert done.code == 0, done.err
    assert odd.place.tree() == odd.before
    for mode in MODES:
        found = (odd.place.root / f"mode_{mode:o}.py").stat().st_mode
        assert stat.S_IMODE(found) == mode


def test_every_codec_of_python_is_allowed_or_refused(disk: Path) -> None:
    """No codec is executed that is not on the list: about 120 names and their aliases."""
    import encodings.aliases
    import pkgutil

    names = {one.name for one in pkgutil.iter_modules(encodings.__path__)}
    names |= set(encodings.aliases.aliases)
    files = {f"{name}.py": f"# coding: {name}\nx = f(1)\n" for name in sorted(names)}
    place = made(disk, files).committed()

    statuses = place.json("apply", *TOYS).statuses()

    assert len(statuses) == len(files)
    for path, status in statuses.items():
        assert status in (CHANGED, ENCODING), (path, status)
    assert sum(status == CHANGED for status in statuses.values()) > 60
    for name in ("rot_13", "base64_codec", "zlib_codec", "utf_7", "idna", "punycode", "utf_16"):
        assert statuses[f"{name}.py"] == ENCODING
