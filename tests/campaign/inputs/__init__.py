"""The hostile inputs, by kind. Some are the unit tests' own, met here through the whole program."""

from __future__ import annotations

from campaign.cases import Case
from campaign.inputs import archives, boxes, conf, images, models, networks, urls, user_code

CASES: list[Case] = [
    case
    for module in (conf, urls, archives, images, boxes, user_code, networks, models)
    for family in module.FAMILIES
    for case in family.cases
]
