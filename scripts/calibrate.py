"""Make a variant in fewer bits of an FP32 variant: quantised, with or without accuracy control, or weights only."""

from __future__ import annotations

import sys
from pathlib import Path

from cli import add_limits, make_step, read_settings, respect_limits, step_parser

from ovlab.records import read_record
from ovlab.specs import CalibrateSettings


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step."""
    parser = step_parser(__doc__)
    parser.add_argument("--base", type=Path, required=True, help="record of the FP32 variant; its IR lies beside it")
    parser.add_argument("--data", type=Path, required=True, help="record of the data set's files")
    add_limits(parser)
    args = parser.parse_args(argv)
    respect_limits(args.limits)
    settings = read_settings(CalibrateSettings, args.settings)

    def work():
        from ovlab.calibrate import calibrate

        base, data = read_record(args.base, "variant"), read_record(args.data, "source")
        return calibrate(settings, base, args.base.parent, data, args.record.parent)

    return make_step("variant", args, settings).run(work)


if __name__ == "__main__":
    sys.exit(main())
