"""Fetch, check and unpack all files of one model or data set."""

from __future__ import annotations

import sys
from pathlib import Path

from cli import make_step, read_settings, step_parser

from ovlab.addresses.handover import take_over, take_over_mirror
from ovlab.download import Places, download
from ovlab.specs import DownloadSpec, SourceSpec


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step."""
    parser = step_parser(__doc__)
    parser.add_argument("--files", type=Path, required=True, help="folder that gets the files")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps what comes over the network")
    parser.add_argument("--resources", type=Path, default=Path("resources"), help="folder of the embedded files")
    parser.add_argument("--mirror", nargs="?", default="", const="", help="folder or base URL that is asked first")
    parser.add_argument("--limits", metavar="JSON", default="{}", help="bounds on what is fetched and unpacked")
    args = parser.parse_args(argv)
    settings = read_settings(SourceSpec, args.settings)
    limits = read_settings(DownloadSpec, args.limits, "--limits")
    places = Places(args.cache, args.resources, take_over_mirror(args.mirror), limits)
    return make_step("source", args, settings).run(lambda: download(take_over(settings), args.files, places))


if __name__ == "__main__":
    sys.exit(main())
