"""Versioned records: what every step leaves behind beside its files.

A record is a JSON file written last, so that its presence means that the step is complete. It carries the exact
settings, the hashes of the inputs, the environment and the results with their units. A step that fails
leaves a record too: later steps pass the failure on, and the report shows it.
"""

from __future__ import annotations

import math
import uuid
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from ovlab.environment import describe_host
from ovlab.errors import OvlabError, one_line
from ovlab.files import known_sha256, read_json, sha256_of_data, write_json
from ovlab.stats.interval import Interval

VERSION = 1
VARIANTS = ("variant", "FP32 variant")
"""What steps call the variants that they need."""
MEND = "the next run of the workflow makes it anew"
Status = Literal["ok", "unavailable", "failed"]
Kind = Literal["source", "variant", "accuracy", "session", "peaks", "profile"]


@dataclass(frozen=True)
class Quantity:
    """A number with its unit, and the bounds of its 95 % confidence interval where it has one.

    Attributes
    ----------
    value : float or None
        None where the quantity could not be had; it is never estimated.
    unit : str
        SI or field-standard unit: ``ms``, ``1/s``, ``MB`` (10^6 bytes), ``fraction``, ``count``.
    """

    value: float | None
    unit: str
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(cls, interval: Interval, unit: str) -> Quantity:
        """Make a quantity of a statistic; what is not known (NaN) becomes None."""
        value, low, high = (None if math.isnan(x) else float(x) for x in (interval.value, interval.low, interval.high))
        return cls(value, unit, low, high)


@dataclass
class Record:
    """The result of one step.

    Attributes
    ----------
    kind : str
        Which step's result this is.
    settings : dict
        The exact, resolved settings of the step.
    status : {"ok", "unavailable", "failed"}
        How it went; `reason` says why when it is not ``ok``.
    inputs : dict
        SHA-256 of each input file, by role.
    files : dict
        SHA-256 of each file that the step has left beside the record, by its name.
    values : dict of Quantity
        The results that are numbers.
    data : dict
        The results that are not: names of files, lists, nested tables.
    """

    kind: Kind
    settings: dict[str, Any]
    status: Status = "ok"
    reason: str = ""
    inputs: dict[str, str] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    values: dict[str, Quantity] = field(default_factory=dict)
    data: dict[str, Any] = field(default_factory=dict)
    environment: dict[str, Any] = field(default_factory=describe_host)
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    created: str = field(default_factory=lambda: datetime.now(UTC).isoformat(timespec="seconds"))

    @property
    def ok(self) -> bool:
        """Whether the step succeeded."""
        return self.status == "ok"

    def value(self, name: str) -> float | None:
        """Return the number of a quantity, or None where there is none."""
        quantity = self.values.get(name)
        return None if quantity is None else quantity.value


def write_record(path: Path, record: Record) -> None:
    """Write a record, atomically, with the SHA-256 of its own contents: one that was edited is none any more."""
    data = {"schema": f"ovlab/{record.kind}/{VERSION}", **asdict(record)}
    write_json(path, data | {"sha256": sha256_of_data(data)})


def read_record(path: Path, kind: Kind | None = None) -> Record:
    """Read a record and check that it is what it should be: of a kind, if one is given.

    Raises
    ------
    OvlabError
        If the file is missing, is no record, is of another kind or version, or was changed after it was written.
    """
    try:
        data = read_json(path)
        sha256 = data.pop("sha256", None)
        is_changed = sha256 is not None and sha256 != sha256_of_data(data)
        schema = data.pop("schema")
        values = {name: Quantity(**quantity) for name, quantity in data.pop("values").items()}
        record = Record(**data, values=values)
    except FileNotFoundError:
        raise OvlabError(f"{path}: missing; the step that makes it has not run") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise OvlabError(f"{path}: not a record ({error})") from None
    expected = f"ovlab/{kind or record.kind}/{VERSION}"
    if schema != expected:
        raise OvlabError(f"{path}: is {schema!r}, expected {expected!r}")
    if is_changed:
        raise OvlabError(f"{path}: was changed after it was written; {MEND}")
    return record


def require_intact(record: Record, folder: Path) -> None:
    """Check that the files of a record are those that its step has left.

    Parameters
    ----------
    record : Record
        Its `files` are looked at.
    folder : Path
        Where the record lies, and its files beside it.

    Raises
    ------
    OvlabError
        Naming the first file that is missing or was changed.
    """
    for name, sha256 in record.files.items():
        path = folder / name
        try:
            found = known_sha256(path)
        except OSError as error:
            raise OvlabError(f"{path}: cannot be read ({one_line(error)}); {MEND}") from None
        if found != sha256:
            raise OvlabError(
                f"{path}: was changed after it was made (SHA-256 {found[:12]}..., recorded {sha256[:12]}...); {MEND}"
            )


def require_usable(record: Record, folder: Path, what: str) -> Record:
    """Pass a record on if its step succeeded and its files, in `folder`, are those that the step has left.

    Raises
    ------
    OvlabError
        With the reason of the failed step, or naming the file that is missing or was changed.
    """
    require_ok(record, what)
    require_intact(record, folder)
    return record


def require_ok(record: Record, what: str) -> Record:
    """Pass a record on if its step succeeded.

    Raises
    ------
    OvlabError
        With the reason of the failed step, so that the first cause reaches the report.
    """
    if not record.ok:
        # What went wrong stands at the beginning, with what it was in: one step after the other adds nothing to it.
        passed_on = record.reason.startswith((f"{what}: ", "download of ", *(f"{one}: " for one in VARIANTS)))
        raise OvlabError(record.reason if passed_on else f"{what}: {record.reason}")
    return record
