"""Git tells us about a repository, and runs nothing that the repository configures."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from hephaestus_codemods import git
from hephaestus_codemods.errors import TargetError

CLEAN = {
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


def run(root: Path, *args: str) -> bytes:
    done = subprocess.run(
        ["git", *args], cwd=root, env=os.environ | CLEAN, capture_output=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A repository with one committed file."""
    path = tmp_path / "root"
    path.mkdir()
    run(path, "init", "-q")
    (path / "a.py").write_bytes(b"a = 1\n")
    (path / "crlf.py").write_bytes(b"a = 1\nb = 2\n")
    run(path, "add", ".")
    run(path, "commit", "-qm", "first")
    return path


def test_the_root_and_its_git_directory_are_found(root: Path) -> None:
    (root / "pkg").mkdir()

    assert git.toplevel(root / "pkg") == root
    assert git.toplevel(root / "a.py") == root
    assert git.git_dir(root / "pkg") == root / ".git"


def test_outside_of_a_repository_there_is_nothing(tmp_path: Path) -> None:
    assert git.toplevel(tmp_path) is None
    assert git.git_dir(tmp_path) is None
    assert git.list_files(tmp_path) is None
    assert git.dirty_paths(tmp_path, ["a.py"]) == set()


def test_a_worktree_has_a_git_directory_of_its_own(root: Path, tmp_path: Path) -> None:
    run(root, "worktree", "add", "-q", str(tmp_path / "other"))

    assert git.toplevel(tmp_path / "other") == tmp_path / "other"
    assert git.git_dir(tmp_path / "other") == root / ".git/worktrees/other"


def test_a_work_tree_set_to_elsewhere_is_no_root(root: Path, tmp_path: Path) -> None:
    (tmp_path / "victim").mkdir()
    run(root, "config", "core.worktree", str(tmp_path / "victim"))

    assert git.toplevel(root) is None


def test_without_git_only_the_merge_is_missing(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))

    assert git.toplevel(root) is None
    assert git.list_files(root) is None
    assert git.dirty_paths(root, ["a.py"]) == set()
    with pytest.raises(TargetError, match="needs git on PATH"):
        git.merge_file(b"", b"", b"")


def test_a_git_in_the_target_is_not_run(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = root / "git"
    fake.write_text("#!/bin/sh\ntouch canary\n")
    fake.chmod(0o755)
    monkeypatch.chdir(root)
    monkeypatch.setenv("PATH", os.pathsep.join(("", ".", os.environ["PATH"])))

    assert git.toplevel(root) == root
    assert not (root / "canary").exists()


def test_files_are_listed_with_any_name_and_without_submodules(root: Path, tmp_path: Path) -> None:
    odd = [b"new\nline.py", b"caf\xe9.py", b"-x.py", b":(top)z.py", "日本.py".encode(), b"*.py"]
    for name in odd:
        Path(os.fsdecode(os.fsencode(root) + b"/" + name)).write_bytes(b"")
    (root / ".gitignore").write_text("ignored.py\n")
    (root / "ignored.py").write_text("")
    other = tmp_path / "other"
    other.mkdir()
    run(other, "init", "-q")
    run(other, "commit", "-qm", "x", "--allow-empty")
    run(root, "-c", "protocol.file.allow=always", "submodule", "add", "-q", str(other), "sub")
    (root / "sub/inner.py").write_text("")
    (root / "nested").mkdir()
    run(root / "nested", "init", "-q")
    (root / "nested/inner.py").write_text("")

    files = git.list_files(root)

    assert files is not None
    own = {".gitignore", ".gitmodules", "a.py", "crlf.py"}
    assert set(files) == own | {os.fsdecode(name) for name in odd}


def test_only_what_no_commit_has_is_dirty(root: Path) -> None:
    for name in ("staged.py", "edited.py", "deleted.py", "again.py", "untracked.py", "both.py"):
        (root / name).write_text("x = 1\n")
    run(root, "add", "edited.py", "deleted.py", "again.py", "both.py")
    run(root, "commit", "-qm", "second")
    (root / "edited.py").write_text("x = 2\n")
    (root / "deleted.py").unlink()
    run(root, "add", "staged.py")
    (root / "both.py").write_text("x = 2\n")
    run(root, "add", "both.py")
    (root / "both.py").write_text("x = 1\n")
    (root / "again.py").write_text("x = 1\n")

    paths = [path.name for path in root.iterdir() if path.is_file()]
    dirty = git.dirty_paths(root, [*paths, "deleted.py", "to-be-created.py"])

    assert dirty == {"staged.py", "edited.py", "deleted.py", "untracked.py", "both.py"}


def test_before_the_first_commit_everything_is_dirty(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q")
    (tmp_path / "a.py").write_text("")
    run(tmp_path, "add", "a.py")

    assert git.dirty_paths(tmp_path, ["a.py"]) == {"a.py"}


def test_newlines_that_git_itself_turned_are_clean(root: Path) -> None:
    (root / "crlf.py").write_bytes(b"a = 1\r\nb = 2\r\n")
    (root / "a.py").write_bytes(b"a = 2\r\n")

    assert git.dirty_paths(root, ["a.py", "crlf.py"]) == {"a.py"}


def test_sha256_repositories_are_read_too(tmp_path: Path) -> None:
    run(tmp_path, "init", "-q", "--object-format=sha256")
    (tmp_path / "a.py").write_text("a\n")
    run(tmp_path, "add", ".")
    run(tmp_path, "commit", "-qm", "x")

    assert git.dirty_paths(tmp_path, ["a.py"]) == set()


def test_more_paths_than_a_command_line_takes_are_asked_at_once(root: Path) -> None:
    paths = [f"missing{'x' * 200}{n}.py" for n in range(2_000)]

    assert git.dirty_paths(root, ["a.py", *paths]) == set()


def test_symlinks_and_pipes_are_not_read(root: Path) -> None:
    (root / "link.py").symlink_to("a.py")
    os.mkfifo(root / "pipe.py")

    assert git.dirty_paths(root, ["link.py", "pipe.py"]) == {"link.py", "pipe.py"}


def test_behind_a_filter_size_and_time_decide(root: Path) -> None:
    """The filter turns the bytes, so hashing them says nothing; running it is out of question."""
    run(root, "config", "filter.upper.clean", "tr a-z A-Z")
    (root / ".gitattributes").write_text("*.py filter=upper\n")
    for name in ("kept.py", "edited.py"):
        (root / name).write_text("x = 1\n")
        os.utime(root / name, (1_600_000_000, 1_600_000_000))
    run(root, "add", ".")
    run(root, "commit", "-qm", "filtered")
    (root / "edited.py").write_text("y = 1\n")

    assert git.dirty_paths(root, ["kept.py", "edited.py"]) == {"edited.py"}


def test_a_merge_keeps_bytes(tmp_path: Path) -> None:
    base = b"a\r\nb \xe9\r\nc\r\nd\r\ne\r\nf\r\ng\r\nh"
    now = base.replace(b"a\r", b"A\r")
    back = base.replace(b"g\r", b"G\r")

    assert git.merge_file(now, base, back) == (
        b"A\r\nb \xe9\r\nc\r\nd\r\ne\r\nf\r\nG\r\nh",
        0,
    )


def test_a_merge_counts_conflicts() -> None:
    merged, conflicts = git.merge_file(b"x\n", b"a\n", b"y\n")

    assert conflicts == 1
    assert merged == b"<<<<<<< now\nx\n=======\ny\n>>>>>>> reverted\n"


def test_what_git_cannot_merge_is_said() -> None:
    with pytest.raises(TargetError, match="cannot merge"):
        git.merge_file(b"x\0\n", b"a\0\n", b"y\0\n")


def hostile(root: Path) -> Path:
    """Configure everything that git can be told to run; each of it leaves its name."""
    canaries = root.parent / "canaries"
    canaries.mkdir()
    script = root.parent / "canary.sh"
    script.write_text(f'#!/bin/sh\ntouch {canaries}/"$1"\ncat\n')
    script.chmod(0o755)
    for key in (
        "core.fsmonitor",
        "core.pager",
        "core.editor",
        "core.sshCommand",
        "core.askPass",
        "core.alternateRefsCommand",
        "core.gitProxy",
        "diff.external",
        "diff.evil.textconv",
        "diff.evil.command",
        "filter.evil.clean",
        "filter.evil.smudge",
        "filter.evil.process",
        "merge.evil.driver",
        "gpg.program",
        "sequence.editor",
        "interactive.diffFilter",
        "credential.helper",
        "alias.ls-files",
        "alias.merge-file",
        "pager.ls-files",
        "pager.ls-tree",
        "uploadpack.packObjectsHook",
    ):
        prefix = "!" if key.startswith(("alias.", "credential.")) else ""
        run(root, "config", key, f"{prefix}{script} {key}")
    run(root, "config", "remote.origin.promisor", "true")
    run(root, "config", "remote.origin.url", f"ext::touch {canaries}/ext")
    run(root, "config", "protocol.ext.allow", "always")
    run(root, "config", "extensions.partialClone", "origin")
    run(root, "config", "core.repositoryFormatVersion", "1")
    run(root, "config", "merge.conflictStyle", "diff3")
    (root / ".gitattributes").write_text("* filter=evil diff=evil merge=evil\n")
    hooks = root / ".git/hooks"
    for name in ("post-index-change", "pre-commit", "post-checkout", "fsmonitor-watchman"):
        (hooks / name).write_text(f"#!/bin/sh\ntouch {canaries}/hook-{name}\n")
        (hooks / name).chmod(0o755)
    return canaries


def call_everything(root: Path) -> None:
    git.toplevel(root)
    git.git_dir(root)
    git.list_files(root)
    git.dirty_paths(root, ["a.py", "crlf.py", "new.py", ".gitattributes"])
    git.merge_file(b"x\n", b"a\n", b"y\n")


def test_a_hostile_repository_stays_silent(root: Path) -> None:
    canaries = hostile(root)
    (root / "a.py").write_text("edited\n")
    os.utime(root / "crlf.py")

    call_everything(root)

    assert sorted(os.listdir(canaries)) == []
    run(root, "status")
    assert os.listdir(canaries), "git as it comes does run them: the trap is set"


def test_a_missing_object_is_not_fetched(root: Path) -> None:
    """A partial clone would run the command of its remote to get the tree of HEAD."""
    canaries = hostile(root)
    tree = run(root, "rev-parse", "HEAD^{tree}").decode().strip()
    (root / ".git/objects" / tree[:2] / tree[2:]).unlink()

    call_everything(root)

    assert sorted(os.listdir(canaries)) == []
    subprocess.run(
        ["git", "ls-tree", "-r", "HEAD"], cwd=root, capture_output=True, timeout=9, check=False
    )
    assert "ext" in os.listdir(canaries), "git as it comes does fetch: the trap is set"


def test_a_hostile_environment_is_scrubbed(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "nowhere"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(tmp_path / "nothing"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")

    assert git.toplevel(root) == root
    assert git.dirty_paths(root, ["a.py"]) == set()


def test_git_does_not_wait_forever(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = root.parent / "bin"
    slow.mkdir()
    (slow / "git").write_text(f"#!{sys.executable}\nimport time\ntime.sleep(60)\n")
    (slow / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(slow))
    monkeypatch.setattr(git, "LIMIT_S", 0.2)

    assert git.toplevel(root) is None
