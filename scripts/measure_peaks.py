"""Find what this machine does at best: arithmetic by type, bandwidth of caches and memory, clock."""

from __future__ import annotations

import sys

from cli import make_step, read_settings, step_parser

from ovlab.specs import PeaksSettings


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and run the step, or show the peaks of a device in the terminal."""
    parser = step_parser(__doc__, by_hand=True)
    parser.add_argument("--device", help="by hand: find the peaks of this device and print them")
    parser.add_argument("--anew", action="store_true", help="by hand: find them again although they are known")
    args = parser.parse_args(argv)
    if args.device is not None:
        from ovlab.layers.terminal import show_peaks

        return show_peaks(args.device, anew=args.anew)
    if args.settings is None or args.record is None:
        parser.error("expected --device, or --settings and --record")
    settings = read_settings(PeaksSettings, args.settings)

    def work():
        from ovlab.layers.peaks import measure_peaks

        return measure_peaks(settings)

    return make_step("peaks", args, settings).run(work)


if __name__ == "__main__":
    sys.exit(main())
