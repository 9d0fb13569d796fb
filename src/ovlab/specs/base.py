"""What every spec shares: unknown keys are refused, and an error names the file, the key and the nearest name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import ErrorDetails, PydanticCustomError

from ovlab.errors import OvlabError, nearest

SpecT = TypeVar("SpecT", bound="Spec")


class Spec(BaseModel):
    """A part of the configuration: typed, frozen, without unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=False)

    @model_validator(mode="before")
    @classmethod
    def _refuse_unknown_keys(cls, data: Any) -> Any:
        # pydantic would refuse them too, but without saying what is meant.
        if isinstance(data, Mapping):
            for key in data:
                if key not in cls.model_fields:
                    hint = nearest(str(key), cls.model_fields)
                    raise PydanticCustomError("unknown_key", "{key}: unknown key{hint}", {"key": key, "hint": hint})
        return data

    def plain(self) -> dict[str, Any]:
        """Return the spec as plain JSON-compatible data."""
        return self.model_dump(mode="json")

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read a spec from JSON text, as the scripts' ``--settings`` carries it.

        Raises
        ------
        OvlabError
            If the text is not JSON or does not fit the spec.
        """
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            raise OvlabError(f"--settings: {describe(error)}") from None


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
    """Put a validation error into one line: the first complaint, and how many more there are."""
    details = error.errors(include_url=False)
    more = f" (and {len(details) - 1} more)" if len(details) > 1 else ""
    return _line(details[0]) + more


def _line(detail: ErrorDetails) -> str:
    # Names in brackets are pydantic's own labels of a union's members: no key that the user wrote.
    path = ".".join(str(part) for part in detail["loc"] if not str(part).startswith(("function-", "list[", "dict[")))
    prefix = f"{path}: " if path else ""
    kind, message, value = detail["type"], detail["msg"], detail["input"]
    if kind == "unknown_key":
        return f"{path}.{message}" if path else message
    if kind == "missing":
        return f"{prefix}missing, but needed"
    if kind == "value_error":
        return prefix + message.removeprefix("Value error, ")
    if kind == "literal_error":
        expected = [name.strip(" '") for name in str(detail["ctx"]["expected"]).replace(" or ", ",").split(",")]
        return f"{prefix}{value!r} is not valid{nearest(str(value), expected)}"
    shown = f" (got {value!r})" if isinstance(value, str | int | float | bool | None) else ""
    return f"{prefix}{message[0].lower()}{message[1:]}{shown}"
