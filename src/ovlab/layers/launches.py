"""Start one profiling process and wait for its answer."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from ovlab.files import write_json
from ovlab.layers.request import PeaksRequest, ProfileRequest, ScalingRequest
from ovlab.measure.parent import launcher

Request = ProfileRequest | ScalingRequest | PeaksRequest
MODULES: dict[type[Request], str] = {
    ProfileRequest: "ovlab.layers.child.profile",
    ScalingRequest: "ovlab.layers.child.scaling",
    PeaksRequest: "ovlab.layers.child.peaks",
}


def run_child(request: Request, scratch: Path, timeout_s: float, limit: str) -> dict[str, Any]:
    """Run a fresh process on a request.

    Parameters
    ----------
    request : ProfileRequest, ScalingRequest or PeaksRequest
        What it has to do.
    scratch : Path
        Folder for what is passed to it and back.
    timeout_s : float
        Seconds after which it is taken for hung.
    limit : str
        The setting that `timeout_s` comes from.

    Raises
    ------
    OvlabError
        With what the process says, or if it crashes or hangs.
    """
    asked, answered = scratch / "request.json", scratch / "result.json"
    answered.unlink(missing_ok=True)
    write_json(asked, asdict(request))
    return launcher.run_launch(asked, answered, timeout_s, MODULES[type(request)], limit)
