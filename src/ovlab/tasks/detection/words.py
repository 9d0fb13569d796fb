"""What the report says of detection."""

from ovlab.tasks.protocol import Words

WORDS = Words(
    method="Mean average precision: percentile bootstrap over images, the same resamples for the difference.",
    class_score="average precision",
    class_size="objects",
    drawing="white: the objects",
)
