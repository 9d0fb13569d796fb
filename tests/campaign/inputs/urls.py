"""Addresses that are none, and servers that misbehave."""

from __future__ import annotations

import re
from typing import Any

import test_download_bounds as bounds

from campaign.cases import Command, Family, Room, parametrized

URLS = Family("URLs")
FAMILIES = (URLS,)


def answered(room: Room, answer: Any, size: int | None = None, **limits: Any) -> Command:
    room.server.raw["/bad"] = answer
    return asked(room, room.server.url("/bad"), size, **limits)


def asked(room: Room, address: str, size: int | None = None, **limits: Any) -> Command:
    file = {"sha256": bounds.SHA, "name": "a.bin", "url": [address]} | ({"size": size} if size else {})
    return room.download(file, **limits)


BEGINNING = r"^failed: a\.bin: cannot be fetched \(.*"
for what, answer in bounds.HOLDING.items():
    URLS.add(
        what,
        lambda room, answer=answer: answered(room, answer),
        BEGINNING + r"(nothing came for 1 s \(download.window_s\)|slower than 10 kB/s over 1 s)",
    )
for address, why in parametrized(bounds.test_an_address_that_is_none):
    URLS.add(address[:30], lambda room, address=address: asked(room, address), BEGINNING + re.escape(why))
for number, (answer, why) in enumerate(parametrized(bounds.test_an_answer_that_is_none)):
    URLS.add(
        f"answer {number}: {why[:40]}", lambda room, answer=answer: answered(room, answer), BEGINNING + re.escape(why)
    )
for number, (answer, size, why) in enumerate(parametrized(bounds.test_a_body_without_end)):
    URLS.add(
        f"body {number}: {why[:40]}",
        lambda room, answer=answer, size=size: answered(room, answer, size),
        BEGINNING + re.escape(why),
    )
