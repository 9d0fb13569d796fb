"""A model's extension in the grid: its contents are part of every digest that depends on it."""

from __future__ import annotations

from pathlib import Path

import pytest

from ovlab.errors import OvlabError
from ovlab.specs import ConvertSettings
from ovlab_flow import Grid, load_grid

ROOT = Path(__file__).resolve().parents[2]
MODEL = """defaults: [digits_cnn]
extension: {path}
"""


@pytest.fixture
def extension(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(ROOT)
    path = tmp_path / "own.py"
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "own.yaml").write_text(MODEL.format(path=path), encoding="utf-8")
    path.write_text("extensions = []", encoding="utf-8")
    return path


def grid_with(extension: Path) -> Grid:
    overrides = ["experiment.models=[digits_cnn,own]", "experiment.devices=[cpu]", "experiment.scenarios=[offline]"]
    overrides += ["experiment.precisions=[fp32,int8]"]
    return load_grid("quickstart", conf=ROOT / "conf", extra_conf=str(extension.parent / "conf"), overrides=overrides)


def digests(grid: Grid) -> dict[tuple[str, str], str]:
    return {(one.model, one.precision): one.digest for one in grid.variants.values()}


def test_an_edited_extension_makes_its_models_variants_anew(extension: Path) -> None:
    before = digests(grid_with(extension))
    extension.write_text("extensions = [1]", encoding="utf-8")
    after = grid_with(extension)
    changed = {key for key, digest in digests(after).items() if digest != before[key]}
    assert changed == {("own", name) for name in ("fp32", "int8")}
    settings = next(one.settings for one in after.variants.values() if (one.model, one.precision) == ("own", "fp32"))
    assert isinstance(settings, ConvertSettings)
    assert settings.extension is not None
    assert settings.extension.path == str(extension)
    extension.write_text("extensions = []", encoding="utf-8")
    assert digests(grid_with(extension)) == before


def test_a_missing_extension_is_told_before_anything_runs(extension: Path) -> None:
    extension.unlink()
    with pytest.raises(OvlabError, match=r"model/own\.yaml: extension: no file '.*own\.py' \(seen from "):
        grid_with(extension)
