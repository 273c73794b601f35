"""Promises of the case format: what stands in a README is what is tested."""

from __future__ import annotations

import pytest

from hephaestus_codemods.rule import Safety
from hephaestus_codemods.testing.cases import CaseError, read_cases, read_headings

PAGE = """\
# some-rule

Says something.

## Cases

```toml
depth = 2
```

### A rewrite

```diff
 import a

-a.b()  # why
+a.c()  # why

```

### Several files make one case

`app/a.py`:

```diff
-x
+y
```

`app/b.py`:
```py
z
```

`Dockerfile`:
```dockerfile
FROM python
```

Refused: `one`, `two`.
Safety: `review`.

```py check
assert x
```

### Options of the section itself

```toml
[tool.hcodemod.rules."some-rule"]
depth = 3
name = "n"
```

```py
pass
```

## Left alone

```py
one
```

````py
two = '''
```
'''
````

```python
illustration
```
"""


def test_a_page_gives_its_cases_in_order():
    """Headings are titles; several blocks without a path are several cases."""
    assert [case.name for case in read_cases(PAGE)] == [
        "A rewrite",
        "Several files make one case",
        "Options of the section itself",
        "Left alone (1)",
        "Left alone (2)",
    ]


def test_a_diff_is_input_and_expected_output():
    """Blank lines may have lost their leading space."""
    case = read_cases(PAGE)[0]

    assert case.before == {
        "app/__init__.py": b"",
        "app/example.py": b"import a\n\na.b()  # why\n\n",
    }
    assert case.after["app/example.py"] == b"import a\n\na.c()  # why\n\n"
    assert case.is_rewrite
    assert case.line == 14


def test_paths_make_one_project():
    """Python and other files lie together; nothing else is added."""
    case = read_cases(PAGE)[1]

    assert case.before == {"app/a.py": b"x\n", "app/b.py": b"z\n", "Dockerfile": b"FROM python\n"}
    assert case.after["app/a.py"] == b"y\n"
    assert case.refused == ("one", "two")
    assert case.safety == (Safety.REVIEW,)
    assert case.check is not None
    assert case.check.text == "assert x\n"


def test_options_reach_down_and_no_further():
    """A section has its own options and those of the sections above it."""
    options = [dict(case.options) for case in read_cases(PAGE)]

    assert options == [{"depth": 2}, {"depth": 2}, {"depth": 3, "name": "n"}, {}, {}]


def test_a_longer_fence_holds_shorter_ones():
    """Code about Markdown can stand in a page."""
    case = read_cases(PAGE)[4]

    assert case.before["app/example.py"] == b"two = '''\n```\n'''\n"
    assert not case.is_rewrite


def test_headings_keep_their_order_and_line():
    """Headings inside code are none."""
    headings = read_headings(PAGE + "```py\n# no heading\n```\n")

    assert [(h.level, h.title) for h in headings][:2] == [(1, "some-rule"), (2, "Cases")]
    assert headings[1].line == 5
    assert len(headings) == 6


def test_a_missing_final_newline_can_be_shown():
    """As git shows it."""
    [case] = read_cases("# r\n```diff\n-a\n\\ No newline at end of file\n+b\n```\n")

    assert (case.files[0].before, case.files[0].after) == ("a", "b\n")


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("# r\n```py\nx\n", 2, "has no end"),
        ("# r\n\n```diff\n x\nnonsense\n```\n", 5, "starts with"),
        ("# r\n```diff\n x\n```\n", 3, "changes nothing"),
        ("# r\n```toml\n= 1\n```\n", 3, "cannot be read"),
        ("# r\n\nRefused: `a`.\n", 1, "no code"),
        ("# r\nSafety: `sure`.\n", 2, "safe, review, suggest"),
        ("# r\n`a.py`:\n```py\nx\n```\n```py\ny\n```\n```py\nz\n```\n", 1, "name the path"),
        ("# r\n```py\nx\n```\n```py check\n1\n```\n```py check\n2\n```\n", 9, "one `py check`"),
    ],
)
def test_a_case_that_cannot_be_read_names_its_line(text, line, message):
    """A mistake in a page is shown where it is."""
    with pytest.raises(CaseError, match=message) as error:
        read_cases(text)

    assert error.value.line == line
