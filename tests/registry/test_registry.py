"""Packs are found by entry point, imported late, and broken ones cost only themselves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from hephaestus_codemods import registry
from hephaestus_codemods.errors import BrokenPromise, UsageError
from hephaestus_codemods.rule import Rule

RULE = (
    "from hephaestus_codemods.rule import Rule\n"
    "RULE = Rule(__name__, summary='Look at {name}', find=lambda m, o: (), needles=())\n"
)
Install = Callable[..., Path]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Return a function that installs a pack as pip would: a package and its metadata."""
    before = set(sys.modules)

    def installed(name: str, rules: dict[str, str], package: str = "") -> Path:
        package = package or name.replace("-", "_")
        site = tmp_path / "site" / name
        meta = site / f"{package.partition('.')[0]}-1.2.dist-info"
        meta.mkdir(parents=True)
        meta.joinpath("METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.2\n")
        meta.joinpath("entry_points.txt").write_text(f"[hephaestus.rules]\nmore = {package}\n")
        root = site.joinpath(*package.split("."))
        for rule, source in rules.items():
            root.joinpath(rule).mkdir(parents=True)
            root.joinpath(rule, "rule.py").write_text(source.format(name=rule))
            root.joinpath(rule, "README.md").write_text(f"# {rule}\n")
        monkeypatch.syspath_prepend(site)
        return root

    yield installed
    for name in set(sys.modules) - before:
        del sys.modules[name]


def test_our_own_rules_come_from_an_entry_point() -> None:
    """Our rules are found like anybody's."""
    (pack,) = [pack for pack in registry.find_packs() if pack.is_builtin]

    assert (pack.name, pack.package) == ("hephaestus-codemods", "hephaestus_rules")


def test_a_pack_is_found(install: Install) -> None:
    """Every folder with a rule.py is a rule; its pack is known; nothing is imported to find it."""
    install("shop-rules", {"shop_price_cache": RULE, "shop_tax_batch": RULE})

    found = registry.find_rules()

    assert found.rules["shop-price-cache"].pack == registry.Pack("shop-rules", "shop_rules", "1.2")
    assert "shop-tax-batch" in found.rules
    assert "shop_rules" not in sys.modules


def test_a_package_inside_another_is_found_without_importing_it(install: Install) -> None:
    """The parent package of a pack does not run either."""
    root = install("deep-rules", {"deep_one": RULE}, package="deep.rules")
    root.parent.joinpath("__init__.py").write_text("raise SystemExit('imported')\n")

    assert "deep-one" in registry.find_rules().rules


def test_load_and_page(install: Install) -> None:
    """A rule is imported on demand, with its page."""
    install("shop-rules", {"shop_price_cache": RULE})

    rule = registry.load(registry.find_rules().named("shop-price-cache"))

    assert rule.summary == "Look at shop_price_cache"
    assert registry.readme(rule) == "# shop_price_cache\n"


def test_two_rules_of_one_name_are_an_error(install: Install) -> None:
    """Names are unique over all packs; both are named."""
    install("one-pack", {"same_rule": RULE})
    install("other-pack", {"same_rule": RULE})

    with pytest.raises(UsageError, match=r"'same-rule': one_pack\.same_rule .* other_pack\.same"):
        registry.find_rules()


BROKEN = {
    "raises": ("raise ValueError('no')\n", "ValueError: no"),
    "does not parse": ("def :\n", "SyntaxError"),
    "has no RULE": ("\n", "AttributeError"),
    "is no rule": ("RULE = 3\n", "RULE is a int, not a Rule"),
    "has another name": (RULE.replace("__name__", "'a.b.rule'"), "calls itself 'b'"),
}


@pytest.mark.parametrize("title", BROKEN)
def test_a_broken_rule_costs_only_itself(install: Install, title: str) -> None:
    """Loading says which rule of which pack is broken and why; listing goes on."""
    source, reason = BROKEN[title]
    install("bad-rules", {"bad_one": source, "good_one": RULE})
    found = registry.find_rules()

    with pytest.raises(UsageError, match=f"bad-one of the pack bad-rules 1.2 .*{reason}"):
        registry.load(found.named("bad-one"))
    described = {one.name: one for one in registry.list_rules(found)}
    assert reason in described["bad-one"].problem
    assert described["good-one"].summary == "Look at good_one"


def test_a_pack_without_its_package_costs_only_itself(install: Install) -> None:
    """Metadata that names nothing is said, and other packs are there."""
    install("empty-rules", {})
    install("shop-rules", {"shop_price_cache": RULE})

    found = registry.find_rules()

    assert "empty-rules 1.2 is broken" in found.broken["empty-rules"]
    assert "shop-price-cache" in found.rules


def test_third_party_rules_are_reached_only_when_their_pack_is_named(install: Install) -> None:
    """S13: patterns and tasks see a pack only after the user named it."""
    install("shop-rules", {"shop_price_cache": RULE})
    found = registry.find_rules()

    assert "shop-price-cache" not in found.reachable()
    assert found.matching("shop-*", packs=["Shop_Rules"]) == ("shop-price-cache",)
    with pytest.raises(UsageError, match="comes from the pack 'shop-rules'"):
        found.matching("shop-price-cache")
    with pytest.raises(UsageError, match="no rule matches 'shop-\\*'"):
        found.matching("shop-*")


def test_an_unknown_rule_gets_a_guess(install: Install) -> None:
    """A misspelt name is answered with the nearest one."""
    install("shop-rules", {"shop_price_cache": RULE})

    with pytest.raises(
        UsageError, match=r"no rule 'shop_prize_cache'\. Did you mean 'shop-price-c"
    ):
        registry.find_rules().named("shop_prize_cache")


def test_packs_in_the_working_folder_do_not_count(
    install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S13: a target that ships metadata of a pack adds no rule."""
    root = install("evil-rules", {"evil_one": RULE})
    monkeypatch.chdir(root.parent)

    assert "evil-one" not in registry.find_rules().rules


def test_fingerprint_follows_every_file(install: Install) -> None:
    """The hash in the report changes with any file of the rule."""
    root = install("shop-rules", {"shop_price_cache": RULE})
    listed = registry.find_rules().named("shop-price-cache")
    before = registry.fingerprint(listed)

    root.joinpath("shop_price_cache", "inject").mkdir()
    root.joinpath("shop_price_cache", "inject", "a.py").write_text("a = 1\n")

    assert registry.fingerprint(listed) != before


def rule(name: str, *after: str) -> Rule:
    return Rule(f"p.{name}.rule", summary="", find=lambda m, o: (), needles=(), after=after)


ORDERS = {
    "by name": ([rule("b"), rule("a")], ["a", "b"]),
    "after another": ([rule("a", "b"), rule("b")], ["b", "a"]),
    "after one that does not run": ([rule("a", "z"), rule("b")], ["a", "b"]),
    "a chain": ([rule("a", "b"), rule("b", "c"), rule("c"), rule("d")], ["c", "b", "a", "d"]),
    "two before one": ([rule("a", "c", "b"), rule("c"), rule("b")], ["b", "c", "a"]),
}


@pytest.mark.parametrize("title", ORDERS)
@pytest.mark.parametrize("turn", [1, -1])
def test_order(title: str, turn: int) -> None:
    """The order depends on ``after`` and names, never on the order of finding."""
    rules, names = ORDERS[title]

    assert [rule.name for rule in registry.ordered(rules[::turn])] == names


def test_a_circle_of_rules_is_our_fault() -> None:
    """Rules that wait for each other break a promise of ours."""
    with pytest.raises(BrokenPromise, match="a after b, b after a"):
        registry.ordered([rule("a", "b"), rule("b", "a"), rule("c")])


def test_listing_imports_neither_libcst_nor_sqlglot() -> None:
    """The list of rules is cheap."""
    code = (
        "import sys\nfrom hephaestus_codemods import registry\n"
        "registry.list_rules()\n"
        "print([name for name in ('libcst', 'sqlglot', 'rope') if name in sys.modules])\n"
    )
    env = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, env=env)

    assert done.stdout.decode().strip() == "[]"
