"""Export an experiment of a results folder as a bundle: an RO-Crate that can be cited, merged and verified."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from ovlab.bundle import AuthorSpec
from ovlab.errors import OvlabError
from ovlab.specs.base import parse_spec
from ovlab.steps import log, start_logging

HOME = Path(__file__).resolve().parents[1]


def author(text: str) -> AuthorSpec:
    """Read ``Family, Given`` or ``Family, Given <ORCID>``."""
    name, _, orcid = text.rstrip(">").partition("<")
    return parse_spec(AuthorSpec, {"name": name.strip(), "orcid": orcid.strip() or None}, "--author")


def main(argv: list[str] | None = None) -> int:
    """Parse the command line and write the bundle."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--experiment", required=True, help="its name")
    parser.add_argument("--results", type=Path, default=Path("results"), help="the results folder (%(default)s)")
    parser.add_argument("--output", type=Path, help="a folder, or an archive that ends in .zip (EXPERIMENT.zip)")
    parser.add_argument("--with-models", action="store_true", help="the files of models too (else their hashes)")
    parser.add_argument("--with-data", action="store_true", help="the files of data sets too (else their hashes)")
    parser.add_argument("--extra-conf", type=Path, nargs="*", default=[], help="further folders of YAML files")
    parser.add_argument("--title", default="", help="title of the bundle (the experiment's)")
    parser.add_argument("--author", action="append", default=[], help="'Family, Given <ORCID>', once for each")
    parser.add_argument("--licence", default="", help="SPDX identifier or address of the results' licence")
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    args = parser.parse_args(argv)
    start_logging(args.log)
    try:
        from ovlab.bundle.writing import write_bundle

        target = args.output or Path(f"{args.experiment}.zip")
        fingerprint = write_bundle(
            args.results,
            args.experiment,
            target,
            home=HOME,
            conf=args.extra_conf,
            models=args.with_models,
            data=args.with_data,
            title=args.title,
            authors=[author(text) for text in args.author],
            licence=args.licence,
        )
    except OvlabError as error:
        log.error("error: %s", error)
        return 1
    print(f"{target}\nfingerprint (SHA-256 of its manifest; cite it with the bundle): {fingerprint}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
