"""Do the outputs fit what the model's YAML says of them? Try one image at once, before hours go into the variant."""

from __future__ import annotations

from dataclasses import replace

import openvino as ov

from ovlab.data import Split, load_ahead, skip_or_stop
from ovlab.runtime import core, image_size, set_batch
from ovlab.specs import ConvertSettings
from ovlab.tasks import make_evaluator

TRIED = 8
"""Images of which one must be readable; where corrupt ones are skipped, validation looks further."""


def try_one_image(ir: ov.Model, settings: ConvertSettings, split: Split) -> None:
    """Run an IR on one image and let the task read its outputs, as validation will.

    Parameters
    ----------
    ir : openvino.Model
        With its preprocessing embedded; it is reshaped to a batch of 1.
    settings : ConvertSettings
        What the outputs mean.
    split : Split
        Whose images to take.

    Raises
    ------
    OvlabError
        If the outputs do not fit the task: their number, names, shapes or number of classes.
    """
    height, width = image_size(ir)
    evaluator = make_evaluator(settings.model, settings.dataset, split, width=width, height=height)
    set_batch(ir, 1)
    compiled = core().compile_model(ir, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    few = replace(split, images=split.images[:TRIED])
    for batch in load_ahead(few, height, width, settings.model.preprocess.resize, workers=1):
        for _, error in batch.corrupt:
            skip_or_stop(error, settings.dataset)
        if batch.images:
            answers = compiled(batch.pixels)
            outputs = {name: answers[port] for port in compiled.outputs for name in sorted(port.get_names())}
            evaluator.predict_batch(batch.images, outputs, batch.placements, 1)
            return
