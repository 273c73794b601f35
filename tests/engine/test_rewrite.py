"""Many rules on one file: everything lands in one run, is counted once, and can be told apart."""

from __future__ import annotations

import ast
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from hephaestus_codemods.engine.model import SiteStatus
from hephaestus_codemods.patch.replay import replay
from hephaestus_codemods.rule import Change, Edit, Finding, Import, Safety
from tests.engine.toys import adds_keyword, after, calls, raises, refuses, replaces, rule, run

if TYPE_CHECKING:
    from collections.abc import Iterator

A, B = adds_keyword("adds-a", "a"), adds_keyword("adds-b", "b")


def statuses(result: object) -> Counter[tuple[str, str]]:
    return Counter((site.rule, str(site.status)) for site in result.sites)


def test_two_rules_add_a_keyword_to_the_same_call() -> None:
    """Neither edit is lost, and both are counted."""
    result = run("x = f(1)\n", A, B)

    assert result.after == b"x = f(1, a=1, b=1)\n"
    assert statuses(result) == {("adds-a", "applied"): 1, ("adds-b", "applied"): 1}


def test_a_rule_changes_both_an_outer_and_its_nested_call() -> None:
    """Both land in one invocation: four sites with two rules."""
    result = run("x = f(f(1))\n", A, B)

    assert result.after == b"x = f(f(1, a=1, b=1), a=1, b=1)\n"
    assert statuses(result) == {("adds-a", "applied"): 2, ("adds-b", "applied"): 2}


def test_the_order_of_commuting_rules_does_not_matter() -> None:
    """The text differs only in the order that the rules declare."""
    assert after("f()\n", A, B) == after("f()\n", A, B)
    assert ast.dump(ast.parse(after("g(f())\n", A))) == ast.dump(ast.parse("g(f(a=1))\n"))


def test_a_second_run_changes_nothing() -> None:
    """What a run leaves is a fixpoint of its rules."""
    once = after("f(f(), f)\nx = [f(y) for y in z]\n", A, B)

    assert run(once, A, B).after is None


def test_a_site_that_an_earlier_edit_made_possible_lands_too() -> None:
    """Rules run to a fixpoint, and the new site stands at its place in the original file."""
    first, second = replaces("one-first", "old()", "f()"), A

    result = run("\n\nx = old()\n", first, second)

    assert result.after == b"\n\nx = f(a=1)\n"
    assert {(site.rule, site.line) for site in result.sites} == {("one-first", 3), ("adds-a", 3)}


def test_two_rules_that_undo_each_other_leave_the_file_alone() -> None:
    """No convergence: the file is as it was and both rules are named."""
    there, back = replaces("there", "one", "two"), replaces("back", "two", "one")

    result = run("x = one\n", there, back)

    assert result.after is None
    assert "there" in result.failures[0].message
    assert "back" in result.failures[0].message
    assert result.failures[0].ours


def test_a_rule_that_finds_its_own_rewrite_again_is_stopped() -> None:
    """A rule without an end is our fault, and costs no byte of the file."""
    forever = replaces("forever", "x", "x")

    result = run("x\n", forever)

    assert result.after is None
    assert "forever" in result.failures[0].message


def test_code_that_another_rule_took_is_a_conflict_that_names_it() -> None:
    """A site that vanished is not called applied."""
    big, small = replaces("big", "g(old)", "h()"), replaces("small", "old", "new")

    result = run("x = g(old)\n", big, small)

    assert result.after == b"x = h()\n"
    gone = next(site for site in result.sites if site.rule == "small")
    assert gone.status is SiteStatus.CONFLICT
    assert "big" in gone.refusal.message


def test_a_rule_that_raises_costs_only_itself() -> None:
    """The other rules' results are those of a run without it."""
    broken = raises("broken")

    result = run("f(1)\n", broken, A)

    assert result.after == run("f(1)\n", A).after
    assert [failure.rule for failure in result.failures] == ["broken"]
    assert "a fault of the rule" in result.failures[0].message


def test_an_edit_that_loses_a_comment_is_dropped_and_the_rest_stays() -> None:
    """A failing gate drops the edit, says that it is our fault, and goes on."""
    careless = replaces("careless", "(1 +  # why\n     2)", "3")

    def find(module: object, options: object) -> Iterator[Finding]:
        for node in module.nodes:
            if isinstance(node, ast.BinOp):
                start, end = module.source.span(node)
                yield Finding(node, "sum", change=lambda s=start, e=end: Change((Edit(s, e, "3"),)))

    careless = rule("careless", find)

    result = run("x = (1 +  # why\n     2)\ny = 4 + 5\n", careless, A)

    assert result.after == b"x = (1 +  # why\n     2)\ny = 3\n"
    assert {site.line: str(site.status) for site in result.sites} == {1: "refused", 3: "applied"}
    assert "why" in result.failures[0].message


@pytest.mark.parametrize("bad", ["f(", "'", "# ", "\\", "1)\ny = (2", "await x"])
def test_an_edit_that_breaks_the_file_is_dropped(bad: str) -> None:
    """Nothing that does not parse, or changes what stands around it, gets out."""
    result = run("x = old\nz = 1  # end\n", replaces("bad", "old", bad))

    assert result.after is None or ast.parse(result.after)
    assert b"z = 1  # end\n" in (result.after or result.before)


def test_imports_come_with_the_change_and_belong_to_every_site_that_uses_them() -> None:
    """The import goes only with the last site that needs it."""
    uses = replaces("uses", "old", "json.dumps(1)", Import("json"))

    result = run('"""Doc."""\n\nx = old\ny = old\n', uses)
    one, two = (site.id for site in result.sites)

    assert result.after == b'"""Doc."""\n\nimport json\n\nx = json.dumps(1)\ny = json.dumps(1)\n'
    without_one = replay(result.before, result.steps, frozenset({one}))
    assert without_one == b'"""Doc."""\n\nimport json\n\nx = old\ny = json.dumps(1)\n'
    assert replay(result.before, result.steps, frozenset({one, two})) == result.before


def test_an_import_that_our_edit_orphaned_goes_and_comes_back_with_any_of_its_sites() -> None:
    """Reverting one of two sites brings back the import that it uses."""
    drops = replaces("drops", "os.getcwd()", "here")

    result = run("import os\n\nx = os.getcwd()\ny = os.getcwd()\n", drops)
    one, _ = (site.id for site in result.sites)

    assert b"import os" not in result.after
    assert b"import os" in replay(result.before, result.steps, frozenset({one}))


def test_only_selected_sites_are_written() -> None:
    """Classes, lines and ids narrow a run; the others are said to be there."""
    text = "f(1)\nf(2)\nf(3)\n"
    review = adds_keyword("adds-a", "a", base=Safety.REVIEW)
    ids = [site.id for site in run(text, review, only=frozenset()).sites]

    by_class = run(text, review, ceiling={"adds-a": Safety.SAFE})
    by_line = run(text, review, lines={"app.py": ((2, 2),)})
    by_id = run(text, review, only=frozenset({ids[2]}))

    assert statuses(by_class) == {("adds-a", "suggested"): 3}
    assert by_line.after == b"f(1)\nf(2, a=1)\nf(3)\n"
    assert by_id.after == b"f(1)\nf(2)\nf(3, a=1)\n"
    assert statuses(by_id) == {("adds-a", "suggested"): 2, ("adds-a", "applied"): 1}


def test_ids_do_not_move_with_the_lines_above() -> None:
    """A site is known by its rule, its file, the function around it and its text."""
    text = "def g():\n    return f(1)\n"

    first = run(text, A).sites[0].id

    assert run(f"# a comment\n\n{text}", A).sites[0].id == first
    assert run(text.replace("g", "h"), A).sites[0].id != first


def test_suppressed_and_refused_sites_say_so() -> None:
    """Each candidate has one status and a reason."""
    text = "f(1)  # hcodemod: ignore[adds-a] the caller counts arguments\nf(2)\nno()\n"

    result = run(text, A, refuses("never", "no"))

    assert result.after == text.replace("f(2)", "f(2, a=1)").encode()
    assert statuses(result) == {
        ("adds-a", "suppressed"): 1,
        ("adds-a", "applied"): 1,
        ("never", "refused"): 1,
    }
    assert result.sites[0].refusal.message == "the caller counts arguments"


def test_skip_file_is_honoured() -> None:
    """Nothing is searched, and the file says why."""
    result = run("# hcodemod: skip-file\nf(1)\n", A)

    assert result.skip_file
    assert result.sites == ()


def test_code_under_main_is_refused() -> None:
    """A script's own start is nobody's request."""
    result = run('if __name__ == "__main__":\n    f(1)\n', A)

    assert [site.refusal.code for site in result.sites] == ["main-block"]


ODD = {
    "crlf": b"x = f(1)\r\ny = f(2)\r\n",
    "mixed": b"x = f(1)\r\ny = f(2)\nz = f(3)\r",
    "lone cr": b"x = f(1)\ry = f(2)\r",
    "no final newline": b"x = f(1)\ny = f(2)",
    "bom": b"\xef\xbb\xbfx = f(1)\n",
    "latin-1": b"# coding: latin-1\ns = '\xe9'; y = f('\xe9')\n",
    "form feed": b"x = 1\n\x0cy = f(2)\n\x0c\n",
    "comments at the end": b"x = f(1)\n    # old = 1\n    # new = 2\n",
    "trailing blanks": b"x = f(1)   \n\n\t",
    "tabs": b"if x:\n\ty = f(1)\n",
    "wide": "s = '\U0001f600é'; x = f('ü')  # ß\n".encode(),
    "space before colon": b"try:\n  f(1)\nexcept OSError :\n  pass\n",
    "continued": b"x = \\\n  f(1)\n",
}


@pytest.mark.parametrize("name", ODD)
def test_every_byte_outside_the_edits_stays(name: str) -> None:
    """Line ends, marks, encodings, form feeds and comments at the end of a file are kept."""
    raw = ODD[name]

    result = run(raw, A)

    assert result.after == raw.replace(b")", b", a=1)") if b"f(" in raw else None
    everyone = frozenset(site.id for site in result.sites)
    assert replay(result.before, result.steps, everyone) == raw


GLUED = {
    "return[1]": ("[1]", "new", "return new"),
    "x = 1if(a)else 2": ("a", "b", "x = 1if(b)else 2"),
    "x = [y]if a else[z]": ("[z]", "new", "x = [y]if a else new"),
    "x = a if(b)else c": ("a", "new", "x = new if(b)else c"),
    "x = [a]if b else c": ("[a]", "new", "x = new if b else c"),
    "x = not[a]in[b]": ("[a]", "new", "x = not new in[b]"),
    "x = a.renamed": ("a.renamed", "b", "x = b"),
    "returned[1]": ("[1]", "new", None),
}


@pytest.mark.parametrize("text", GLUED)
def test_new_text_does_not_run_into_the_keyword_beside_it(text: str) -> None:
    """``return[1]`` without a blank would become the name ``returnnew``, and no gate would see."""
    old, new, expected = GLUED[text]

    result = run(f"def g():\n    {text}\n", replaces("new", old, new))

    assert result.after == (f"def g():\n    {expected}\n".encode() if expected else None)


def test_text_that_the_encoding_cannot_hold_is_refused() -> None:
    """New text must fit the file's own encoding."""
    result = run(b"# coding: latin-1\nx = old\n", replaces("euro", "old", "'€'"))

    assert result.after is None
    assert result.sites[0].refusal.code == "encoding"


def test_each_call_is_found() -> None:
    """The toy rules see what is there."""
    module_calls = []

    def find(module: object, options: object) -> Iterator[Finding]:
        module_calls.extend(calls(module, "f"))
        yield from ()

    run("f(f(1))\n", rule("counts", find))
    assert len(module_calls) == 2
