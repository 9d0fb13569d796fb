"""Measure a variant's accuracy on the validation split, and its difference to a reference on the same images."""

from __future__ import annotations

import sys
from pathlib import Path

from cli import add_limits, make_step, read_settings, respect_limits, step_parser

from ovlab.records import read_record, require_intact
from ovlab.specs import ValidateSettings


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step."""
    parser = step_parser(__doc__)
    parser.add_argument("--variant", type=Path, required=True, help="record of the variant; its IR lies beside it")
    parser.add_argument("--data", type=Path, required=True, help="record of the data set's files")
    parser.add_argument("--reference", type=Path, nargs="?", help="record of the reference's accuracy")
    parser.add_argument("--reference-variant", type=Path, nargs="?", help="record of the reference; its IR beside it")
    add_limits(parser)
    args = parser.parse_args(argv)
    respect_limits(args.limits)
    settings = read_settings(ValidateSettings, args.settings)

    def work():
        from ovlab.validate import validate

        return validate(
            settings,
            read_record(args.variant, "variant"),
            args.variant.parent,
            read_record(args.data, "source"),
            args.record.parent / "predictions.parquet",
            reference_predictions(args.reference),
            ir_folder(args.reference_variant),
        )

    return make_step("accuracy", args, settings).run(work)


def reference_predictions(record: Path | None) -> Path | None:
    """Return the reference's predictions; a reference that failed leaves the differences empty."""
    if record is None or not (read := read_record(record, "accuracy")).ok:
        return None
    require_intact(read, record.parent)
    return record.parent / "predictions.parquet"


def ir_folder(record: Path | None) -> Path | None:
    """Return where a variant's IR lies; one that failed has none."""
    if record is None or not (read := read_record(record, "variant")).ok:
        return None
    require_intact(read, record.parent)
    return record.parent


if __name__ == "__main__":
    sys.exit(main())
