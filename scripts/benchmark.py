"""Measure all variants of a model on one device under one scenario, in interleaved rounds of fresh processes."""

from __future__ import annotations

import sys
from pathlib import Path

from cli import add_limits, make_step, read_settings, respect_limits, step_parser

from ovlab.records import read_record
from ovlab.specs import SessionSettings


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step."""
    parser = step_parser(__doc__)
    parser.add_argument(
        "--variants", type=Path, nargs="+", required=True, help="records of the variants, in the settings' order"
    )
    parser.add_argument("--data", type=Path, required=True, help="record of the data set's files")
    add_limits(parser)
    args = parser.parse_args(argv)
    respect_limits(args.limits)
    settings = read_settings(SessionSettings, args.settings)
    if len(args.variants) != len(settings.precisions):
        parser.error(f"--variants: {len(args.variants)} records for {len(settings.precisions)} precisions")

    def work():
        from ovlab.measure.parent.session import Variant, benchmark

        variants = {
            name: Variant(read_record(path, "variant"), path.parent)
            for name, path in zip(settings.precisions, args.variants, strict=True)
        }
        return benchmark(settings, variants, read_record(args.data, "source"), args.record.parent)

    return make_step("session", args, settings).run(work)


if __name__ == "__main__":
    sys.exit(main())
