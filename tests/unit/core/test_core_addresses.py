"""What may be secret in an address is shown nowhere, whatever slip the address has."""

from __future__ import annotations

import pytest

from ovlab.addresses import hide_secrets, show_address
from ovlab.addresses.handover import hand_over, hand_over_mirror, show_mirror, take_over, take_over_mirror
from ovlab.errors import OvlabError
from ovlab.files import digest_of
from ovlab.specs import FileSpec, SourceSpec, parse_spec

SHA = "0" * 64


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("http://host/a.bin", "http://host/a.bin"),
        ("https://host:8080/a@1.2/b.bin", "https://host:8080/a@1.2/b.bin"),
        ("https://[::1]:8080/a.bin", "https://[::1]:8080/a.bin"),
        ("http://user:secret@host/a.bin", "http://***@host/a.bin"),
        ("http://secret@host/a.bin", "http://***@host/a.bin"),
        ("http://host/a.bin?token=secret", "http://host/a.bin?***"),
        ("http://host/a.bin?secret", "http://host/a.bin?***"),
        ("http://host/a.bin#access=secret", "http://host/a.bin#***"),
        ("http://user:secret@host:port/a.bin?secret#secret", "http://***@host:port/a.bin?***"),
        ("ftp://user:secret@host", "ftp://***@host"),
        # Signs in the password that should have been escaped.
        ("http://user:se@cret@host/a.bin", "http://***@host/a.bin"),
        ("http://user:secret/more@host/a.bin", "http://***@host/a.bin"),
        ("http://user:secret?more@host/a.bin", "http://***@host/a.bin"),
        ("http://user:secret#more@host/a.bin?secret", "http://***@host/a.bin?***"),
        # Slips in the address itself.
        ("http:/user:secret@host/a.bin", "http:/***@host/a.bin"),
        ("user:secret@host/a.bin", "***@host/a.bin"),
        ("http://user:secret@[::1/a.bin", "http://***@[::1/a.bin"),
        ("", ""),
    ],
)
def test_what_is_shown(address: str, shown: str) -> None:
    assert show_address(address) == shown
    assert show_address(shown) == shown


@pytest.mark.parametrize(
    "text",
    [
        "cannot read 'http://user:secret@host/f'",
        '[{"url": "http://host/f?token=secret"}]',
        "a=[http://host/f,http://user:secret@host/f?x=secret]",
        '["http://host/f","https://user:secret@host/f"]',
        "Max retries exceeded with url: user:secret@host (caused by x)",
        "http://user:secret@host/f?secret: no answer",
    ],
)
def test_addresses_in_a_text(text: str) -> None:
    hidden = hide_secrets(text)
    assert "secret" not in hidden
    assert "host" in hidden
    assert hide_secrets(hidden) == hidden


@pytest.mark.parametrize("text", ["files.0.url: missing", "a@b.example", "ratio 3:4, 5@6", "http://host/f: not found"])
def test_other_texts_stay(text: str) -> None:
    assert hide_secrets(text) == text


@pytest.mark.parametrize("piece", ["x", "x:", "x@", "=a:", "a://"])
def test_a_long_text_without_addresses_takes_no_hours(piece: str) -> None:
    text = piece * (300_000 // len(piece) if piece in {"x", "x@"} else 30_000)
    assert hide_secrets(text).startswith(piece)


@pytest.mark.parametrize("before", ["", "x" * 10_000, ":", "a:", "1", "x" * 100 + "://"])
def test_an_address_after_anything_is_hidden(before: str) -> None:
    assert "secret" not in hide_secrets(f"{before}http://user:secret@host/f")
    assert "secret" not in hide_secrets(f"{before}user:secret@host/f")


def source(*urls: str) -> SourceSpec:
    return SourceSpec(files=(FileSpec(url=urls, sha256=SHA), FileSpec(path="/data/b.bin")))


SECRET = source("http://user:secret@host/a.bin?token=secret", "http://other/a.bin")


def test_settings_show_no_credentials() -> None:
    for text in (SECRET.model_dump_json(), str(SECRET.plain()), str(SECRET.model_dump()), repr(SECRET), str(SECRET)):
        assert "secret" not in text
    assert SECRET.plain()["files"][0]["url"] == ["http://***@host/a.bin?***", "http://other/a.bin"]
    assert SECRET.files[0].file_name == "a.bin"


def test_a_new_token_makes_nothing_anew() -> None:
    other = source("http://user:changed@host/a.bin?token=renewed", "http://other/a.bin")
    assert digest_of(SECRET.plain()) == digest_of(other.plain())
    assert digest_of(SECRET.plain()) != digest_of(source("http://***@host/c.bin?***", "http://other/a.bin").plain())


def test_whole_addresses_travel_in_the_environment() -> None:
    environment = hand_over(SECRET)
    carried = SourceSpec.from_json(SECRET.model_dump_json())
    assert carried.files[0].url != SECRET.files[0].url
    assert take_over(carried, environment) == SECRET
    assert take_over(SECRET, environment) == SECRET
    assert take_over(carried, {}) == carried


def test_nothing_travels_where_nothing_is_hidden() -> None:
    assert hand_over(source("http://host/a.bin")) == {}
    assert hand_over(SourceSpec(files=(FileSpec(path="/data/a?b"),))) == {}


@pytest.mark.parametrize("text", ["", "[]", "{}", "[[1], []]", '[["http://host/b.bin"], []]', "3"])
def test_a_variable_that_holds_something_else(text: str) -> None:
    ((name, _),) = hand_over(SECRET).items()
    with pytest.raises(OvlabError, match=f"^{name}: does not hold the addresses of these settings$"):
        take_over(SECRET, {name: text})


def test_a_mirror_travels_likewise() -> None:
    whole = "https://user:secret@host/dir?token=secret"
    shown = show_mirror(whole)
    assert shown == "https://***@host/dir?***"
    assert take_over_mirror(shown, hand_over_mirror(whole)) == whole
    assert take_over_mirror(shown, {}) == shown
    assert take_over_mirror("/data", hand_over_mirror(whole)) == "/data"
    assert show_mirror("/data/a@b?c") == "/data/a@b?c"
    assert hand_over_mirror("/data") == {}


@pytest.mark.parametrize(
    "data",
    [
        {"url": "ftp://user:secret@host/a.bin", "sha256": SHA},
        {"url": "user:secret@host/a.bin?secret", "sha256": SHA},
        {"url": "http://user:secret@host/", "sha256": SHA},
        {"url": "http://user:secret@host/a.bin", "sha256": "http://user:secret@host/a.bin"},
        {"url": "http://user:secret@host/a.bin"},
        {"url": "http://user:secret@host/a.bin?secret", "size": "http://user:secret@host/a.bin?secret", "sha256": SHA},
        {"ulr": "http://user:secret@host/a.bin", "sha256": SHA},
        "http://user:secret@host/a.bin?secret",
    ],
)
def test_a_mistake_in_the_configuration_shows_none(data: object) -> None:
    with pytest.raises(OvlabError) as caught:
        parse_spec(SourceSpec, {"files": [data]}, "conf/model/a.yaml")
    assert "secret" not in str(caught.value)
