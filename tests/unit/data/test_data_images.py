"""From an image file to the array that an IR takes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from ovlab.data import CorruptImageError, decode, fit, jpeg, load
from ovlab.data.stated_size import read_stated_size
from ovlab.errors import OvlabError
from ovlab.specs import ResizeSpec


def noise(height: int, width: int, channels: int = 3) -> NDArray[np.uint8]:
    return np.random.default_rng(0).integers(0, 256, (height, width, channels), np.uint8)


def encoded(image: NDArray[np.uint8], suffix: str, *options: int) -> bytes:
    done, data = cv2.imencode(suffix, image, options)
    assert done
    return data.tobytes()


def resize(**data: Any) -> ResizeSpec:
    return ResizeSpec.model_validate(data)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "image"


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".ppm", ".tiff"])
def test_lossless_formats(place: Path, suffix: str) -> None:
    image = noise(7, 9)
    place.write_bytes(encoded(image, suffix))
    assert np.array_equal(decode(place), image)


def test_jpeg_is_read_in_bgr(place: Path) -> None:
    place.write_bytes(encoded(np.full((16, 16, 3), (250, 10, 10), np.uint8), ".jpg"))
    blue, green, red = decode(place)[8, 8]
    assert blue > 200
    assert max(green, red) < 50


def test_grey_alpha_and_16_bits(place: Path) -> None:
    grey = noise(7, 9, 1)
    place.write_bytes(encoded(grey, ".png"))
    assert np.array_equal(decode(place), np.repeat(grey, 3, axis=2))
    alpha = noise(7, 9, 4)
    place.write_bytes(encoded(alpha, ".png"))
    assert np.array_equal(decode(place), alpha[..., :3])
    deep = noise(7, 9).astype(np.uint16) * 257
    place.write_bytes(encoded(deep, ".png"))
    assert np.array_equal(decode(place), noise(7, 9))
    assert decode(place).dtype == np.uint8


@pytest.mark.parametrize("content", [b"", b"no image", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"])
def test_no_image_at_all(place: Path, content: bytes) -> None:
    place.write_bytes(content)
    with pytest.raises(CorruptImageError, match=r"image: cannot be decoded as an image$"):
        decode(place)


@pytest.mark.parametrize("options", [(), (cv2.IMWRITE_JPEG_PROGRESSIVE, 1), (cv2.IMWRITE_JPEG_RST_INTERVAL, 2)])
@pytest.mark.parametrize("left", [0.3, 0.6, 0.95])
def test_a_truncated_jpeg(place: Path, options: tuple[int, ...], left: float) -> None:
    content = encoded(noise(64, 64), ".jpg", *options)
    place.write_bytes(content)
    assert decode(place).shape == (64, 64, 3)
    place.write_bytes(content[: int(len(content) * left)])
    with pytest.raises(CorruptImageError, match=r"image: "):
        decode(place)


@pytest.fixture
def lenient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Decode as versions of OpenCV do that fill the missing part with grey."""

    def grey(data: NDArray[np.uint8], *_flags: int) -> NDArray[np.uint8]:
        stated = read_stated_size(data.tobytes())
        assert stated is not None
        return np.zeros((stated.height, stated.width, 3), np.uint8)

    monkeypatch.setattr(cv2, "imdecode", grey)


@pytest.mark.usefixtures("lenient")
def test_a_jpeg_without_its_last_bytes_is_truncated_and_with_more_behind_them_is_not(place: Path) -> None:
    content = encoded(noise(32, 32), ".jpg")
    place.write_bytes(content[:-2])
    with pytest.raises(CorruptImageError, match="the JPEG is truncated"):
        decode(place)
    place.write_bytes(content + bytes(100))
    assert decode(place).shape == (32, 32, 3)


@pytest.mark.usefixtures("lenient")
def test_a_jpeg_with_a_thumbnail_is_not_taken_for_whole_because_the_thumbnail_is(place: Path) -> None:
    thumbnail, content = encoded(noise(8, 8), ".jpg"), encoded(noise(64, 64), ".jpg")
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    place.write_bytes((content[:2] + segment + content[2:])[: len(content)])
    with pytest.raises(CorruptImageError, match="the JPEG is truncated"):
        decode(place)


@pytest.mark.parametrize("suffix", [".png", ".bmp", ".webp"])
def test_other_formats_truncated(place: Path, suffix: str) -> None:
    content = encoded(noise(32, 32), suffix)
    place.write_bytes(content[: len(content) // 2])
    with pytest.raises(CorruptImageError):
        decode(place)


def test_an_image_that_states_an_absurd_size(place: Path) -> None:
    place.write_bytes(b"P6\n1000000 1000000\n255\n" + bytes(100))
    with pytest.raises(CorruptImageError, match=r"says 1000000x1000000 pixels, which 123 bytes cannot hold"):
        decode(place)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("linear", cv2.INTER_LINEAR),
        ("area", cv2.INTER_AREA),
        ("cubic", cv2.INTER_CUBIC),
        ("nearest", cv2.INTER_NEAREST),
    ],
)
def test_stretch(name: str, code: int) -> None:
    image = noise(30, 50)
    expected = cv2.resize(image, (12, 10), interpolation=code)
    assert np.array_equal(fit(image, 10, 12, resize(interpolation=name)), expected)


def test_stretch_to_a_size_then_crop() -> None:
    image = noise(30, 50)
    whole = cv2.resize(image, (20, 20), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(fit(image, 16, 12, resize(size=20)), whole[2:18, 4:16])


@pytest.mark.parametrize(("shape", "scaled"), [((30, 50), (20, 33)), ((50, 30), (33, 20)), ((30, 30), (20, 20))])
def test_shorter_side_then_crop(shape: tuple[int, int], scaled: tuple[int, int]) -> None:
    image = noise(*shape)
    whole = cv2.resize(image, scaled[::-1], interpolation=cv2.INTER_LINEAR)
    top, left = (scaled[0] - 16) // 2, (scaled[1] - 16) // 2
    found = fit(image, 16, 16, resize(mode="shorter_side", size=20))
    assert np.array_equal(found, whole[top : top + 16, left : left + 16])
    assert found.flags.c_contiguous


def test_shorter_side_is_by_default_the_inputs() -> None:
    image = noise(32, 64)
    whole = cv2.resize(image, (32, 16), interpolation=cv2.INTER_LINEAR)
    assert np.array_equal(fit(image, 16, 16, resize(mode="shorter_side")), whole[:, 8:24])


def test_the_shorter_side_is_met_for_every_size() -> None:
    for side in range(17, 400, 7):
        assert fit(noise(side, side + 3), 224, 224, resize(mode="shorter_side")).shape == (224, 224, 3)


def test_none_takes_the_image_as_it_is() -> None:
    image = noise(16, 16)
    assert np.array_equal(fit(image, 16, 16, resize(mode="none")), image)
    assert np.array_equal(fit(noise(20, 18), 16, 16, resize(mode="none")), noise(20, 18)[2:18, 1:17])


def test_an_image_of_the_right_size_is_not_touched() -> None:
    image = noise(16, 16)
    assert np.array_equal(fit(image, 16, 16, resize(interpolation="cubic")), image)


@pytest.mark.parametrize("data", [{"mode": "none"}, {"mode": "shorter_side", "size": 10}, {"size": 10}])
def test_too_small(data: dict[str, Any]) -> None:
    with pytest.raises(OvlabError, match=r"^preprocess\.resize: gives 10x10 pixels, less than the input's 16x16$"):
        fit(noise(10, 10), 16, 16, resize(**data))


def test_load_decodes_and_fits(place: Path) -> None:
    place.write_bytes(encoded(noise(30, 50), ".png"))
    assert np.array_equal(load(place, 10, 12, resize()).pixels, fit(noise(30, 50), 10, 12, resize()))


JPEG_KINDS: dict[str, tuple[int, ...]] = {
    "baseline": (),
    "progressive": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1),
    "with restarts": (cv2.IMWRITE_JPEG_RST_INTERVAL, 1),
    "progressive with restarts": (cv2.IMWRITE_JPEG_PROGRESSIVE, 1, cv2.IMWRITE_JPEG_RST_INTERVAL, 2),
}


def with_thumbnail(content: bytes) -> bytes:
    """Put a segment behind a JPEG's start that holds a JPEG, as EXIF data do."""
    thumbnail = encoded(noise(8, 8), ".jpg")
    segment = b"\xff\xe1" + (len(thumbnail) + 8).to_bytes(2, "big") + b"Exif\0\0" + thumbnail
    return content[:2] + segment + content[2:]


def film() -> bytes:
    """Bytes as they stand behind a motion photo: of an MP4, with all that looks like a marker."""
    return b"\0\0\0\x18ftypmp42" + bytes(np.random.default_rng(1).integers(0, 256, 4000, np.uint8)) + b"\xff\xda" * 9


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("options", JPEG_KINDS.values(), ids=JPEG_KINDS)
@pytest.mark.parametrize("behind", [b"", b"\0", film(), b"\xff\xda", encoded(noise(8, 8), ".jpg"), b"\xff" * 7])
@pytest.mark.parametrize("has_thumbnail", [False, True])
def test_a_whole_jpeg_is_whole_whatever_stands_behind_its_end(
    place: Path, options: tuple[int, ...], behind: bytes, has_thumbnail: bool
) -> None:
    content = encoded(noise(48, 40), ".jpg", *options)
    place.write_bytes((with_thumbnail(content) if has_thumbnail else content) + behind)
    assert decode(place).shape == (48, 40, 3)


@pytest.mark.usefixtures("lenient")
@pytest.mark.parametrize("options", JPEG_KINDS.values(), ids=JPEG_KINDS)
@pytest.mark.parametrize("has_thumbnail", [False, True])
def test_a_jpeg_that_ends_anywhere_before_its_end_is_truncated(
    place: Path, options: tuple[int, ...], has_thumbnail: bool
) -> None:
    content = encoded(noise(24, 24), ".jpg", *options)
    content = with_thumbnail(content) if has_thumbnail else content
    assert jpeg.is_whole(content)
    assert [n for n in range(2, len(content)) if jpeg.is_whole(content[:n])] == []
    place.write_bytes(content[:-2] + encoded(noise(400, 400), ".jpg"))  # its end is another picture's
    with pytest.raises(CorruptImageError, match="the JPEG is truncated"):
        decode(place)
