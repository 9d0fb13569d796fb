"""Accuracy: is a difference real, where does it show, which layers does it come from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ovlab.report.format import joined
from ovlab.report.section import ReportContext, Section
from ovlab.report.sections.accuracy.galleries import galleries
from ovlab.report.sections.accuracy.layers import SHOWN_LAYERS, distance_table, layer_figures, layers_table, suggestions
from ovlab.report.sections.accuracy.pairs import compared_pairs
from ovlab.report.sections.accuracy.tables import SHOWN_CLASSES, classes_table, power_table, significance_table
from ovlab.report.style import Plot
from ovlab.report.table import Table


class Accuracy(Section):
    """Paired tests, the classes and images that change, and the distances of layers."""

    anchor = "accuracy-section"
    title = "Accuracy"
    question = "Is a difference in accuracy real, and where does it come from?"

    def tables(self, report: ReportContext) -> list[Table]:
        """Make the tables of paired tests, of classes and of distances."""
        of = report.settings, report.records
        pairs = compared_pairs(*of)
        return [
            significance_table(report.settings, pairs),
            power_table(pairs, report.reference),
            replace(classes_table(*of, SHOWN_CLASSES), whole=classes_table(*of)),
            distance_table(*of),
            replace(layers_table(*of, SHOWN_LAYERS), whole=layers_table(*of)),
        ]

    def figures(self, report: ReportContext) -> list[Plot]:
        """Draw signal to noise along each model's graph."""
        return layer_figures(report.settings, report.records)

    def method(self, report: ReportContext) -> list[str]:
        """Say on which device accuracy was validated, where it is not one for all."""
        own = [name for name in report.settings.experiment.validate_on if report.settings.validates_apart(name)]
        if not own:
            return []
        plain = report.settings.validation.device
        return [
            f"Accuracy was validated on {plain}, and for the cells on {joined(own)} on their own device; a difference "
            f"is between variants on the same device. Paired tests, classes, images and layers are those on {plain}."
        ]

    def context(self, report: ReportContext) -> dict[str, Any]:
        """Return the images where variants disagree, and the ignored scopes to try."""
        return {
            "galleries": galleries(report.settings, report.records),
            "suggestions": suggestions(report.settings, report.records),
        }
