"""No path leads out of the root, into git's own folder, or through a link."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from hephaestus_codemods.patch import fsops, journal, paths
from hephaestus_codemods.patch.fsops import Do, Folder, Operation
from hephaestus_codemods.patch.ground import Ground
from hephaestus_codemods.patch.journal import Plan, Planned, digest
from hephaestus_codemods.patch.model import FileChange
from hephaestus_codemods.patch.paths import PathRefusedError, Why
from hephaestus_codemods.patch.ulid import new

from .harness import CHANGES, KEY, OLD, Target

OUTSIDE = [
    "",
    "/etc/passwd",
    "//server/share",
    "..",
    "../x.py",
    "a/../x.py",
    "a/../../x.py",
    "a/..",
    "./x.py",
    "a/./x.py",
    "a//x.py",
    "a/",
    ".",
    "a\0.py",
    "\\x.py",
    "..\\x.py",
    "a\\..\\..\\x.py",
    "C:\\x.py",
    "c:x.py",
    "\\\\server\\share\\x.py",
]
GIT = [
    ".git/config",
    ".git",
    "sub/.git/config",
    ".GIT/config",
    ".Git/hooks/pre-commit",
    ".gIt",
    "git~1/config",
    "GIT~1",
    "git~2/config",
    ".git./config",
    ".git../config",
    ".git /config",
    ".git. . /config",
    ".git::$INDEX_ALLOCATION/config",
    ".git:x",
    "GIT~1.",
    ".g\u200cit/config",
    ".git\u200d/config",
    "\u200e.git/config",
    ".gi\u200ft/config",
    ".\u202agit",
    ".g\u202bit",
    ".gi\u202ct",
    ".git\u202d",
    "\u202e.git",
    ".\u206agit",
    ".g\u206bit",
    ".gi\u206ct",
    ".git\u206d",
    ".git\u206e",
    ".git\u206f",
    "\ufeff.git/config",
    ".G\u200cI\ufeffT/hooks/x",
    "a\\.git\\config",
    "a\\GIT~1\\config",
    ".git\\config",
]
FINE = [
    "a.py",
    "a/b/c.py",
    ".gitignore",
    ".github/workflows/ci.yml",
    "git/x.py",
    "dot.git/x.py",
    ".gitx",
    "a b.py",
    "-x.py",
    ":(top)x.py",
    "a\nb.py",
    "...",
    "..a",
    "日本.py",
    "caf\udce9.py",
]


@pytest.mark.parametrize("path", OUTSIDE + GIT)
def test_a_path_that_escapes_is_refused_by_its_spelling(path: str, target: Target) -> None:
    with pytest.raises(PathRefusedError) as refused:
        paths.check(path)

    assert refused.value.why is (Why.GIT if path in GIT else Why.OUTSIDE)
    outcome = target.apply((FileChange(path, None, b"x", owners=("s-1",)),))
    assert outcome.id is None
    assert [file.code for file in outcome.skipped] == [refused.value.why]
    assert target.tree() == OLD


@pytest.mark.parametrize("path", FINE)
def test_an_ordinary_path_is_fine(path: str) -> None:
    assert "/".join(paths.check(path)) == path


def why(root: Path, path: str) -> Why:
    with Folder.open(root) as folder, pytest.raises(PathRefusedError) as refused:
        paths.look(folder, path)
    return refused.value.why


def test_links_and_special_files_are_refused(target: Target) -> None:
    root = target.root
    (target.disk / "outside").mkdir()
    (target.disk / "outside/x.py").write_bytes(b"outside\n")
    (root / "link.py").symlink_to(target.disk / "outside/x.py")
    (root / "inner.py").symlink_to("a.py")
    (root / "dangling.py").symlink_to("nowhere")
    (root / "folder").symlink_to(target.disk / "outside")
    (root / "loop").symlink_to("loop")
    os.link(target.disk / "outside/x.py", root / "hard.py")
    os.mkfifo(root / "pipe.py")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(root / "socket.py"))

    assert why(root, "link.py") is Why.LINK
    assert why(root, "inner.py") is Why.LINK
    assert why(root, "dangling.py") is Why.LINK
    assert why(root, "folder/x.py") is Why.LINK
    assert why(root, "loop/x.py") is Why.LINK
    assert why(root, "a.py/x.py") is Why.LINK
    assert why(root, "hard.py") is Why.HARD_LINK
    assert why(root, "pipe.py") is Why.SPECIAL
    assert why(root, "socket.py") is Why.SPECIAL
    assert why(root, "pkg") is Why.SPECIAL


def test_what_is_behind_a_mount_is_refused() -> None:
    assert why(Path("/"), "proc/version") is Why.MOUNT


def test_a_name_that_the_system_refuses_is_reported(target: Target) -> None:
    outcome = target.apply((FileChange("x" * 300, None, b"", owners=("s-1",)),))

    assert [file.code for file in outcome.skipped] == ["system-error"]
    assert "ENAMETOOLONG" in outcome.skipped[0].message


def test_a_read_only_file_that_is_only_needed_is_fine(target: Target) -> None:
    (target.root / "b.py").chmod(0o444)
    needed = FileChange("b.py", OLD["b.py"], OLD["b.py"], owners=("s-4",))

    assert target.apply((needed, CHANGES[2])).written == ("pkg/c.py",)


def test_a_read_only_file_is_left_alone(target: Target) -> None:
    (target.root / "b.py").chmod(0o444)

    outcome = target.apply()

    assert ("b.py", Why.READ_ONLY) in {(file.path, file.code) for file in outcome.skipped}
    assert target.tree()["b.py"] == OLD["b.py"]


@pytest.mark.parametrize("planted", ["a.py", "pkg", "app"])
def test_a_link_planted_between_survey_and_rename_changes_nothing_outside(
    target: Target, planted: str
) -> None:
    """git's CVE-2023-23946: a path behind a link that was not there when it was checked."""
    outside = target.disk / "outside"
    outside.mkdir()
    (outside / "c.py").write_bytes(OLD["pkg/c.py"])
    (outside / "run.py").write_bytes(OLD["pkg/run.py"])
    before = {path.name: path.read_bytes() for path in outside.iterdir()}

    def plant(operation: Operation) -> None:
        path = target.root / planted
        first = operation.do is Do.RENAME and not path.is_symlink()
        if first and operation.path.is_relative_to(target.root):
            path.rename(target.disk / "moved")
            path.symlink_to(outside)

    with fsops.watched(plant):
        target.apply()

    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


def test_revert_does_not_write_through_a_link(target: Target) -> None:
    target.apply()
    outside = target.disk / "outside"
    (target.root / "pkg").rename(outside)
    (target.root / "pkg").symlink_to(outside)
    before = {path.name: path.read_bytes() for path in outside.iterdir()}

    plan, outcome = target.revert()

    assert outcome.id is None
    assert {conflict.path for conflict in plan.conflicts} == {"pkg/c.py", "pkg/run.py"}
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


@pytest.mark.parametrize("path", ["../escape.py", ".git/config", "pkg/c.py"])
def test_recovery_does_not_write_through_a_link_or_out_of_the_root(
    target: Target, path: str
) -> None:
    """Even a genuine seal gives no path more rights."""
    outside = target.disk / "outside"
    (target.root / "pkg").rename(outside)
    (target.root / "pkg").symlink_to(outside)
    (target.disk / "escape.py").write_bytes(b"new")
    (outside / "c.py").write_bytes(b"new")
    names = journal.temporary_name(), journal.temporary_name()
    file = Planned(path, digest(b"old"), digest(b"new"), 0o644, *names)
    with Folder.open(target.root) as root, Folder.open(target.state) as state:
        journal.begin(Ground(root, state, KEY), Plan(new(), "runs", (file,)), [b"old"])

    found = target.recover()

    assert found.conflicts == (path,)
    assert (target.disk / "escape.py").read_bytes() == b"new"
    assert (outside / "c.py").read_bytes() == b"new"
