"""Noise in the report: what the host told, which cells were marked, and nothing of what was not read."""

from __future__ import annotations

from report_factory import Maker, Recipe, make_tables, page_of

from ovlab.report import results_frame
from ovlab.report.sections.measuring.noise import noise_paragraphs, noise_sentences
from ovlab.report.table import Table
from ovlab.report.table_files import to_latex, to_markdown


def noise_of(make: Maker, recipe: Recipe) -> Table:
    settings, records = make(recipe)
    return make_tables(settings, records)["noise"]


def test_one_row_a_session_and_no_column_for_what_no_host_told(make: Maker) -> None:
    raw = noise_of(make, Recipe(noise={})).raw()
    assert list(raw["scenario"]) == ["single_stream", "offline"]
    assert not {"clock_mhz_min", "temperature_c_max", "throttling"} & set(raw.columns)
    first = raw.iloc[0]
    assert (first["launches"], first["noisy_launches"]) == (15, 0)
    assert (first["other_load"], first["other_load_max"]) == (0.03, 0.05)
    assert (first["kernel_ms"], first["kernel_slowdown_max"]) == (7.0, 0.03)
    assert (first["minor_faults"], first["major_faults_max"], first["waited_s"]) == (12, 0, 4)
    assert raw["steal_max"].tolist() == [0.002, 0.002]


def test_clocks_and_temperatures_where_they_are_told(make: Maker) -> None:
    table = noise_of(make, Recipe(noise={"clock_mhz": 3412.5, "temperature_c": 71.5, "beyond": ["temperature_c"]}))
    first = table.raw().iloc[0]
    assert (first["clock_mhz_min"], first["clock_mhz_max"], first["temperature_c_max"]) == (3412.5, 3412.5, 71.5)
    assert first["noisy_launches"] == 15
    for text in (to_markdown(table), to_latex(table)):
        assert "71.5" in text and "3412" in text


def test_records_without_readings_have_no_table(make: Maker) -> None:
    assert noise_of(make, Recipe()).rows == []
    settings, records = make(Recipe())
    assert noise_paragraphs(settings.measurement.noise, records) == []


def test_what_the_gate_was_set_to(make: Maker) -> None:
    settings, records = make(Recipe(noise={}))
    gate, host = noise_paragraphs(settings.measurement.noise, records)
    assert gate == (
        "Before a round a session waits (at most 60 s in all) while the host is beyond a bound: load of other "
        "processes 20 %, time stolen by the hypervisor 5 %, slowdown of the calibration kernel 25 % and major "
        "page faults 100. A row with more than 20 % of its launches beyond a bound is marked as noisy."
    )
    assert host == (
        "Settings of the processor while it measured: frequency governor: powersave; driver: not reported by the host; "
        "turbo: on; simultaneous multithreading: not reported by the host."
    )


def test_marked_cells_are_named(make: Maker) -> None:
    settings, records = make(Recipe(noise={}))
    frame = results_frame(settings, records)
    assert noise_sentences(frame) == []
    frame.loc[1, "reason"] = "noisy: 3 of 5 launches with steal"
    assert noise_sentences(frame) == [
        "1 of 6 measured cells marked as noisy.",
        "net fp32 on cpu, offline: 3 of 5 launches with steal.",
    ]
    frame["reason"] = "noisy: 5 of 5 launches with steal"
    told = noise_sentences(frame)
    assert (told[0], len(told)) == ("6 of 6 measured cells marked as noisy.", 6)
    assert told[-1] == "The others: column reason of results.csv."


def test_the_page_shows_it(make: Maker) -> None:
    page = page_of(*make(Recipe(noise={})))
    assert '<table id="noise" ' in page
    assert "frequency governor: powersave" in page
