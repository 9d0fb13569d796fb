"""What the report says of classification."""

from ovlab.tasks.protocol import Words

WORDS = Words(
    method=(
        "Top-1 accuracy: Wilson’s interval (1927); difference in top-1: Tango’s interval for paired proportions "
        "(1998), over the same images."
    ),
    metric_titles={"top-1": "top-1 accuracy"},
    class_score="accuracy",
    class_size="images",
    class_test=(
        "p (Holm): McNemar’s exact test in the class, adjusted for the number of classes; without a small p such "
        "changes are to be expected by chance where a class has few images."
    ),
    paired_test="Gains and losses: images that only the one or only the other variant gets right.",
)
