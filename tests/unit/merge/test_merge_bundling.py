"""A merged report is bundled with what it was made from; verify checks each part and merges them anew."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ovlab.bundle.layout import INFO, MANIFEST, MERGED
from ovlab.bundle.verifying import verify
from ovlab.bundle.writing import write_bundle
from ovlab.csv_files import read_csv
from ovlab.errors import OvlabError
from ovlab.merge.merging import Results, merge

sys.path.insert(0, str(Path(__file__).parents[1] / "bundle"))

from bundle_factory import forge, make_checkout, make_results, rehash

REPORT = "results/test_merged/report"


@pytest.fixture(autouse=True)
def short() -> None:
    """Everything is made and compared here, figures too: a few small ones."""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout, two folders of results (the second as a bundle), their merged report, and its bundle ``one``."""
    place = tmp_path_factory.mktemp("merged")
    home = make_checkout(place / "home")
    make_results(place / "a/results")
    make_results(place / "b/results", run_id="ba9876543210")
    write_bundle(place / "b/results", "test", place / "b.zip", home=home)
    named = [Results(place / "a/results", "left"), Results(place / "b.zip", "right")]
    merge(named, place / "into", name="test_merged")
    write_bundle(place / "into", "test_merged", place / "one", home=home, licence="CC-BY-4.0")
    return place


@pytest.fixture
def bundle(place: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(place / "one", tmp_path / "one"))


def test_it_holds_and_has_its_sources_with_their_hashes(place: Path) -> None:
    verdict = verify(place / "one")
    assert verdict.faults == []
    assert any(line.startswith("parts/1: 1 session recomputed") for line in verdict.checked)
    assert "report made anew: " in verdict.checked[-1] and "figures" in verdict.checked[-1]
    origins = json.loads((place / "one" / REPORT / "merged.json").read_text(encoding="utf-8"))["origins"]
    assert [(one["host"], one["results"]) for one in origins] == [("left", "parts/1"), ("right", "parts/2")]
    assert all(len(one["bundle"]) == 64 for one in origins)
    assert set(read_csv(place / "one" / REPORT / "tables/results.csv")["host"]) == {"left", "right"}
    assert (place / "one/parts/2" / MANIFEST).is_file()
    text = (place / "one/ro-crate-metadata.json").read_text(encoding="utf-8")
    assert '"parts/2/manifest-sha256.txt"' in text and str(place) not in text


def _number(bundle: Path) -> None:
    path = bundle / REPORT / "tables/results.csv"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join([lines[0], lines[1].replace(",ok,", ",failed,"), *lines[2:]]) + "\n", encoding="utf-8")


def _part(bundle: Path) -> None:
    path = bundle / "parts/1/results/test/report/index.html"
    path.write_text(path.read_text(encoding="utf-8") + " ", encoding="utf-8")


def _forged_part(bundle: Path) -> None:
    """Change a session's result in a part, with all hashes of the part and of the whole made right."""
    path = bundle / "parts/1/results/test/sessions/here/net/cpu/single_stream/session.json"
    data = json.loads(path.read_text(encoding="utf-8"))
    data["data"]["rows"]["int8"]["values"]["latency_p50"]["value"] /= 2
    path.write_text(json.dumps(data), encoding="utf-8")
    forge(bundle / "parts/1")


def _other_host(bundle: Path) -> None:
    path = bundle / REPORT / "merged.json"
    path.write_text(path.read_text(encoding="utf-8").replace('"left"', '"best"'), encoding="utf-8")


def _exchanged(bundle: Path) -> None:
    parts = bundle / "parts"
    (parts / "1").rename(parts / "0")
    (parts / "2").rename(parts / "1")
    (parts / "0").rename(parts / "2")


def _figure(bundle: Path) -> None:
    (bundle / REPORT / "figures/speedup.png").write_bytes(b"none")


TAMPERED: dict[str, dict[Callable[[Path], object], str]] = {
    "the merged report": {
        _number: f"{REPORT}/tables/results.csv, row 1, column status: 'failed'",
        _figure: f"{REPORT}/figures/speedup.png: is not what is drawn",
        lambda bundle: (bundle / REPORT / "more.txt").touch(): f"{REPORT}/more.txt: is no file of the report",
    },
    "what the hosts are called": {_other_host: f"{REPORT}/"},
    "the order of the parts": {_exchanged: f"{REPORT}/"},
    "the parts": {
        _part: "parts/1/results/test/report/index.html: was changed",
        lambda bundle: shutil.copytree(bundle / "parts/1", bundle / "parts/3"): "parts/3/README.md: is no part of",
        lambda bundle: shutil.rmtree(bundle / "parts/2"): "parts/2: no such bundle",
    },
    "a result of a part": {_forged_part: "parts/1/results/test/sessions/here/net/cpu/single_stream/session.json"},
}
"""What is changed at once, each with the fault that tells of it."""


@pytest.mark.parametrize("kind", TAMPERED)
def test_tampering_is_found_though_the_hashes_of_the_whole_are_right(kind: str, bundle: Path) -> None:
    for tamper in TAMPERED[kind]:
        tamper(bundle)
    rehash(bundle)
    faults = verify(bundle).faults
    for expected in TAMPERED[kind].values():
        assert any(line.startswith(expected) for line in faults), (expected, faults)


def test_what_cannot_be_bundled_or_merged_is_said_in_a_line(place: Path, tmp_path: Path) -> None:
    into = Path(shutil.copytree(place / "into", tmp_path / "into"))
    path = into / "test_merged" / MERGED
    text = path.read_text(encoding="utf-8")

    def complaint() -> str:
        with pytest.raises(OvlabError) as caught:
            write_bundle(into, "test_merged", tmp_path / "x", home=place / "home")
        assert "\n" not in str(caught.value) and not (tmp_path / "x").exists()
        return str(caught.value)

    path.write_text(text.replace(str(place / "b.zip"), str(place / "c.zip")), encoding="utf-8")
    assert "c.zip: is not there any more; bundle where it is, or merge anew" in complaint()
    fingerprint = json.loads(text)["origins"][1]["bundle"]
    path.write_text(text.replace(fingerprint, "0" * 64), encoding="utf-8")
    assert "is another bundle than the one that was merged" in complaint()
    path.write_text("{}", encoding="utf-8")
    assert "is no list of merged results" in complaint()
    with pytest.raises(OvlabError, match="is the bundle of a merged report; merge the bundles in its folder 'parts'"):
        merge([Results(place / "one"), Results(place / "b.zip")], tmp_path / "more")
    assert (place / "one" / INFO).is_file()
