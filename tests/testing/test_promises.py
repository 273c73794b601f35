"""Each promise of the harness is broken once by a rule made for it, and seen."""

from __future__ import annotations

import itertools
import textwrap
from dataclasses import replace

import pytest

from hephaestus_codemods.rule import Change, Edit, Finding, Option, Rule, Safety, refuse
from hephaestus_codemods.testing.cases import CaseError, read_cases
from hephaestus_codemods.testing.promises import check_case

REWRITE = """
    # r
    ```diff
     def f(x):
         # a comment
    -    return slow(x)  # why
    +    return fast(x)  # why
     slow = fast = str
    ```
    ```py check
    assert f(1) == "1"
    ```
"""
ALONE = """
    # r
    ```py
    quick(1)
    ```
"""


def case(text):
    """Return the first case of an indented page."""
    return read_cases(textwrap.dedent(text))[0]


def renamed(module, call, text="fast", **more):
    """A finding that replaces the name of the called function."""
    change = Change((Edit(*module.source.span(call.func), text),), **more)
    return Finding(call, "slow", Safety.SAFE, change=lambda: change)


def slow_calls(module):
    """Yield the calls of ``slow``."""
    return (c for c in module.calls if module.source.segment(c.func) == "slow")


def honest(module, options):
    """The rule that keeps every promise."""
    for call in slow_calls(module):
        yield renamed(module, call)


def rule(find, needles=((b"slow",),), **more):
    """A rule around *find*."""
    return Rule("toys.toy.rule", "a toy", find, needles, **more)


def broken(find, text=REWRITE, **more):
    """Return what the harness says about a rule."""
    with pytest.raises(CaseError) as error:
        check_case(rule(find, **more), case(text))
    return str(error.value)


def test_an_honest_rule_keeps_all_promises():
    """On what it rewrites and on what it leaves alone."""
    check_case(rule(honest), case(REWRITE))
    check_case(rule(honest), case(ALONE))


def test_another_output_is_shown_as_the_lines_that_differ():
    """The message names the file and both sides."""
    message = broken(lambda m, o: (renamed(m, c, "quick") for c in slow_calls(m)))

    assert message == (
        "toy rewrote this case differently (app/example.py)\n"
        "--- README says\n+++ rule did\n"
        "-    return fast(x)  # why\n+    return quick(x)  # why"
    )


def test_nothing_found_is_said():
    """With the refusal when there is one."""
    assert "found nothing here" in broken(lambda m, o: ())
    refusing = broken(lambda m, o: [refuse(c, "no", "not this") for c in slow_calls(m)])
    assert "no: not this" in refusing


def test_code_that_should_stay_is_not_rewritten():
    """A `py` block is left alone."""
    assert "did not leave alone" in broken(honest, "# r\n```py\nslow(1)\n```\n")


def test_a_refusal_must_stand_on_the_page():
    """And what stands there must happen."""

    def refusing(module, options):
        return [refuse(c, "odd", "an odd one") for c in slow_calls(module)]

    silent = "# r\n```py\nslow(1)\n```\n"
    check_case(rule(refusing), case(silent + "Refused: `odd`.\n"))

    assert "refused `odd`; the page says nothing" in broken(refusing, silent)
    assert "the page says `even`" in broken(refusing, silent + "Refused: `even`.\n")
    assert "refused nothing" in broken(lambda m, o: (), silent + "Refused: `odd`.\n")


def test_the_class_must_be_the_one_on_the_page():
    """Where the page states one."""
    check_case(rule(honest), case(REWRITE + "\n    Safety: `safe`.\n"))

    assert "the page says `review`" in broken(honest, REWRITE + "\n    Safety: `review`.\n")


def test_a_class_suggest_is_rewritten_in_a_diff():
    """As if the user had asked for it."""

    def daring(module, options):
        return (replace(one, base=Safety.SUGGEST) for one in honest(module, options))

    check_case(rule(daring), case(REWRITE + "\n    Safety: `suggest`.\n"))


def test_a_rule_that_raises_is_named():
    """With the error and its place."""

    def raising(module, options):
        raise ZeroDivisionError("boom")

    assert "rule-raised: ZeroDivisionError: boom" in broken(raising)


def test_a_second_run_must_be_empty():
    """A rule that finds its own output is caught by the engine or by the harness."""

    def restless(module, options):
        yield from honest(module, options)
        for call in module.calls:
            if module.source.segment(call.func) == "fast" and "slow" not in module.source.text:
                yield renamed(module, call, "slow")

    text = "# r\n```diff\n-slow(1)\n+fast(1)\n```\n"

    assert broken(restless, text, needles=((b"slow", b"fast"),))


def test_an_edit_covers_no_line_that_stays():
    """Printing a whole block to change one line is no small edit."""

    def greedy(module, options):
        for _ in slow_calls(module):
            end = module.source.text.index("  # why")
            text = module.source.text[:end].replace("slow", "fast")
            yield Finding(
                module.tree.body[0], "all", change=lambda t=text, e=end: Change((Edit(0, e, t),))
            )

    assert "covers a line that it leaves as it is: def f(x):" in broken(greedy)


def test_line_endings_are_kept():
    """A rule that writes its own line ending breaks files from Windows."""

    def unix(module, options):
        for call in slow_calls(module):
            start, end = module.source.span(call)
            edit = Edit(start, end, "fast(\n    1,\n)")
            yield Finding(call, "unix", change=lambda made=edit: Change((made,)))

    text = "# r\n```diff\n-slow(1)\n+fast(\n+    1,\n+)\n```\n"

    assert "with \\r\\n and a byte order mark" in broken(unix, text)


def test_a_suppression_silences_each_site():
    """Also where a statement is long and decorated."""
    text = """
        # r
        ```diff
        -@slow(
        +@fast(
             1
         )
         def f():
        -    if x: a = slow(
        +    if x: a = fast(
                 2
             )
        ```
    """
    check_case(rule(honest), case(text))


def test_a_scan_is_the_same_each_time():
    """A rule that depends on anything but the code is seen."""
    clock = itertools.count()

    def moody(module, options):
        for call in slow_calls(module):
            if next(clock) < 4:
                yield renamed(module, call)

    assert broken(moody)


def test_needles_hide_no_site():
    """A byte filter that is too narrow loses sites silently."""
    text = "# r\n```py\nslow(1)\n```\n"

    assert "needles hide a site" in broken(honest, text, needles=((b"other",),))


def test_options_are_given_and_checked():
    """Defaults first, then those of the page; an unknown one is a mistake of the page."""
    options = (Option("name", "fast", "what to call"),)

    def obedient(module, options):
        return (renamed(module, c, options["name"]) for c in slow_calls(module))

    check_case(rule(obedient, options=options), case(REWRITE.replace("# r", "# r\n", 1)))
    quick = "# r\n```toml\nname = 'quick'\n```\n```diff\n-slow(1)\n+quick(1)\n```\n"
    check_case(rule(obedient, options=options), case(quick))
    with pytest.raises(CaseError, match="no option 'nam'"):
        check_case(rule(obedient, options=options), case(quick.replace("name =", "nam =")))


def test_the_check_runs_before_and_after():
    """The same assertions hold for the input and for the output."""
    before = REWRITE.replace('== "1"', '== "1" and "slow" in f.__code__.co_names')
    after = REWRITE.replace('== "1"', '== "1" and "fast" in f.__code__.co_names')

    assert "does not hold after the rewrite: AssertionError" in broken(honest, before)
    assert "does not hold before the rewrite: AssertionError" in broken(honest, after)


def test_a_check_sees_all_files_of_its_case():
    """Modules of a case import each other, and nothing of them stays behind."""
    text = """
        # r
        `shop/api.py`:
        ```diff
        -from shop.tools import slow, fast
        +from shop.tools import fast
        -x = slow(1)
        +x = fast(1)
        ```
        `shop/tools.py`:
        ```py
        def same(x): return x
        slow = fast = same
        ```
        ```py check
        from shop import tools
        assert x == 1 == tools.same(1)
        ```
    """
    check_case(rule(honest), case(text))
    with pytest.raises(ModuleNotFoundError):
        __import__("shop.tools")
