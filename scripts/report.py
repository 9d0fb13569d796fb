"""Write the report of an experiment: a self-contained page, tables and figures beside it."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cli import read_settings

from ovlab.errors import OvlabError
from ovlab.files import write_text
from ovlab.records import Kind
from ovlab.specs import ReportSettings
from ovlab.steps import log, start_logging

KINDS: dict[str, Kind] = {
    "sources": "source",
    "variants": "variant",
    "accuracies": "accuracy",
    "sessions": "session",
    "peaks": "peaks",
    "profiles": "profile",
}


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--settings", required=True, metavar="JSON", help="the experiment, or a file that holds it")
    for kind in KINDS:
        parser.add_argument(f"--{kind}", type=Path, nargs="*", default=[], help=f"records of its {kind}")
    parser.add_argument(
        "--page", type=Path, required=True, help="index.html to write, with tables/ and figures/ beside"
    )
    parser.add_argument("--verdict", type=Path, help="the verdict on an earlier report, which does not outlive it")
    parser.add_argument("--list", type=Path, help="file that gets the paths of all these records, one a line")
    parser.add_argument("--processes", type=int, default=1, help="how many draw the figures, where these are many")
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    args = parser.parse_args(argv)
    settings = read_settings(ReportSettings, args.settings)
    start_logging(args.log)
    try:
        from ovlab.report import Records, read_reported, report

        found = {key: [read_reported(path, kind) for path in getattr(args, key)] for key, kind in KINDS.items()}
        beside = {"session": args.sessions, "accuracy": args.accuracies, "profile": args.profiles}
        folders = {f"{one}_folders": [path.parent for path in paths] for one, paths in beside.items()}
        report(settings, Records.of(**found, **folders), args.page, verdict=args.verdict, processes=args.processes)
        if args.list is not None:
            write_text(args.list, "".join(f"{path}\n" for kind in KINDS for path in getattr(args, kind)))
    except OvlabError as error:
        log.error("error: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
