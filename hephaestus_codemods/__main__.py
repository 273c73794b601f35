"""Run the command line as ``python -m hephaestus_codemods``."""

import sys

if not sys.flags.safe_path:
    # Python put the working folder first: a module of the target would be taken for ours.
    del sys.path[0]

from hephaestus_codemods.cli.main import main

if __name__ == "__main__":
    main()
