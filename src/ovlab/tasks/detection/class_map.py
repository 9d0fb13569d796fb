"""Which class of the data set each class of the model is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ovlab.errors import OvlabError, nearest
from ovlab.tasks.detection.spec import DetectionSpec
from ovlab.tasks.label_check import some


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
        Index of the data set's class; -1 where it has none. What no class maps to counts as never detected.

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
    return result


def class_remarks(spec: DetectionSpec, class_names: Sequence[str], mapped: NDArray[np.int64]) -> list[str]:
    """Say which classes of either side have no counterpart.

    Parameters
    ----------
    mapped : ndarray of int, shape (model classes,)
        What `map_classes` gave.
    """
    never = [name for position, name in enumerate(class_names) if position not in mapped]
    dropped = [name for name, position in zip(spec.classes, mapped, strict=True) if position < 0]
    remarks = []
    if never:
        remarks.append(
            f"{len(never)} of the data set's {len(class_names)} classes are none of the model's, so counted as never "
            f"detected: {some(never)} (class_map names what is called otherwise)"
        )
    if dropped:
        remarks.append(
            f"{len(dropped)} of the model's {len(spec.classes)} classes are none of the data set's, so not judged: "
            f"{some(dropped)}"
        )
    return remarks
