"""What an edit changes looks as the author's own formatter would have written it."""

from __future__ import annotations

import black
import pytest

from hephaestus_codemods.patch.replay import replay
from tests.engine.toys import adds_keyword, after, replaces, run

LONG = replaces("long", "short", "a_much_longer_name.that_calls(something).and_then_some()")


def test_a_line_that_gets_too_long_is_broken_as_black_breaks_it() -> None:
    text = "def f(a, b):\n    return call_it(short, argument_number_one, argument_two)\n"

    found = after(text, LONG)

    assert found == black.format_str(found, mode=black.Mode())
    assert "        a_much_longer_name.that_calls(something).and_then_some(),\n" in found


def test_brackets_that_are_needed_no_more_go() -> None:
    """They stood around lines of which one is left."""
    long = "first_condition_of_many(argument) and second_condition_of_many(argument)"
    text = f"result = (\n    {long} and third\n)\n"

    assert after(text, replaces("shorter", f"{long} and third", "g(1)")) == "result = g(1)\n"


def test_the_length_of_lines_is_that_of_the_project() -> None:
    text = "result = call_it(short, argument_number_one, argument_two)\n"

    found = after(text, LONG, others={"pyproject.toml": "[tool.black]\nline-length = 120\n"})

    assert found.count("\n") == 1


@pytest.mark.parametrize(
    "text",
    [
        "result = call_it( short, argument_number_one, argument_two )\n",
        "result = call_it(short, argument_number_one,\n                 argument_two)\n",
        "result = call_it(short, argument_number_one, argument_two)\r\nx = 1\n",
        "if True: result = call_it(short, argument_number_one, argument_two)\n",
        "result = call_it(short, argument_number_one, argument_two)  # fmt: skip\n",
    ],
)
def test_what_its_author_lays_out_otherwise_is_not_laid_out_anew(text: str) -> None:
    assert after(text, LONG) == text.replace(
        "short", "a_much_longer_name.that_calls(something).and_then_some()"
    )


def test_line_ends_of_windows_stay() -> None:
    text = "result = call_it(short, argument_number_one, argument_two)\nx = 1\n"

    assert after(text.replace("\n", "\r\n"), LONG) == after(text, LONG).replace("\n", "\r\n")


def test_other_statements_of_the_file_may_look_as_they_like() -> None:
    """Black is asked for the statement alone."""
    odd = "y = [ 1,2 ]\n\n\n\n\ndef  g( a ) :\n  return 'a'\n"
    text = f"{odd}\nresult = call_it(short, argument_number_one, argument_two)\n"

    found = after(text, LONG)

    assert found.startswith(f"{odd}\nresult = call_it(\n")


def test_a_site_goes_with_its_layout() -> None:
    """Of two sites, each can be taken back alone, and then its statement is as it was."""
    one = "first = call_it(f(1), argument_number_one, argument_two, argument_three, four)\n"
    text = one + one.replace("first", "second")
    result = run(text, adds_keyword("keyword", "and_a_keyword"))
    ids = [site.id for site in result.sites]
    assert result.after is not None
    assert result.after.count(b"call_it(\n") == 2

    first, second = (replay(result.before, result.steps, frozenset({one})) for one in ids)
    neither = replay(result.before, result.steps, frozenset(ids))

    assert (
        first.decode()
        == one
        + result.after.decode().partition("second")[1]
        + (result.after.decode().partition("second")[2])
    )
    assert second.decode().endswith(one.replace("first", "second"))
    assert neither == result.before


def test_two_sites_of_one_statement_keep_the_layout_of_the_rule() -> None:
    """Lines that both need could not go with one of them."""
    text = "result = call_it(f(1), f(2), argument_number_one, argument_two, argument_three)\n"

    result = run(text, adds_keyword("keyword", "and_a_keyword"))

    assert result.after is not None
    assert result.after.count(b"\n") == 1
    for site in result.sites:
        assert b"and_a_keyword" in replay(result.before, result.steps, frozenset({site.id}))


def test_a_long_run_of_edits_stays_exact() -> None:
    """What is laid out anew counts as the edit of its site alone, wherever it lies in the file."""
    line = "value_{0} = call_it(f({0}), argument_number_one, argument_two, argument_three, four)\n"
    text = "".join(line.format(n) + f"untouched_{n} = {{ }}\n" for n in range(20))

    result = run(text, adds_keyword("keyword", "and_a_keyword"))

    ids = [site.id for site in result.sites]
    for gone in (ids[::2], ids[1::3], ids):
        left = replay(result.before, result.steps, frozenset(gone)).decode()
        assert left.count("and_a_keyword") == len(ids) - len(gone)
        compile(left, "a.py", "exec")
    assert replay(result.before, result.steps, frozenset(ids)) == result.before
    assert run(result.after or b"", adds_keyword("keyword", "and_a_keyword")).after is None
