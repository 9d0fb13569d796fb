"""Variants that others made: the `source` of a precision, completed by what the model's YAML says."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ovlab.errors import OvlabError, nearest
from ovlab.specs import ModelSpec
from ovlab.text import shortened

PER_MODEL = "per_model"
"""Stands for a source in a precision's file: each model's is in a file of ``conf/model_precision``."""
OF_THE_MODEL = ("task", "dataset")
OF_THE_FILES = (
    "description",
    "framework",
    "files",
    "entry",
    "extension",
    "caffe",
    "licence",
    "homepage",
    "tolerance",
)
"""Keys of a model's YAML that say something of its files: other files have their own."""


def complete_source(precision: Mapping[str, Any], model: Mapping[str, Any], where: str) -> dict[str, Any]:
    """Return a precision whose `source`, if it has one, says all that a model's YAML says.

    Parameters
    ----------
    precision, model : mapping
        Plain data, as composed.
    where : str
        How messages call the file that the source stands in.

    Raises
    ------
    OvlabError
        If the source is no section, or has a key that only the model has.
    """
    source = precision.get("source")
    if source is None:
        return dict(precision)
    if not isinstance(source, Mapping):
        raise OvlabError(
            f"{where}: source: {shortened(source)}, expected keys as in a model's YAML, or {PER_MODEL} where each "
            "model has its own"
        )
    for key in OF_THE_MODEL:
        if key in source:
            raise OvlabError(f"{where}: source.{key}: not for a source, since it is the model's")
    inherited = {key: value for key, value in model.items() if key not in OF_THE_FILES}
    return {**precision, "source": _merged(inherited, source)}


def _merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return a mapping with changes in it, sections key by key."""
    merged = dict(base)
    for key, value in changes.items():
        own = merged.get(key)
        merged[key] = _merged(own, value) if isinstance(own, Mapping) and isinstance(value, Mapping) else value
    return merged


def no_source(model: str, precision: str, files: Sequence[str]) -> OvlabError:
    """Return the error that says that a model has no files for a precision that others make.

    Parameters
    ----------
    model, precision : str
        Their names.
    files : sequence of str
        The names in ``conf/model_precision``.
    """
    name = f"{model}-{precision}"
    meant = nearest(name, files).partition("; did you mean ")[2]
    near = f"; did you mean {meant.removesuffix('?')} to be it?" if meant else ""
    return OvlabError(
        f"model {model} has no files for precision {precision}, whose variants others make: give them as "
        f"`precision.source` in model_precision/{name}.yaml, or exclude "
        f"{{model: {model}, precision: {precision}}}{near}"
    )


def check_sources(models: Mapping[tuple[str, str], ModelSpec], sources: Mapping[tuple[str, str], ModelSpec]) -> None:
    """Refuse files that would be measured under a name that is not theirs.

    Parameters
    ----------
    models : mapping of (model, precision) to ModelSpec
        The models as composed for each precision.
    sources : mapping of (model, precision) to ModelSpec
        Variants that others made.

    Raises
    ------
    OvlabError
        If a precision's exception gives the model other files without calling them a source, or if one source would
        serve for two models.
    """
    first: dict[str, ModelSpec] = {}
    for (model, precision), spec in models.items():
        own = first.setdefault(model, spec)
        if (own.source(), own.framework) != (spec.source(), spec.framework):
            raise OvlabError(
                f"model_precision/{model}-{precision}.yaml: model.files: other files than the model's are a variant "
                "that others made; give them as `precision.source`"
            )
    for (model, precision), source in sources.items():
        for other in _others(model, precision, sources):
            same = sources[other, precision].source() == source.source()
            if same and first[other].source() != first[model].source():
                raise OvlabError(
                    f"precision {precision}: source.files: the same for two models, {model} and {other}; say `source: "
                    f"{PER_MODEL}` there, and give each model's in model_precision/MODEL-{precision}.yaml"
                )


def _others(model: str, precision: str, sources: Iterable[tuple[str, str]]) -> list[str]:
    return [other for other, name in sources if name == precision and other != model]
