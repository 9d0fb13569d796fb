"""What no result depends on."""

from __future__ import annotations

from ovlab_flow.compose import Parts


def quiet(parts: Parts) -> Parts:
    """Blank what no result depends on, so that an edited description reruns nothing."""
    words = {"description": "", "homepage": None, "licence": ""}
    source = parts.precision.source
    quiet_source = None if source is None else source.model_copy(update=words)
    return Parts(
        parts.model.model_copy(update=words),
        parts.dataset.without_control().model_copy(update=words | {"files": (), "generator": None}),
        parts.precision.model_copy(update={"description": "", "calibration_seeds": 1, "source": quiet_source}),
    )
