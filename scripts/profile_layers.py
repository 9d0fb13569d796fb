"""Profile the executed layers of a model's variants, or of any IR by hand, and say what limits them."""

from __future__ import annotations

import sys
from pathlib import Path

from cli import add_limits, make_step, read_settings, respect_limits, step_parser

from ovlab.records import read_record
from ovlab.specs import ProfileSettings


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step, or show the profile of an IR in the terminal."""
    parser = step_parser(__doc__, by_hand=True)
    parser.add_argument("--model", type=Path, help="by hand: profile this IR and print what is found")
    parser.add_argument("--device", default="CPU", help="by hand: on this device (default: CPU)")
    types = ("f32", "f16", "bf16", "default")
    parser.add_argument("--precision", default="default", choices=types, help="by hand: ask it for this type")
    parser.add_argument("--against", type=Path, help="by hand: compare with this IR layer by layer")
    parser.add_argument("--against-precision", choices=types, help="by hand: its type (default: that of --precision)")
    parser.add_argument("--lower-clock", type=float, default=0.0, help="by hand: cross-check at a share of the clock")
    parser.add_argument("--variants", type=Path, nargs="+", default=[], help="records of the variants, in their order")
    parser.add_argument("--data", type=Path, help="record of the data set's files")
    parser.add_argument("--peaks", type=Path, help="record of the device's peaks on this host")
    add_limits(parser)
    args = parser.parse_args(argv)
    respect_limits(args.limits)
    if args.model is not None:
        from ovlab.layers.terminal import Asked, show_profile

        against = args.against and Asked(args.against, args.against_precision or args.precision)
        return show_profile(Asked(args.model, args.precision), args.device, against, args.lower_clock)
    if not all((args.settings, args.record, args.variants, args.data, args.peaks)):
        parser.error("expected --model, or --settings, --variants, --data, --peaks and --record")
    settings = read_settings(ProfileSettings, args.settings)
    if len(args.variants) != len(settings.precisions):
        parser.error(f"--variants: {len(args.variants)} records for {len(settings.precisions)} precisions")

    def work():
        from ovlab.layers.profile.step import profile_variants
        from ovlab.measure.parent.session import Variant

        pairs = zip(settings.precisions, args.variants, strict=True)
        variants = {name: Variant(read_record(path, "variant"), path.parent) for name, path in pairs}
        source, peaks = read_record(args.data, "source"), read_record(args.peaks, "peaks")
        return profile_variants(settings, variants, source, peaks, args.record.parent)

    return make_step("profile", args, settings).run(work)


if __name__ == "__main__":
    sys.exit(main())
