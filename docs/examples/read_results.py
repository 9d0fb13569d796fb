"""Read the results of an experiment with pandas and draw one figure with seaborn.

python docs/examples/read_results.py results/quickstart/report speedups.pdf
"""

import sys
from pathlib import Path

import pandas as pd
import seaborn as sns

folder, figure = Path(sys.argv[1]), Path(sys.argv[2])

# One row a cell, with types; results.csv has the same as text. results_columns.csv says what each column is.
results = pd.read_parquet(folder / "tables" / "results.parquet")
columns = pd.read_csv(folder / "tables" / "results_columns.csv", index_col="column")
print(columns.loc[["latency_ms_p50", "speedup", "accuracy_delta"], ["unit", "meaning"]].to_string())

# A cell on a device that is not here, or that failed, has a status other than ok and a reason.
print(results["status"].value_counts().to_string())
measured = results[results["status"] == "ok"]

# Every value has its bounds beside it: NAME_low and NAME_high.
best = measured.loc[measured.groupby("model")["speedup"].idxmax()]
print(
    best[["model", "precision", "device", "scenario", "speedup", "speedup_low", "speedup_high"]].to_string(index=False)
)

grid = sns.catplot(
    measured, kind="bar", x="scenario", y="speedup", hue="precision", col="model", errorbar=None, height=3
)
grid.set_axis_labels("", "speed-up (×)")
grid.savefig(figure)
