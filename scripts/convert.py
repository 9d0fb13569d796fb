"""Convert a model to OpenVINO IR, with its preprocessing embedded, and compare it with its original."""

from __future__ import annotations

import sys
from pathlib import Path

from cli import add_limits, make_step, read_settings, respect_limits, step_parser

from ovlab.records import read_record
from ovlab.specs import ConvertSettings


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step."""
    parser = step_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="record of the model's files")
    parser.add_argument("--data", type=Path, required=True, help="record of the data set's files")
    add_limits(parser)
    args = parser.parse_args(argv)
    respect_limits(args.limits)
    settings = read_settings(ConvertSettings, args.settings)

    def work():
        from ovlab.convert import convert

        return convert(
            settings, read_record(args.model, "source"), read_record(args.data, "source"), args.record.parent
        )

    return make_step("variant", args, settings).run(work)


if __name__ == "__main__":
    sys.exit(main())
