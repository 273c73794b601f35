"""Compare the routes that we find with those that FastAPI reports, for an application that runs.

``python -m bench.routes FOLDER PYTHON MODULE:APP`` imports the application in FOLDER with the
interpreter PYTHON, in whose environment its requirements are installed; ours only reads its files.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from hephaestus_codemods.project.project import Project
from hephaestus_codemods.project.web.compare import Comparison, compared, found_routes
from hephaestus_codemods.testing import reported

LEFT_OUT = {".git", ".venv", "venv", "node_modules", "__pycache__"}


def measure(folder: Path, python: str, name: str) -> Comparison:
    """Return what both say of the application *name* in *folder*."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.py")
        if not LEFT_OUT & set(path.parts) and path.is_file()
    }
    done = subprocess.run(
        [python, str(Path(reported.__file__).resolve()), name],
        cwd=folder,
        capture_output=True,
        check=True,
        text=True,
    )
    return compared(found_routes(Project.from_files(files)), json.loads(done.stdout))


def main() -> None:
    """Print how many routes both know, and those that only one does."""
    folder, python, name = sys.argv[1:]
    result = measure(Path(folder), python, name)
    total = result.both + len(result.missing)
    print(f"{name}: {result.both} of {total} routes found, {len(result.invented)} invented")
    for title, rows in (("missing", result.missing), ("invented", result.invented)):
        for path, methods, endpoint, dependencies in rows:
            print(f"  {title}: {','.join(methods)} {path} {endpoint} after {dependencies}")


if __name__ == "__main__":
    main()
