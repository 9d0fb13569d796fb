"""What the Snakefile calls: from ``--config`` to the grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from snakemake.exceptions import WorkflowError

from ovlab.errors import OvlabError, nearest
from ovlab_flow.compose import CONF, composer
from ovlab_flow.grid import Grid, build_grid

OPTIONS = ("experiment", "mirror", "extra_conf", "overrides")
DEFAULT_EXPERIMENT = "quickstart"


def load_grid(experiment: str, *, conf: Path = Path(CONF), extra_conf: str = "", overrides: Sequence[str] = ()) -> Grid:
    """Compose an experiment and cross it into its grid.

    Raises
    ------
    OvlabError
        If anything in the configuration is wrong.
    """
    with composer(conf, experiment, Path(extra_conf) if extra_conf else None, overrides) as opened:
        return build_grid(opened, experiment)


def grid_for_snakemake(config: Mapping[str, Any]) -> Grid:
    """Load the grid that Snakemake's ``--config`` asks for, and fill in the options' defaults.

    Parameters
    ----------
    config : dict
        ``experiment``, ``mirror``, ``extra_conf`` and ``overrides``, all optional.

    Raises
    ------
    WorkflowError
        With one line that says what is wrong; Snakemake prints it without a traceback.
    """
    try:
        for key in config:
            if key not in OPTIONS:
                raise OvlabError(f"--config {key}: unknown option{nearest(key, OPTIONS)}")
        overrides = config.get("overrides") or []
        return load_grid(
            str(config.get("experiment") or DEFAULT_EXPERIMENT),
            extra_conf=str(config.get("extra_conf") or ""),
            overrides=[overrides] if isinstance(overrides, str) else list(overrides),
        )
    except OvlabError as error:
        raise WorkflowError(str(error)) from None
