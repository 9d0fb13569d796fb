"""Say whether every cell of an experiment is accounted for; exit with 1 if one failed."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.steps import log, start_logging
from ovlab.verdict import conclude


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and conclude."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=Path, required=True, help="results.csv of the report")
    parser.add_argument("--records", type=Path, required=True, help="file that lists the records of all steps")
    parser.add_argument("--folder", type=Path, required=True, help="the results folder, which the logs are in too")
    parser.add_argument("--verdict", type=Path, required=True, help="file to write if no cell failed")
    parser.add_argument("--summary", type=Path, required=True, help="file to write if one failed: what, and the logs")
    parser.add_argument("--changes", type=Path, help="changes.csv of the report, where a regression is a failure")
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    args = parser.parse_args(argv)
    start_logging(args.log)
    try:
        records = [Path(line) for line in args.records.read_text(encoding="utf-8").splitlines()]
        conclude(args.results, records, args.verdict, args.summary, args.folder, args.changes)
    except (OvlabError, OSError) as error:
        log.error("error: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
