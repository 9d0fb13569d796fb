"""What all steps' command lines share."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TypeVar

from ovlab.addresses import hide_secrets
from ovlab.errors import OvlabError
from ovlab.inputs import use_limits
from ovlab.records import Kind
from ovlab.specs import LimitsSpec, Spec
from ovlab.steps import Step

SpecT = TypeVar("SpecT", bound=Spec)


def step_parser(description: str | None, *, by_hand: bool = False) -> argparse.ArgumentParser:
    """Make a parser with the options that every step has.

    Parameters
    ----------
    description : str
        What the step does.
    by_hand : bool
        Whether the script also does something without settings and a record.
    """
    parser = argparse.ArgumentParser(description=description)
    needed = not by_hand
    parser.add_argument(
        "--settings", required=needed, metavar="JSON", help="the step's settings, or a file that holds them"
    )
    parser.add_argument(
        "--record", type=Path, required=needed, help="the record to write; the step's files lie beside it"
    )
    parser.add_argument("--log", type=Path, help="file that gets the log, besides standard error")
    parser.add_argument(
        "--record-failure",
        action="store_true",
        help="write a failure into the record and exit with 0, so that a workflow goes on; without it, a failure "
        "writes nothing and exits with 1",
    )
    return parser


def read_settings(spec: type[SpecT], text: str, option: str = "--settings") -> SpecT:
    """Read settings from JSON text or from a file; what is wrong with them ends the program in one line."""
    try:
        is_text = text.lstrip().startswith("{")
        return spec.from_json(text if is_text else Path(text).read_text(encoding="utf-8"), option)
    except (OvlabError, OSError) as error:
        # Text that is neither JSON nor a file may hold an address.
        sys.exit(f"error: {hide_secrets(str(error))}")


def add_limits(parser: argparse.ArgumentParser) -> None:
    """Add the option of the steps that read files of others or run their code."""
    parser.add_argument("--limits", metavar="JSON", default="{}", help="what files and code of others may take")


def respect_limits(text: str) -> None:
    """Let the limits that the option gives be in force in this process and its children."""
    use_limits(read_settings(LimitsSpec, text, "--limits"))


def make_step(kind: Kind, args: argparse.Namespace, settings: Spec) -> Step:
    """Make the step that a command line describes."""
    return Step(kind, args.record, settings.plain(), args.log, args.record_failure)
