"""Verify a bundle: every file against its manifest, every table recomputed from samples and predictions."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ovlab.errors import OvlabError
from ovlab.steps import log, start_logging


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and verify; exit with 1 if anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("bundle", type=Path, help="a folder or zip archive")
    parser.add_argument("--fingerprint", default="", help="SHA-256 of the manifest as it was cited, or its beginning")
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    args = parser.parse_args(argv)
    start_logging(args.log)
    try:
        from ovlab.bundle.verifying import verify

        verdict = verify(args.bundle, fingerprint=args.fingerprint)
    except OvlabError as error:
        log.error("error: %s", error)
        return 1
    for heading, lines in (("checked", verdict.checked), ("note", verdict.notes), ("FAULT", verdict.faults)):
        for line in lines:
            print(f"{heading}: {line}")
    if verdict.fingerprint:
        print(f"fingerprint: {verdict.fingerprint}")
    print("the bundle holds" if verdict.holds else f"the bundle does not hold: {len(verdict.faults)} fault(s)")
    return 0 if verdict.holds else 1


if __name__ == "__main__":
    sys.exit(main())
