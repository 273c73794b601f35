"""Lines that are too long, broken as black breaks them."""

import pytest

from hephaestus_codemods.kit.breaking import broken, put_in_place
from hephaestus_codemods.project.project import Project

#: What stands before the expression, how far the statement is indented, and the result.
CASES = {
    "it fits": ("found = ", 4, "session.get(User, key)", "session.get(User, key)"),
    "the last brackets are opened": (
        "users = ",
        4,
        "session.scalars(select(User).where(User.identifier.in_(all_the_keys_of_the_loop)))",
        "session.scalars(\n"
        "    select(User).where(User.identifier.in_(all_the_keys_of_the_loop))\n"
        ")",
    ),
    "empty brackets stay closed": (
        "users = ",
        4,
        "session.scalars(select(User).where(User.identifier.in_(all_keys_of_the_loop))).all()",
        "session.scalars(\n"
        "    select(User).where(User.identifier.in_(all_keys_of_the_loop))\n"
        ").all()",
    ),
    "a chain gets brackets": (
        "users = ",
        4,
        "session.query(User).filter(User.identifier.in_(all_the_keys)).order_by(User.id).all()",
        "(\n"
        "    session.query(User)\n"
        "    .filter(User.identifier.in_(all_the_keys))\n"
        "    .order_by(User.id)\n"
        "    .all()\n"
        ")",
    ),
    "a chain in brackets is taken apart": (
        "for post in ",
        8,
        "session.scalars("
        "select(Post).where(Post.author_id.in_(user_ids), Post.title != 'no (post)')"
        ".order_by(Post.id))",
        "session.scalars(\n"
        "    select(Post)\n"
        "    .where(Post.author_id.in_(user_ids), Post.title != 'no (post)')\n"
        "    .order_by(Post.id)\n"
        ")",
    ),
    "a comprehension is cut at its clauses": (
        "users_by_identifier = ",
        4,
        "{user.id: user for user in session.scalars(select(User).where(User.id.in_(identifiers)))}",
        "{\n"
        "    user.id: user\n"
        "    for user in session.scalars(select(User).where(User.id.in_(identifiers)))\n"
        "}",
    ),
    "a chain in a clause is taken apart": (
        "author_ids = ",
        4,
        "{author_id for (author_id,) in session.query(Post.author_id)"
        ".filter(Post.author_id.in_(user_ids)).distinct()}",
        "{\n"
        "    author_id\n"
        "    for (author_id,) in session.query(Post.author_id)\n"
        "    .filter(Post.author_id.in_(user_ids))\n"
        "    .distinct()\n"
        "}",
    ),
    "arguments get a line each, with a comma": (
        "users = ",
        4,
        "session.query("
        "User, User.identifier_of_the_department, User.identifier_of_the_first_manager_there)",
        "session.query(\n"
        "    User,\n"
        "    User.identifier_of_the_department,\n"
        "    User.identifier_of_the_first_manager_there,\n"
        ")",
    ),
    "conditions are cut at and": (
        "keys = ",
        4,
        "{one.key for one in items "
        "if one.is_wanted_by_somebody and one.is_not_forbidden_for_anybody}",
        "{\n"
        "    one.key\n"
        "    for one in items\n"
        "    if one.is_wanted_by_somebody and one.is_not_forbidden_for_anybody\n"
        "}",
    ),
    "long conditions are cut once more": (
        "keys = ",
        4,
        "{one.key for one in items if one.is_wanted_by_somebody "
        "and one.is_not_forbidden_for_anybody and one.key is not None}",
        "{\n"
        "    one.key\n"
        "    for one in items\n"
        "    if one.is_wanted_by_somebody\n"
        "    and one.is_not_forbidden_for_anybody\n"
        "    and one.key is not None\n"
        "}",
    ),
    "nothing can be broken": ("x = ", 80, "identifier_of_department", "identifier_of_department"),
}


@pytest.mark.parametrize("title", CASES)
def test_lines_are_broken_as_black_does(title: str) -> None:
    """The expected texts are what black 26 prints."""
    before, column, text, expected = CASES[title]

    assert broken(text, column, len(before)) == expected


def test_longer_lines_are_kept_where_they_are_allowed() -> None:
    """The width is the target's own."""
    text = "session.scalars(select(User).where(User.identifier.in_(all_the_keys_of_the_loop)))"

    assert broken(text, 4, 8, width=120) == text


PLACES = {
    "x = (\n    ask(1)\n)\n": "x = answers\n",
    "x = f(\n    ask(1)\n)\n": "x = f(answers)\n",
    "x = f(ask(1))\n": "x = f(answers)\n",
    "x = f(\n    ask(1),\n    2,\n)\n": "x = f(\n    answers,\n    2,\n)\n",
    "x = f(  # why\n    ask(1)\n)\n": "x = f(  # why\n    answers\n)\n",
    "x = [\n    ask(1)\n]\n": "x = [\n    answers\n]\n",
}


@pytest.mark.parametrize("before", PLACES)
def test_brackets_close_again_around_a_short_text(before: str) -> None:
    """Only those that had lines of their own for what is replaced."""
    module = Project.from_files({"app.py": before}).module_at("app.py")
    call = next(one for one in module.calls if module.source.segment(one) == "ask(1)")

    edit = put_in_place(module, call, "answers")

    assert before[: edit.start] + edit.text + before[edit.end :] == PLACES[before]
