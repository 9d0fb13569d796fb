"""A grid as plain data and back, typed both ways.

Jobs become a list for each kind, with their place in it standing for a job wherever another one names it. Settings stay
JSON text until they are asked for: a job of a run needs its own alone, of the thousands that a grid may hold.
"""

from __future__ import annotations

import functools
import types
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from pydantic import TypeAdapter

from ovlab.specs import Spec
from ovlab_flow.grid.jobs import Grid

Place = tuple[str, int]
# What a value that is none of JSON's own is told by.
KIND, JSON, JOB, MAP = "kind", "json", "job", "map"


def plain_grid(grid: Grid) -> dict[str, Any]:
    """Return a grid as JSON-compatible data; addresses are in it as they may be seen.

    Raises
    ------
    ValueError
        If a job names another one that is not part of the grid.
    """
    tables = {name: getattr(grid, name) for name in _tables()}
    places = {id(job): (name, number) for name, table in tables.items() for number, job in enumerate(table.values())}
    rest = {one.name: _plain(getattr(grid, one.name), {}) for one in fields(grid) if one.name not in tables}
    jobs = {
        name: [{"key": _plain(key, {}), **_plain_job(job, places)} for key, job in table.items()]
        for name, table in tables.items()
    }
    return {"grid": rest, "jobs": jobs}


def grid_of(data: Mapping[str, Any]) -> Grid:
    """Return the grid that `plain_grid` has made plain.

    Raises
    ------
    ValueError, TypeError, KeyError
        If the data are no grid of these types; also when settings are asked for that do not fit theirs (ValueError).
    """
    made: dict[Place, Any] = {}
    tables = _tables()
    rest: dict[str, Any] = {
        one.name: _typed(data["grid"][one.name], _hints(Grid)[one.name], {})
        for one in fields(Grid)
        if one.name not in tables
    }
    # Jobs name only jobs that come before them, of the same kind or of an earlier one.
    for name, kind in tables.items():
        for number, job in enumerate(data["jobs"][name]):
            made[name, number] = _job(kind, job, made)
    filled: dict[str, Any] = {
        name: {_key(job["key"]): made[name, number] for number, job in enumerate(data["jobs"][name])} for name in tables
    }
    return Grid(**rest, **filled)


def _plain_job(job: Any, places: Mapping[int, Place]) -> dict[str, Any]:
    return {"fields": {one.name: _plain(getattr(job, one.name), places) for one in fields(job)}}


def _plain(value: Any, places: Mapping[int, Place]) -> Any:
    if isinstance(value, Spec):
        return {KIND: type(value).__name__, JSON: value.to_json()}
    if is_dataclass(value):
        if id(value) not in places:
            raise ValueError(f"{type(value).__name__} that is not part of the grid")
        return {JOB: list(places[id(value)])}
    if isinstance(value, tuple):
        return [_plain(one, places) for one in value]
    if isinstance(value, dict):
        return {MAP: [[_plain(key, places), _plain(one, places)] for key, one in value.items()]}
    if value is None or isinstance(value, str | int | float | bool):
        return value
    raise ValueError(f"{type(value).__name__} in a grid")


def _job(kind: Any, data: Mapping[str, Any], made: Mapping[Place, Any]) -> Any:
    """Make a job whose settings are parsed when they are asked for."""
    job = object.__new__(_deferring(kind))
    waiting = {}
    for one in fields(kind):
        value, hint = data["fields"][one.name], _hints(kind)[one.name]
        # A default would be found in its place.
        if isinstance(value, dict) and KIND in value and not hasattr(kind, one.name):
            waiting[one.name] = (_spec(value[KIND], hint), value[JSON])
        else:
            job.__dict__[one.name] = _typed(value, hint, made)
    job.__dict__["_waiting"] = waiting
    return job


def _typed(value: Any, hint: Any, made: Mapping[Place, Any]) -> Any:
    """Return a value as its field's type has it."""
    if isinstance(value, dict) and JOB in value:
        table, number = value[JOB]
        job = made[table, number]
        if not any(isinstance(one, type) and isinstance(job, one) for one in _members(hint)):
            raise TypeError(f"{type(job).__name__}, expected {hint}")
        return job
    if isinstance(value, dict) and MAP in value:
        return {_key(key): _typed(one, get_args(hint)[1], made) for key, one in value[MAP]}
    if isinstance(value, dict):
        return _spec(value[KIND], hint).model_validate_json(value[JSON])
    if isinstance(value, list):
        return tuple(_typed(one, get_args(hint)[0], made) for one in value)
    return _adapter(hint).validate_python(value, strict=True)


def _key(value: str | list[str]) -> str | tuple[str, ...]:
    return value if isinstance(value, str) else tuple(value)


def _spec(name: str, hint: Any) -> type[Spec]:
    found = [one for one in _members(hint) if isinstance(one, type) and issubclass(one, Spec) and one.__name__ == name]
    if len(found) != 1:
        raise TypeError(f"{name}, expected {hint}")
    return found[0]


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in {Union, types.UnionType} else (hint,)


@functools.cache
def _adapter(hint: Any) -> TypeAdapter[Any]:
    return TypeAdapter(hint)


@functools.cache
def _hints(kind: Any) -> dict[str, Any]:
    return get_type_hints(kind)


@functools.cache
def _tables() -> dict[str, type[Any]]:
    """Return the tables of a grid with the kind of job in each, in the order in which they are built on each other."""
    hints = _hints(Grid)
    maps = {one.name: get_args(hints[one.name])[1] for one in fields(Grid) if get_origin(hints[one.name]) is dict}
    return {name: kind for name, kind in maps.items() if isinstance(kind, type) and is_dataclass(kind)}


@functools.cache
def _deferring(kind: Any) -> type[Any]:
    base = cast("type[Any]", kind)
    return cast("type[Any]", type(base.__name__, (base,), {"__getattr__": _parse, "__module__": base.__module__}))


def _parse(job: Any, name: str) -> Any:
    """Parse settings that are asked for; Python comes here for what a job has not got yet."""
    if name not in job.__dict__.get("_waiting", {}):
        raise AttributeError(name)
    spec, text = job.__dict__["_waiting"].pop(name)
    job.__dict__[name] = spec.model_validate_json(text)
    return job.__dict__[name]
