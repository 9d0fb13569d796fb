"""Overrides on the command line: from whatever Snakemake makes of them to what Hydra reads, one by one."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override
from hydra.errors import HydraException

from ovlab.errors import OvlabError
from ovlab.errors import one_line as in_one_line
from ovlab.text import shortened

AXES = ("model", "precision", "device", "scenario", "host")
ADVICE = {axis: f"choose with experiment.{axis}s=[...]" for axis in AXES}
ADVICE |= {f"{axis}s": f"it is experiment.{axis}s=[...]" for axis in AXES}
ADVICE |= {
    "experiment": "choose with --config experiment=NAME",
    "dataset": "a model's YAML names its data set; model.dataset=NAME sets it for all models",
    "model_precision": "a file conf/model_precision/MODEL-PRECISION.yaml applies by its name",
}
LONGEST_OVERRIDE = 20_000


def parse_overrides(lines: Sequence[str]) -> list[Override]:
    """Parse overrides in Hydra's grammar.

    Raises
    ------
    OvlabError
        If one cannot be read, or chooses what is chosen elsewhere: the line says where.
    """
    parser, parsed = OverridesParser.create(), []
    for line in map(str, lines):  # one by one: the lexer's own words do not say which
        try:
            if len(line) > LONGEST_OVERRIDE:
                raise OvlabError(f"override {shortened(line)}: is longer than {LONGEST_OVERRIDE} characters")
            parsed += parser.parse_overrides([line])
        except (HydraException, ValueError, RecursionError) as error:
            reason = "nested too deep" if isinstance(error, RecursionError) else in_one_line(error)
            raise OvlabError(
                f"overrides: cannot read {shortened(line)}, expected KEY=VALUE in Hydra's grammar ({reason})"
            ) from None
    for override in parsed:
        if override.key_or_group in ADVICE:
            raise OvlabError(f"override {shortened(override.input_line)}: {ADVICE[override.key_or_group]}")
    return parsed
