"""The command ``ovlab``: what is done with results by hand. Each subcommand is a script of the checkout."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

from ovlab.errors import nearest

SCRIPTS = Path(__file__).resolve().parents[2] / "scripts"
COMMANDS = {
    "bundle": "export an experiment as an RO-Crate",
    "merge": "put the results of several hosts or people, folders or bundles, into one report",
    "verify": "check a bundle: every file, every table from its samples",
}
"""Names of scripts, with what they do."""


def main(argv: list[str] | None = None) -> int:
    """Call the script that the first argument names with the others."""
    arguments = sys.argv[1:] if argv is None else argv
    if not arguments or arguments[0] in {"-h", "--help"}:
        lines = [f"  {name:10}{what}" for name, what in COMMANDS.items()]
        print("\n".join(["usage: ovlab COMMAND ...", "", *lines, "", "ovlab COMMAND --help says more."]))
        return 0 if arguments else 2
    name, *rest = arguments
    if name not in COMMANDS:
        print(f"error: unknown command {name!r}{nearest(name, COMMANDS)}", file=sys.stderr)
        return 2
    if not (SCRIPTS / f"{name}.py").is_file():
        print(f"error: {SCRIPTS}: no scripts there; the command runs from a checkout of ovlab", file=sys.stderr)
        return 2
    if str(SCRIPTS) not in sys.path:
        sys.path.insert(0, str(SCRIPTS))
    sys.argv[0] = f"ovlab {name}"
    return int(importlib.import_module(name).main(rest))
