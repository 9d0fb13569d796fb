"""Merge results of several hosts or people, folders or bundles, into one report."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.steps import log, start_logging


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and merge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("results", nargs="+", metavar="[HOST=]RESULTS", help="a folder of results, or a bundle")
    parser.add_argument("--into", type=Path, default=Path("results"), help="folder of results that gets the report")
    parser.add_argument("--experiment", help="the experiment, where the results are of several")
    parser.add_argument("--name", help="what the merged report is called; by default EXPERIMENT_merged")
    parser.add_argument("--processes", type=int, default=2, help="how many draw the figures, where these are many")
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    args = parser.parse_args(argv)
    start_logging(args.log)
    try:
        from ovlab.merge.merging import Results, merge

        results = [Results.of(one) for one in args.results]
        merge(results, args.into, experiment=args.experiment, name=args.name, processes=args.processes)
    except OvlabError as error:
        log.error("error: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
