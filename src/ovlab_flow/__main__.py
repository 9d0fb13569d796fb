"""Print the cells of an experiment before anything runs: ``python -m ovlab_flow --experiment NAME``."""

from __future__ import annotations

import argparse
import signal
import sys

from ovlab.addresses import hide_secrets
from ovlab.errors import OvlabError
from ovlab.specs import Cell
from ovlab_flow.workflow import DEFAULT_EXPERIMENT, load_grid


def main(argv: list[str] | None = None) -> int:
    """Parse, compose, print."""
    parser = argparse.ArgumentParser(prog="python -m ovlab_flow", description=__doc__)
    parser.add_argument("--experiment", default=DEFAULT_EXPERIMENT, help="name of the experiment (%(default)s)")
    parser.add_argument("--extra-conf", default="", help="folder of further YAML files, searched first")
    parser.add_argument("overrides", nargs="*", help="overrides in Hydra's grammar, such as seed=3")
    args = parser.parse_args(argv)
    try:
        grid = load_grid(args.experiment, extra_conf=args.extra_conf, overrides=args.overrides)
    except OvlabError as error:
        print(f"error: {hide_secrets(str(error))}", file=sys.stderr)
        return 1
    cells = grid.report.experiment.cells()
    shown = Cell._fields if len(grid.report.hosts) > 1 else Cell._fields[:-1]
    rows = [shown, *(cell[: len(shown)] for cell in cells)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    counts = {
        "cell": len(cells),
        "variant": len(grid.reported_variants()),
        "session": len(grid.sessions),
        "round": grid.report.measurement.launches,
    }
    counted = [f"{count} {name}{'s' if count != 1 else ''}" for name, count in counts.items()]
    print(f"\n{grid.experiment}: {', '.join(counted[:3])} of at least {counted[3]}")
    return 0


if __name__ == "__main__":
    if hasattr(signal, "SIGPIPE"):
        # Whoever reads the list may stop in the middle (| head): that ends this program, quietly.
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    sys.exit(main())
