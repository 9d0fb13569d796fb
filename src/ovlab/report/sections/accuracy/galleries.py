"""Images where a variant and the reference disagree, for the page."""

from __future__ import annotations

import re
from dataclasses import dataclass

from ovlab.errors import OvlabError
from ovlab.files import read_json
from ovlab.report.records import Records
from ovlab.report.task_words import words_of
from ovlab.specs import ReportSettings

FILE, SCHEMA = "disagreements.json", "ovlab/disagreements/1"
BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}")


@dataclass(frozen=True, slots=True)
class Thumbnail:
    """An image with what is said of it.

    Attributes
    ----------
    data : str
        The JPEG in Base64.
    width, height : int
        Its size in pixels.
    """

    image: str
    outcome: str
    truth: str
    reference: str
    variant: str
    boxes: bool
    width: int
    height: int
    data: str


@dataclass(frozen=True, slots=True)
class Gallery:
    """Some of the images where a variant and the reference disagree, how many there are, and what is drawn on them."""

    title: str
    precision: str
    total: int
    compared: int
    drawing: str
    thumbnails: list[Thumbnail]


def galleries(settings: ReportSettings, records: Records) -> list[Gallery]:
    """Read what the validations left; variants that disagree on no image are left out.

    Raises
    ------
    OvlabError
        If a file is there but is not what it should be.
    """
    found = []
    for model in settings.experiment.models:
        for precision in settings.experiment.precisions:
            record = records.accuracies.get((model, precision))
            folder = records.accuracy_folders.get((model, precision))
            if record is None or folder is None or not (folder / FILE).exists():
                continue
            try:
                data = read_json(folder / FILE)
                if data["schema"] != SCHEMA:
                    raise ValueError(f"is {data['schema']!r}, expected {SCHEMA!r}")
                thumbnails = [_thumbnail(item) for item in data["items"]]
                total = int(data["total"])
            except (ValueError, KeyError, TypeError) as error:
                raise OvlabError(f"{folder / FILE}: not a list of disagreements ({error})") from None
            if thumbnails:
                compared = int(record.value("samples") or 0)
                drawing = words_of(settings, model).drawing
                found.append(Gallery(f"{model} {precision}", precision, total, compared, drawing, thumbnails))
    return found


def _thumbnail(item: dict[str, object]) -> Thumbnail:
    data = str(item["jpeg"])
    if not BASE64.fullmatch(data):
        raise ValueError("a JPEG is not Base64")
    words = {key: str(item[key]) for key in ("image", "outcome", "truth", "reference", "variant")}
    width, height = (int(str(item[key])) for key in ("width", "height"))
    return Thumbnail(**words, boxes=bool(item["boxes"]), width=width, height=height, data=data)
