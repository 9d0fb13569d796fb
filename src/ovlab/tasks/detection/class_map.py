"""Which class of the data set each class of the model is."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest
from ovlab.tasks.detection.spec import DetectionSpec

log = logging.getLogger("ovlab.tasks")


def map_classes(spec: DetectionSpec, class_names: Sequence[str]) -> NDArray[np.int64]:
    """Find the data set's class of every class of the model.

    Parameters
    ----------
    spec : DetectionSpec
        The model's classes and their map.
    class_names : sequence of str
        The data set's classes.

    Returns
    -------
    ndarray of int, shape (model classes,)
        Index of the data set's class; -1 where it has none. What no class maps to is logged: it counts as never
        detected.

    Raises
    ------
    OvlabError
        If the map names a class that the data set lacks, or no class is common.
    """
    for name, target in spec.class_map.items():
        if target not in class_names:
            raise OvlabError(
                f"class_map.{name}: {target!r} is none of the data set's classes{nearest(target, class_names)}"
            )
    index = {name: position for position, name in enumerate(class_names)}
    result = np.array([index.get(spec.class_map.get(name, name), -1) for name in spec.classes], dtype=np.int64)
    if (result < 0).all():
        raise OvlabError(
            f"classes: the model ({spec.classes[0]}, ...) and the data set ({class_names[0]}, ...) have none in "
            "common; class_map names what differs"
        )
    never = [name for position, name in enumerate(class_names) if position not in result]
    if never:
        log.warning("the model has no class for %s: counted as never detected", ", ".join(never))
    return result
