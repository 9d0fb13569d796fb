"""A bundle with accuracies on a device of its own: all are recomputed, each against the reference on its device."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from bundle_factory import forge, make_checkout, make_results

from ovlab.bundle.verifying import verify
from ovlab.bundle.writing import write_bundle
from ovlab.files import write_json

OWN, REFERENCE = (f"results/accuracy/net/{name}/accuracy.json" for name in ("int8/00000008", "fp32/00000007"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("devices")
    make_checkout(place / "home")
    make_results(place / "results", validate_on="GPU")
    write_bundle(place / "results", "test", place / "whole", home=place / "home", authors=[], licence="MIT")
    return place / "whole"


def test_a_bundle_holds(whole: Path) -> None:
    verdict = verify(whole)
    assert verdict.faults == []
    assert any(one.startswith("4 validations recomputed") for one in verdict.checked)
    table = pd.read_csv(whole / "results/test/report/tables/results.csv").set_index(["device", "precision"])
    assert table.loc[("cpu", "int8"), "accuracy_device"] == "CPU"
    assert table.loc[("other", "int8"), "accuracy_device"] == "GPU"
    own, plain = (table.loc[(device, "int8"), "accuracy"] for device in ("other", "cpu"))
    assert own != plain


def set_value(record: Any) -> None:
    record["values"]["accuracy_delta"]["value"] = 0.25


FORGED: dict[str, tuple[str, Callable[[Any], object], str]] = {
    "a difference": (OWN, set_value, f"{OWN}.accuracy_delta.value: 0.25, "),
    "the device's name": (OWN, lambda one: one["data"].update(device="NPU"), f"{OWN}: device: "),
    "the device": (OWN, lambda one: one["settings"]["device"].update(device="NPU"), f"{OWN}: settings.device"),
    "whose accuracy it is": (OWN, lambda one: one["settings"].update(device_name="cpu"), f"{OWN}: "),
    "the reference's device": (REFERENCE, lambda one: one["settings"].pop("device_name"), "accuracy"),
}


@pytest.mark.parametrize("kind", FORGED)
def test_a_forgery_is_found_though_all_hashes_are_right(kind: str, whole: Path, tmp_path: Path) -> None:
    name, edit, expected = FORGED[kind]
    bundle = Path(shutil.copytree(whole, tmp_path / "bundle"))
    data = json.loads((bundle / name).read_text(encoding="utf-8"))
    edit(data)
    write_json(bundle / name, data)
    forge(bundle)
    verdict = verify(bundle)
    assert any(expected in one for one in verdict.faults), verdict.faults
