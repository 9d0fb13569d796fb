"""Write the report of an experiment: a self-contained page, tables and figures beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cli import read_settings

from ovlab.errors import OvlabError
from ovlab.files import write_text
from ovlab.specs import ReportSettings
from ovlab.steps import log, start_logging


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, metavar="JSON", help="the experiment, or a file that holds it")
    for kind in ("sources", "variants", "accuracies", "sessions"):
        parser.add_argument(f"--{kind}", type=Path, nargs="*", default=[], help=f"records of its {kind}")
    parser.add_argument(
        "--page", type=Path, required=True, help="index.html to write; tables/ and figures/ lie beside it"
    )
    parser.add_argument("--list", type=Path, help="file that gets the paths of all these records, one a line")
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    args = parser.parse_args(argv)
    settings = read_settings(ReportSettings, args.settings)
    start_logging(args.log)
    try:
        from ovlab.report import Records, read_reported, report

        kinds = {"sources": "source", "variants": "variant", "accuracies": "accuracy", "sessions": "session"}
        found = {key: [read_reported(path, kind) for path in getattr(args, key)] for key, kind in kinds.items()}
        folders = {f"{one}_folders": [path.parent for path in paths] for one, paths in beside(args).items()}
        report(settings, Records.of(**found, **folders), args.page)
        if args.list is not None:
            write_text(args.list, "".join(f"{path}\n" for kind in kinds for path in getattr(args, kind)))
    except OvlabError as error:
        log.error("error: %s", error)
        return 1
    return 0


def beside(args: argparse.Namespace) -> dict[str, list[Path]]:
    """Return the records beside which there is more: samples, predictions."""
    return {"session": args.sessions, "accuracy": args.accuracies}


if __name__ == "__main__":
    sys.exit(main())
