"""What every spec shares: unknown keys are refused, and an error names the file, the key and the nearest name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar, get_args

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ovlab.addresses import hide_secrets
from ovlab.errors import OvlabError, nearest
from ovlab.text import shortened, visible_json

SpecT = TypeVar("SpecT", bound="Spec")
UNION_LABELS = ("function-", "list[", "dict[", "tuple[", "literal[")
# What pydantic calls the kinds of things that YAML has.
LIST, MAPPING = "should be a list", "should be keys and values"
YAML_WORDS = {"tuple_type": LIST, "list_type": LIST, "dict_type": MAPPING, "model_type": MAPPING}
SCALAR_LABELS = frozenset({"str", "int", "float", "bool", "constrained-int", "constrained-float", "constrained-str"})


class Spec(BaseModel):
    """A part of the configuration: typed, frozen, without unknown keys."""

    # Built when first used: a job uses few of the specs that it loads.
    model_config = ConfigDict(
        extra="forbid", frozen=True, arbitrary_types_allowed=False, allow_inf_nan=False, defer_build=True
    )

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        # pydantic would refuse them too, but without saying what is meant.
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), cls.model_fields)
                    raise PydanticCustomError("unknown_key", "{key}: unknown key{hint}", {"key": key, "hint": hint})
                if _holds_truth(value := data[key]) and not _takes_truth(cls.model_fields[key].annotation):
                    # pydantic would take it for 1 or 0, and YAML has many words for it: yes, on, true.
                    words = "{key}: {value}, expected no true or false"
                    raise PydanticCustomError("truth_value", words, {"key": key, "value": shortened(value)})
        return data

    def plain(self) -> dict[str, Any]:
        """Return the spec as plain JSON-compatible data."""
        return self.model_dump(mode="json")

    def to_json(self) -> str:
        """Return the spec as JSON for a command line, in which everything can be seen; `from_json` reads it."""
        return visible_json(self.model_dump_json())

    @classmethod
    def from_json(cls, text: str, option: str = "--settings") -> Self:
        """Read a spec from JSON text, as an option of the scripts carries it; an error begins with the option.

        Raises
        ------
        OvlabError
            If the text is not JSON or does not fit the spec.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise OvlabError(f"{option}: {describe(error)}") from None


def _holds_truth(value: Any) -> bool:
    return isinstance(value, bool) or (isinstance(value, list | tuple) and any(isinstance(one, bool) for one in value))


def _takes_truth(annotation: Any) -> bool:
    return annotation in {bool, Any} or any(_takes_truth(one) for one in get_args(annotation))


def parse_spec(spec: type[SpecT], data: Mapping[str, Any], where: str) -> SpecT:
    """Validate plain data against a spec.

    Parameters
    ----------
    spec : type
        The spec to fit.
    data : mapping
        Plain data, as composed from YAML.
    where : str
        The file that the data come from; an error begins with it.

    Raises
    ------
    OvlabError
        Naming the file, the key, what is wrong with its value and what was expected.
    """
    try:
        return spec.model_validate(dict(data))
    except ValidationError as error:
        raise OvlabError(f"{where}: {describe(error)}") from None


def describe(error: ValidationError) -> str:
    """Put a validation error into one line: the first complaint, and how many other keys have one."""
    by_key: dict[str, list[ErrorDetails]] = {}
    for detail in error.errors(include_url=False):
        by_key.setdefault(_key(detail), []).append(detail)
    key, details = next(iter(by_key.items()))
    more = f" (and {len(by_key) - 1} more)" if len(by_key) > 1 else ""
    # What pydantic says may quote the value, which may be an address.
    return hide_secrets(_line(key, details)) + more


def _key(detail: ErrorDetails) -> str:
    """Return the key as the user wrote it: pydantic adds labels of its own for the members of a union."""
    # "[key]" stands behind a mapping's key that is itself wrong.
    parts = [str(part) for part in detail["loc"] if not str(part).startswith(UNION_LABELS) and part != "[key]"]
    if parts and parts[-1] in SCALAR_LABELS:
        parts.pop()
    return ".".join(parts)


def _line(key: str, details: list[ErrorDetails]) -> str:
    detail = details[0]
    prefix = f"{key}: " if key else ""
    kind, message, value = detail["type"], detail["msg"], detail["input"]
    if kind in {"unknown_key", "truth_value"}:
        return f"{key}.{message}" if key else message
    if kind == "missing":
        return f"{prefix}missing, but needed"
    if kind == "value_error":
        return prefix + message.removeprefix("Value error, ")
    if kind == "literal_error":
        expected = [name.strip(" '") for name in str(detail["ctx"]["expected"]).replace(" or ", ",").split(",")]
        return f"{prefix}{shortened(value)} is not valid{nearest(str(value), expected)}"
    message = f"Input {YAML_WORDS[kind]}" if kind in YAML_WORDS else message
    others = "".join(f", or {other['msg'].removeprefix('Input should be ')}" for other in details[1:])
    shown = f" (got {shortened(value)})" if isinstance(value, str | int | float | bool | None) else ""
    return f"{prefix}{message[0].lower()}{message[1:]}{others}{shown}"
