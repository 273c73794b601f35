"""Run ``hcodemod`` under an audit hook that notes all that could execute, write or connect.

Usage: ``python -P audited.py LOG ROOT ARGUMENT...``; the log has one JSON list a line.
"""

from __future__ import annotations

import json
import os
import sys

#: Events of which each one is noted.
ALWAYS = (
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.startfile",
    "os.system",
    "pickle.find_class",
    "pty.spawn",
    "socket.",
    "subprocess.Popen",
    "urllib.Request",
    "webbrowser.open",
)
WRITING = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def main() -> None:
    log = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    root = os.path.realpath(sys.argv[2])
    busy = False

    def note(event: str, *details: object) -> None:
        os.write(log, json.dumps([event, *map(repr, details)]).encode() + b"\n")

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        nonlocal busy
        if busy:
            return
        busy = True
        try:
            if event.startswith(ALWAYS):
                note(event, *arguments)
            elif event == "exec" and _is_below(root, arguments[0].co_filename):
                note("exec of the target", arguments[0].co_filename)
            elif event == "import" and _is_below(root, arguments[1]):
                note("import of the target", arguments[1])
            elif event == "compile" and _is_below(root, arguments[1]):
                note("compile of the target", arguments[1])
            elif event == "open" and _writes(arguments):
                note("write", os.fsdecode(arguments[0]))
        finally:
            busy = False

    sys.addaudithook(hook)
    sys.argv[:] = ["hcodemod", *sys.argv[3:]]
    from hephaestus_codemods.cli.main import main as run

    run()


def _is_below(root: str, name: object) -> bool:
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    if not isinstance(name, str) or name.startswith("<"):  # a text that has no file
        return False
    return os.path.realpath(name).startswith(root + os.sep)


def _writes(arguments: tuple[object, ...]) -> bool:
    path, mode, flags = arguments
    if not isinstance(path, str | bytes):
        return False
    return bool(isinstance(flags, int) and flags & WRITING) or any(c in str(mode) for c in "wax+")


if __name__ == "__main__":
    main()
