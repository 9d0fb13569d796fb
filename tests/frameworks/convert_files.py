"""Convert files as the convert step does, and note what it says of each; run by the Python that has the frameworks.

    python convert_files.py FOLDER < files.json

The files are ``{name: {folder, file, changes}}``, with what a toy model's YAML says otherwise. FOLDER gets
``answers.json``.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from toy import convert_settings, folders_spec, model_spec, source_record, write_class_folders

from ovlab.convert import convert
from ovlab.errors import OvlabError


def main(folder: Path) -> None:
    """Convert all files that standard input lists."""
    images = source_record(write_class_folders(folder / "images"))
    answers = {}
    for name, one in json.load(sys.stdin).items():
        path = Path(one["folder"]) / one["file"]
        spec = model_spec(path, **{"preprocess": {}, "output": {"classes": 10}} | one["changes"])
        try:
            convert(convert_settings(spec, folders_spec()), source_record(path.parent), images, folder / name)
            answers[name] = {"reason": "", "detail": ""}
        except OvlabError as error:
            answers[name] = {"reason": str(error), "detail": error.detail}
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
