"""Distributions and their entry points are read as the standard library reads them."""

from __future__ import annotations

import sys
from importlib import metadata

import pytest

from hephaestus_codemods import installed

ENTRY_POINTS = {
    "one group": "[hephaestus.rules]\nmore = shop_rules\n",
    "several groups": "[console_scripts]\na = b:c\n[hephaestus.rules]\nx=one\n y  =  two.three \n",
    "comments and blank lines": "[hephaestus.rules]\n# a = no\n\nb = yes\n",
    "a group of a similar name": "[hephaestus.rules.more]\na = no\n",
    "a name that mentions the group": "[console_scripts]\nhephaestus.rules = a:b\n",
    "nothing": "",
}


@pytest.mark.parametrize("title", ENTRY_POINTS)
@pytest.mark.parametrize("kind", installed.METADATA)
def test_entry_points(tmp_path, title, kind):
    """Every form that packaging tools write gives what the standard library gives."""
    folder = tmp_path / f"shop_rules-1.2{kind}"
    folder.mkdir()
    folder.joinpath("entry_points.txt").write_text(ENTRY_POINTS[title])
    folder.joinpath(installed.METADATA[kind]).write_text(
        "Metadata-Version: 2.1\nName: Shop.Rules\nVersion: 1.2\n\nName: not a header\n"
    )

    assert list(installed.naming("hephaestus.rules", [str(tmp_path)])) == expected(
        "hephaestus.rules", [str(tmp_path)]
    )


@pytest.mark.parametrize("group", ["console_scripts", "pytest11", "hephaestus.rules"])
def test_this_environment(group):
    """All distributions that are installed here are read alike."""
    found = list(installed.naming(group, sys.path))

    assert found == expected(group, sys.path)
    assert found


def test_what_is_broken_or_absent_names_nothing(tmp_path):
    """A distribution without a name, a file instead of a folder, and no folder at all."""
    nameless = tmp_path / "x-1.dist-info"
    nameless.mkdir()
    nameless.joinpath("entry_points.txt").write_text("[hephaestus.rules]\na = b\n")
    archive = tmp_path / "packed.zip"
    archive.write_bytes(b"PK")

    path = [str(tmp_path), str(archive), str(tmp_path / "absent")]

    assert list(installed.naming("hephaestus.rules", path)) == []


def expected(group: str, path: list[str]) -> list[installed.Distribution]:
    return [
        installed.Distribution(one.metadata["Name"], one.version, values)
        for one in metadata.distributions(path=path)
        if (values := tuple(entry.value for entry in one.entry_points if entry.group == group))
    ]
