"""Who may say what about a run, and what becomes of what nobody can mean."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema
import pytest
import tomlkit

from hephaestus_codemods import registry
from hephaestus_codemods.config import layers
from hephaestus_codemods.config.keys import MAX_ITEMS, MAX_LENGTH
from hephaestus_codemods.config.settings import Said, Settings, load_settings
from hephaestus_codemods.errors import UsageError
from hephaestus_codemods.flows.config import described
from hephaestus_codemods.rule import Option, Rule, Safety

if TYPE_CHECKING:
    from collections.abc import Mapping

POOL, EXISTS = "sqlalchemy-engine-pool-options", "sqlalchemy-exists-over-count"
COMMITTED = Path(__file__).parents[2] / "docs" / "hcodemod.schema.json"
OPTIONS = (
    Option("size", 5, "How many.", minimum=1),
    Option("ratio", 0.5, "What part."),
    Option("loud", False, "Whether to shout."),
    Option("where", "here", "A place."),
    Option("mode", "a", "One of some.", choices=("a", "b")),
)
#: A rule under the name of one that is installed, with an option of every kind.
RULE = Rule(
    f"hephaestus_rules.{POOL.replace('-', '_')}.rule", "", lambda m, o: (), (), options=OPTIONS
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    (folder / "services/api/app").mkdir(parents=True)
    return folder


def load(root: Path, start: str = "", user: str = "", **said: Any) -> Settings:
    """Load what holds at *start*; *user* is the text of the user's own file."""
    home = root.parent / "home"
    file = home / ".config/hcodemod/config.toml"
    if user:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(user)
    environ = {"HOME": str(home)}
    return load_settings(root, root / start, Said(**said), registry.find_rules(), environ)


def say(root: Path, text: str, path: str = "pyproject.toml") -> None:
    (root / path).write_text(text)


def test_later_speakers_win(root):
    """The user, then the target, then what the command line names; each is remembered."""
    assert load(root).jobs is None
    assert load(root, user="jobs = 1").jobs == 1
    say(root, "[tool.hcodemod]\njobs = 2")
    assert load(root, user="jobs = 1").jobs == 2
    say(root.parent, "jobs = 3", "mine.toml")
    settings = load(root, user="jobs = 1\nignore = ['redis-*']", config=root.parent / "mine.toml")

    assert settings.jobs == 3
    assert settings.origins["jobs"] == str(root.parent / "mine.toml")
    assert settings.ignore == ("redis-roundtrip-collapse",)
    assert load(root, user="jobs = 1", isolated=True) == Settings()
    with pytest.raises(UsageError, match="--isolated"):
        load(root, isolated=True, config=root.parent / "mine.toml")
    with pytest.raises(UsageError, match="is not there"):
        load(root, config=root / "nope.toml")


def test_options_of_rules_are_merged_one_by_one(root):
    """Each option has the value of the last who set it."""
    say(root, f'[tool.hcodemod.rules."{POOL}"]\nsize = 2\nratio = 1\n')
    user = f'[rules."{POOL}"]\nsize = 1\nloud = true\nmode = "b"\n'

    settings = load(root, user=user, sets=(f"{POOL}.ratio=0.25", f"{POOL}.where=a=b"))

    assert dict(settings.options([RULE])[POOL]) == {
        "size": 2,
        "ratio": 0.25,
        "loud": True,
        "mode": "b",
        "where": "a=b",
    }
    origins = {option.name: settings.option_origin(POOL, option.name) for option in OPTIONS}
    own = str(root.parent / "home/.config/hcodemod/config.toml")
    assert origins == {
        "size": "pyproject.toml",
        "ratio": "command line",
        "loud": own,
        "mode": own,
        "where": "command line",
    }
    assert load(root).option_origin(EXISTS, "size") is None


def test_a_wrong_rule_is_blamed_on_the_file_that_names_it(root):
    """Also when a later file names other rules."""
    say(root, f"[tool.hcodemod]\nrules.{POOL}.size = 2\n")

    with pytest.raises(UsageError, match=r"config.toml:1: rules.x: there is no rule 'x'"):
        load(root, user="rules.x.size = 1")


def test_exclusions_and_packs_add_up(root):
    """What one speaker leaves out, the next does not bring back by leaving out more."""
    say(root, "[tool.hcodemod]\nextend-exclude = ['b']\nexclude = ['x']\n")
    settings = load(
        root,
        user="extend-exclude = ['a']\nexclude = ['y']\npacks = ['p']",
        exclude=("c",),
        packs=("q",),
    )

    assert settings.extend_exclude == ("a", "b", "c")
    assert settings.exclude == ("x",)
    assert settings.packs == ("p",)  # what the command line names holds for its rules only
    assert settings.origins["extend-exclude"] == "command line"


WRONG = {
    "jbos = 2": "pyproject.toml:2: tool.hcodemod.jbos is no setting. Did you mean 'jobs'?",
    "\nexclud = []": "pyproject.toml:3: tool.hcodemod.exclud is no setting. Did you mean 'exclu",
    "jobs = 'two'": "pyproject.toml:2: tool.hcodemod.jobs must be a whole number, not 'two'",
    "jobs = true": "must be a whole number, not True",
    "jobs = 0": "must be between 1 and 64, not 0",
    "jobs = 65": "must be between 1 and 64, not 65",
    "exclude = 'a'": "must be a list of strings, not 'a'",
    "exclude = ['a', 1]": "must be a list of strings, and 1 is none",
    "exclude = ['']": "must be a list of strings, and '' is none",
    r'exclude = ["a\nb"]': "without control characters",
    "target-version = '2.7'": "a version such as \"3.12\", not '2.7'",
    "target-version = 3.12": 'a version such as "3.12", not 3.12',
    "per-file-ignores = ['a']": "a table of lists of strings",
    "per-file-ignores = {'a' = 'b'}": "must be a list of strings, not 'b'",
    f"select = ['{POOL}', 'sqlalchemy-exist-over-count']": (
        "pyproject.toml:2: tool.hcodemod.select: there is no rule 'sqlalchemy-exist-over-count'. "
        f"Did you mean '{EXISTS}'?"
    ),
    "select = ['nothing-*']": "no rule matches 'nothing-*'",
    "jobs = 1\nignore = ['x']": "pyproject.toml:3: tool.hcodemod.ignore: there is no rule 'x'",
    "per-file-ignores = {'a' = ['x']}": "tool.hcodemod.per-file-ignores: there is no rule 'x'",
    "rules = 3": "a table with a table for each rule, not 3",
    f"[tool.hcodemod.rules]\n{POOL} = 3": "a table with a table for each rule, not 3",
    "[tool.hcodemod.rules.x]\na = 3": "pyproject.toml:2: tool.hcodemod.rules.x: there is no rule",
    f"[tool.hcodemod.rules.{POOL}]\n\nsiez = 3": (
        f"pyproject.toml:4: tool.hcodemod.rules.{POOL}.siez: {POOL} has no option 'siez'. "
        "Did you mean 'size'?; it has size, ratio, loud, where, mode"
    ),
    f"rules.{POOL}.size = 0": "must be 1 or more, not 0",
    f"rules.{POOL}.size = 1.5": "must be a whole number, not 1.5",
    f"rules.{POOL}.size = true": "must be a whole number, not True",
    f"rules.{POOL}.loud = 1": "must be true or false, not 1",
    f"rules.{POOL}.ratio = nan": "must be a finite number, not nan",
    f"rules.{POOL}.mode = 'c'": "must be one of a, b, not 'c'",
    f"rules.{POOL}.where = ['a']": "must be a string, not ['a']",
    f"rules.{POOL}.where = 1979-05-27": "must be a string",
    f"rules.{POOL}.where = 'redis://x'": "counts only on the command line or in your own",
    f"rules.{POOL}.where = '{'a' * 501}'": "at most 500 characters",
    "safety = 'review'": "tool.hcodemod.safety counts only on the command line or in your own",
    "packs = ['acme-codemods']": "tool.hcodemod.packs counts only on the command line or in your",
    "cache-dir = '/etc'": "tool.hcodemod.cache-dir is no setting",
    "[tool.hcodemod": "pyproject.toml:2: ",
    "jobs = 1\njobs = 2": "pyproject.toml:3: Cannot overwrite a value",
    f"exclude = {['a'] * (MAX_ITEMS + 1)}": "must be at most 1000 entries long",
    f"exclude = ['{'a' * (MAX_LENGTH + 1)}']": "at most 500 characters",
    "a" + ".a" * 40 + " = 1": "pyproject.toml:2: no setting has a name of so many parts",
    "a = " + "[" * 20_000: "nested or long like this",
    f"a = {'9' * 5_000}": "nested or long like this",
}


@pytest.mark.parametrize("text", WRONG, ids=range(len(WRONG)))
def test_a_target_that_nobody_can_mean_is_an_error(root, text):
    """The message names file, line and key, says what is wanted, and guesses what was meant."""
    say(root, f"[tool.hcodemod]\n{text}\n")

    with pytest.raises(UsageError) as caught:
        load(root).options([RULE])

    assert WRONG[text] in str(caught.value)


WRONG_SETS = {
    "size=3": "--set takes RULE.OPTION=VALUE",
    f"{POOL}=3": "--set takes RULE.OPTION=VALUE",
    f"{POOL}.size": "--set takes RULE.OPTION=VALUE",
    f"{POOL}.siez=3": "Did you mean 'size'?",
    f"{POOL}s.size=3": f"Did you mean '{POOL}'?",
    f"{POOL}.size=x": "must be a whole number, not 'x'",
    f"{POOL}.size=0": "must be 1 or more, not 0",
    f"{POOL}.loud=yes": "must be true or false, not 'yes'",
    f"{POOL}.ratio=inf": "must be a finite number",
    f"{POOL}.mode=c": "must be one of a, b",
}


@pytest.mark.parametrize("text", WRONG_SETS)
def test_an_option_on_the_command_line_is_checked(root, text):
    """--set says what it takes and guesses what was meant."""
    with pytest.raises(UsageError) as caught:
        load(root, sets=(text,)).options([RULE])

    assert WRONG_SETS[text] in str(caught.value)


def test_users_decide_what_targets_cannot(root):
    """Safety, packs and URLs count in the user's own file and in one that the user names."""
    text = f"safety = 'review'\npacks = ['acme']\nrules.{POOL}.where = 'redis://x'\n"
    say(root.parent, text, "mine.toml")

    for settings in (load(root, config=root.parent / "mine.toml"), load(root, user=text)):
        assert settings.safety is Safety.REVIEW
        assert settings.packs == ("acme",)
        assert settings.options([RULE])[POOL]["where"] == "redis://x"
    assert Settings().safety is Safety.SAFE
    with pytest.raises(UsageError, match=r"safe or review, not 'suggest'"):
        load(root, user="safety = 'suggest'")


SPY = """
from pathlib import Path
from hephaestus_codemods.rule import Rule
Path(__file__).with_name("imported").touch()
RULE = Rule(__name__, "", lambda module, options: (), ())
"""


@pytest.mark.parametrize(
    "text", ["select = ['spy-rule']", "select = ['spy-*']", "per-file-ignores = {'a' = ['spy-*']}"]
)
def test_a_target_never_has_code_of_a_pack_imported(root, monkeypatch, text):
    """A target that asks for a third-party rule is refused before the rule is loaded (S13)."""
    site = root.parent / "site"
    (site / "spy_rules/spy_rule").mkdir(parents=True)
    (site / "spy_rules/spy_rule/rule.py").write_text(SPY)
    (site / "spy-1.dist-info").mkdir()
    (site / "spy-1.dist-info/METADATA").write_text("Name: spy\nVersion: 1\n")
    entry = "[hephaestus.rules]\nspy = spy_rules\n"
    (site / "spy-1.dist-info/entry_points.txt").write_text(entry)
    monkeypatch.syspath_prepend(site)
    say(root, f"[tool.hcodemod]\n{text}\n")

    with pytest.raises(UsageError, match="spy-"):
        load(root)
    assert not (site / "spy_rules/spy_rule/imported").exists()
    assert "spy_rules" not in sys.modules

    say(root, "")
    assert load(root, user="select = ['spy-*']\npacks = ['spy']").select == ("spy-rule",)


def test_the_nearest_configuration_holds(root):
    """In a monorepo a folder has its own settings; those around it then say nothing."""
    say(root, "[tool.hcodemod]\njobs = 1\nignore = ['redis-*']\n")
    say(root, "jobs = 2\n", "services/api/hcodemod.toml")
    say(root, "[project]\nname = 'x'\n", "services/api/app/pyproject.toml")

    assert load(root, "services").jobs == 1
    assert load(root, "services/api/app").jobs == load(root, "services/api").jobs == 2
    assert load(root, "services/api/app").ignore == ()
    assert load(root, "services/api/app").origins == {"jobs": "services/api/hcodemod.toml"}


def test_patterns_speak_of_the_folder_of_their_file(root):
    """What a service excludes or ignores is its own, wherever the same names occur elsewhere."""
    say(
        root,
        "exclude = ['old', '/a.py', 'x/b.py', '!keep']\n"
        f"per-file-ignores = {{'legacy/*.py' = ['{POOL}'], 'all.py' = ['*']}}\n",
        "services/api/hcodemod.toml",
    )
    settings = load(root, "services/api")

    assert settings.exclude == (
        "/services/api/**/old",
        "/services/api/a.py",
        "/services/api/x/b.py",
        "!/services/api/**/keep",
    )
    both = (POOL, EXISTS)
    assert settings.ignored_rules("services/api/legacy/a.py", both) == {POOL}
    assert settings.ignored_rules("services/api/deep/all.py", both) == set(both)
    for path in ("legacy/a.py", "services/legacy/a.py", "services/api/legacy/x/a.py", "all.py"):
        assert settings.ignored_rules(path, both) == set()


def test_one_folder_holds_one_configuration(root):
    """Two files that both speak are an error; a manifest that says nothing to us does not."""
    say(root, "jobs = 2\n", "hcodemod.toml")
    say(root, "this is no TOML [\n")
    assert load(root).jobs == 2

    say(root, "[tool.hcodemod]\njobs = 1\n")
    with pytest.raises(
        UsageError, match=r"hcodemod\.toml and .*pyproject\.toml both hold settings"
    ):
        load(root)


def test_settings_do_not_come_from_outside(root):
    """Links that leave the root are ignored with a note; above the root nothing is read."""
    say(root.parent, "[tool.hcodemod]\njobs = 1\n")
    assert load(root).jobs is None
    (root / "pyproject.toml").symlink_to("../pyproject.toml")

    settings = load(root)

    assert settings.jobs is None
    assert "is a link that leaves" in settings.notes[0]
    (root / "services/api/pyproject.toml").symlink_to("../../real.toml")
    say(root, "[tool.hcodemod]\njobs = 3\n", "real.toml")
    assert load(root, "services/api").jobs == 3


def test_what_is_no_file_of_settings_is_an_error(root):
    """Sizes are capped; pipes and folders are refused; text is UTF-8."""
    file = root / "hcodemod.toml"
    file.write_bytes(b"#" * (layers.MAX_BYTES + 1))
    with pytest.raises(UsageError, match="is larger than 1,000,000 bytes"):
        load(root)
    file.write_bytes(b"jobs = 1\n# \xff\n")
    with pytest.raises(UsageError, match=r"hcodemod.toml:2: TOML is UTF-8"):
        load(root)
    file.write_bytes(b"\xef\xbb\xbfjobs = 1\r\n")
    assert load(root).jobs == 1
    file.unlink()
    file.mkdir()
    with pytest.raises(UsageError, match=r"hcodemod.toml"):
        load(root)
    file.rmdir()
    os.mkfifo(file)
    with pytest.raises(UsageError, match="is no regular file"):
        load(root)


def test_the_user_file_lies_where_the_environment_says(root):
    """XDG_CONFIG_HOME counts when it is absolute, then HOME; without both there is none."""
    (root / "hcodemod").mkdir()
    say(root, "jobs = 7\n", "hcodemod/config.toml")
    catalogue = registry.find_rules()

    def jobs(**environ: str) -> int | None:
        return load_settings(root / "services", root, Said(), catalogue, environ).jobs

    assert jobs(XDG_CONFIG_HOME=str(root)) == 7
    assert jobs(XDG_CONFIG_HOME=".", HOME="/nowhere") is None
    assert jobs() is None
    with pytest.raises(UsageError, match=r"config.toml:1: jbos is no setting"):
        load(root, user="jbos = 1")


SCHEMA = json.loads(described())
#: Configurations, and whether they can be meant.
CONFIGURATIONS: dict[str, bool] = {
    "": True,
    "jobs = 1": True,
    "jobs = 64": True,
    "jobs = 0": False,
    "jobs = 65": False,
    "jobs = '1'": False,
    "jobs = true": False,
    "jbos = 1": False,
    "safety = 'safe'": True,
    "safety = 'review'": True,
    "safety = 'suggest'": False,
    "target-version = '3.12'": True,
    "target-version = 'py39'": True,
    "target-version = '312'": True,
    "target-version = '3'": False,
    "target-version = '2.7'": False,
    "target-version = '>=3.12'": False,
    "target-version = 3.12": False,
    "select = ['sqlalchemy-*']": True,
    "select = []": True,
    "select = 'sqlalchemy-*'": False,
    "select = [1]": False,
    "exclude = ['a', 'b/**']": True,
    "exclude = ['']": False,
    "exclude = ['  ']": False,
    r'exclude = ["a\tb"]': False,
    r'exclude = ["a\u2028"]': False,
    f"exclude = ['{'a' * MAX_LENGTH}']": True,
    f"exclude = ['{'a' * (MAX_LENGTH + 1)}']": False,
    f"exclude = {['a'] * MAX_ITEMS}": True,
    f"exclude = {['a'] * (MAX_ITEMS + 1)}": False,
    "packs = ['acme']": True,
    f"per-file-ignores = {{'tests/**' = ['{POOL}']}}": True,
    "per-file-ignores = {'tests/**' = 'all'}": False,
    "per-file-ignores = {'' = ['*']}": False,
    "per-file-ignores = []": False,
    f"rules.{POOL}.pool-size = 20": True,
    f"rules.{POOL}.pool-size = 0": False,
    f"rules.{POOL}.pool-size = '20'": False,
    f"rules.{POOL}.pool-pre-ping = false": True,
    f"rules.{POOL}.pool-pre-ping = 0": False,
    f"rules.{POOL}.pol-size = 20": False,
    f"rules.{POOL} = 20": False,
    "rules = []": False,
}


@pytest.mark.parametrize("text", CONFIGURATIONS, ids=range(len(CONFIGURATIONS)))
def test_the_schema_accepts_what_a_run_accepts(root, text):
    """What an editor marks as wrong ends a run with an error, and nothing else does."""
    rules = [registry.load(one) for one in registry.find_rules().reachable().values()]

    def runs() -> bool:
        try:
            load(root, user=text or "#").options(rules)
        except UsageError:
            return False
        return True

    config: Mapping[str, object] = tomlkit.parse(text).unwrap()
    marked = [error.message for error in validator(SCHEMA).iter_errors(config)]

    assert (runs(), not marked) == (CONFIGURATIONS[text],) * 2, marked


def validator(schema: Mapping[str, Any]) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema)


def test_the_schema_is_one_and_the_committed_copy_is_it():
    """Editors read docs/hcodemod.schema.json: `hcodemod config schema` writes the same."""
    jsonschema.Draft202012Validator.check_schema(SCHEMA)

    assert COMMITTED.read_text() == described(), (
        "settings or options changed: run `hcodemod config schema > docs/hcodemod.schema.json`"
    )
