"""Run the command line as ``python -m hephaestus_codemods``."""

from hephaestus_codemods.cli.main import main

if __name__ == "__main__":
    main()
