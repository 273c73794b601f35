"""Keep our own state where no clone can bring a forged one, and seal what we put there."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import os
import secrets
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hephaestus_codemods import git
from hephaestus_codemods.errors import TargetError
from hephaestus_codemods.patch import fsops
from hephaestus_codemods.patch.fsops import PRIVATE_FILE, Folder

if TYPE_CHECKING:
    from collections.abc import Mapping

NAME = "hcodemod"
KEY = "key"
KEY_BYTES = 32
SEAL = "seal"


class ForgedError(TargetError):
    """A record that this user's key did not seal."""


def home() -> Path:
    """Return the user's own state folder; it need not exist yet."""
    given = os.environ.get("XDG_STATE_HOME", "")
    base = Path(given) if os.path.isabs(given) else Path.home() / ".local" / "state"
    return base / NAME


def location(root: Path) -> Path:
    """Return the folder that holds journal and records of *root*; it need not exist yet.

    It is in the git directory, which ``git clone`` never copies, else in the user's state folder.
    """
    root = root.resolve()
    top, folder = git.toplevel(root), git.git_dir(root)
    if top is None or folder is None:
        return home() / _short(os.fsencode(root))
    inside = root.relative_to(top.resolve())
    return folder / NAME if inside == Path() else folder / NAME / "below" / _short(bytes(inside))


def _short(name: bytes) -> str:
    return hashlib.sha256(name).hexdigest()[:16]


def open_state(root: Path) -> Folder:
    """Open the state folder of *root*, made on demand; refuse one that is someone else's."""
    path = location(root)
    _refuse_links(path)
    try:
        folder = fsops.make_path(path)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise TargetError(f"no place for run records: {path}: {reason}") from error
    _refuse_foreign(folder)
    return folder


def find_state(root: Path) -> Folder | None:
    """Open the state folder of *root* if there is one."""
    path = location(root)
    _refuse_links(path)
    try:
        folder = Folder.open(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    _refuse_foreign(folder)
    return folder


def _refuse_links(path: Path) -> None:
    """Refuse a state folder that an archive made a link to somewhere else."""
    while True:
        if path.is_symlink():
            raise TargetError(f"{path} is a symlink: it is not trusted; remove it")
        if path.name == NAME:
            return
        path = path.parent


def _refuse_foreign(folder: Folder) -> None:
    owner = os.fstat(folder.handle).st_uid
    if owner != os.geteuid():
        folder.close()
        raise TargetError(
            f"{folder.path} belongs to user {owner}: it is not trusted. "
            "Run as that user, or remove it."
        )


def key() -> bytes:
    """Return the key that seals this user's records; it is made on first use."""
    path = home() / KEY
    try:
        with fsops.make_path(path.parent) as folder:
            if folder.stat(KEY) is None:
                _make_key(folder)
            found = folder.stat(KEY)
            content = folder.read(KEY)
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise TargetError(f"no place for the key of run records: {path}: {reason}") from error
    if found is None or found.st_uid != os.geteuid() or stat.S_IMODE(found.st_mode) & 0o077:
        raise TargetError(f"{path} can be read by others: remove it; older runs are then lost")
    if len(content) != KEY_BYTES:
        raise TargetError(f"{path} is damaged: remove it; older runs are then lost")
    return content


def _make_key(folder: Folder) -> None:
    """Put a key in place whole; of two processes that do so at once, the first wins."""
    name = f".{KEY}-{secrets.token_hex(8)}"
    fsops.create(folder, name, secrets.token_bytes(KEY_BYTES), PRIVATE_FILE)
    try:
        with contextlib.suppress(FileExistsError):
            fsops.link(folder, name, KEY)
    finally:
        fsops.unlink(folder, name)
    fsops.sync(folder)


def seal(kind: str, body: Mapping[str, Any], secret: bytes) -> bytes:
    """Return *body* as JSON with a seal that says: this user's program wrote it, as a *kind*."""
    return json.dumps({**body, SEAL: _seal(kind, body, secret)}, indent=1).encode()


def unseal(kind: str, content: bytes, secret: bytes) -> dict[str, Any]:
    """Return the body of a sealed record, or refuse it."""
    try:
        body = json.loads(content)
        given = body.pop(SEAL)
        genuine = hmac.compare_digest(str(given).encode(), _seal(kind, body, secret).encode())
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ForgedError("it is no record of ours") from error
    if not genuine:
        raise ForgedError("its seal is not from this user's key")
    result: dict[str, Any] = body
    return result


def _seal(kind: str, body: Mapping[str, Any], secret: bytes) -> str:
    text = json.dumps(body, sort_keys=True, separators=(",", ":")).encode()
    return hmac.new(secret, kind.encode() + b"\0" + text, hashlib.sha256).hexdigest()
