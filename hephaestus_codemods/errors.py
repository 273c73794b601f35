"""What can go wrong, as a tree: who has to act decides the class.

HcodemodError
├── UsageError      the command line or the configuration is wrong (exit code 2)
├── TargetError     the target's files do not let us do it (exit code 2)
├── LockedError     another run works on this root (exit code 2)
└── BrokenPromise   a fault of ours (exit code 3)
"""

from __future__ import annotations

import errno


class HcodemodError(Exception):
    """What happened, where, and what to try, in a sentence for the user."""

    exit_code = 2


class UsageError(HcodemodError):
    """The command line or the configuration asks for something that cannot be."""


class TargetError(HcodemodError):
    """A file or folder of the target cannot be read, written or trusted."""


class LockedError(TargetError):
    """Another run holds the lock of this root."""


class BrokenPromise(HcodemodError):
    """We did not keep one of our invariants; the message names it."""

    exit_code = 3


def is_exhaustion(error: BaseException) -> bool:
    """Say whether *error* tells of the process, and not of the task that met it."""
    if isinstance(error, OSError):
        return error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM)
    return isinstance(error, MemoryError)
