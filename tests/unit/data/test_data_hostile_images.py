"""Images that lie, files that are none, and large ones that are meant so."""

from __future__ import annotations

import io
import os
import socket
import struct
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import PIL.Image
import pytest

from ovlab.data import CorruptImageError, decode
from ovlab.data.images import read_image
from ovlab.data.stated_size import read_stated_size
from ovlab.errors import OvlabError
from ovlab.inputs import TooLargeError, use_limits
from ovlab.specs import LimitsSpec

# A large photograph, 70.3 megapixels; how large ImageNet's largest is was not looked up in the data set itself.
IMAGENETS_LARGEST = 9000, 7816
PIXELS = np.random.default_rng(0).integers(0, 256, (48, 64, 3), np.uint8)
BY_OPENCV = (".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm", ".pgm", ".pbm", ".gif", ".jp2", ".avif", ".hdr", ".ras")
BY_OPENCV_TOO = (".pfm", ".pam")


@pytest.fixture(autouse=True)
def _limits() -> Iterator[None]:
    former = use_limits(LimitsSpec())
    yield
    use_limits(former)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    return tmp_path / "image.jpg"


def encoded(suffix: str, *options: int) -> bytes:
    image = PIXELS.astype(np.float32) / 255 if suffix in {".hdr", ".pfm"} else PIXELS
    if suffix in {".pgm", ".pbm"}:
        image = image[..., 0]
    done, data = cv2.imencode(suffix, image, options)
    assert done
    return data.tobytes()


@pytest.mark.parametrize("suffix", BY_OPENCV + BY_OPENCV_TOO)
def test_the_header_of_every_kind_is_read_whatever_the_file_is_called(place: Path, suffix: str) -> None:
    place.write_bytes(encoded(suffix))
    header = read_stated_size(place.read_bytes())
    assert header is not None
    assert header[:2] == (64, 48)
    assert header.least <= place.stat().st_size
    assert decode(place).shape == (48, 64, 3)


@pytest.mark.parametrize("suffix", BY_OPENCV + BY_OPENCV_TOO)
def test_every_kind_is_bounded_before_it_is_decoded(place: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write_bytes(encoded(suffix))
    use_limits(LimitsSpec(image_megapixels=0.003))
    monkeypatch.setattr("ovlab.data.images.cv2.imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(TooLargeError, match=r"says 64x48 pixels, 0 megapixels, more than 0\.003 \(limits\.image_mega"):
        decode(place)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".bmp", ".webp", ".tif", ".ppm", ".gif", ".jp2"])
@pytest.mark.parametrize("left", [0.02, 0.5, 0.9])
def test_a_truncated_file_of_every_kind_is_corrupt(place: Path, suffix: str, left: float) -> None:
    content = encoded(suffix)
    place.write_bytes(content[: int(len(content) * left)])
    with pytest.raises(CorruptImageError, match=r"image\.jpg: "):
        decode(place)


def jpeg_that_says(width: int, height: int) -> bytes:
    content = bytearray(encoded(".jpg"))
    frame = content.index(b"\xff\xc0")
    content[frame + 5 : frame + 9] = struct.pack(">HH", height, width)
    return bytes(content)


def png_that_says(width: int, height: int) -> bytes:
    content = bytearray(encoded(".png"))
    content[16:24] = struct.pack(">II", width, height)
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    return bytes(content)


def bmp_that_says(width: int, height: int) -> bytes:
    content = bytearray(encoded(".bmp"))
    content[18:26] = struct.pack("<ii", width, height)
    return bytes(content)


@pytest.mark.parametrize("make", [jpeg_that_says, png_that_says, bmp_that_says])
@pytest.mark.parametrize("size", [(30_000, 30_000), (12_000, 12_000)])
def test_a_header_that_says_more_than_the_bytes_can_hold(
    place: Path, make: Callable[[int, int], bytes], size: tuple[int, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    place.write_bytes(make(*size))
    monkeypatch.setattr("ovlab.data.images.cv2.imdecode", lambda *_: pytest.fail("decoded"))
    with pytest.raises(CorruptImageError, match=rf"says {size[0]}x{size[1]} pixels, which \d+ bytes cannot hold"):
        decode(place)


def test_a_decoder_that_finds_another_size_than_the_header_says(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write_bytes(encoded(".png"))
    monkeypatch.setattr("ovlab.data.images.cv2.imdecode", lambda *_: np.zeros((5, 7, 3), np.uint8))
    with pytest.raises(CorruptImageError, match=r"holds 7x5 pixels, but its header says 64x48"):
        decode(place)


def test_a_lying_photograph_is_no_mismatch(place: Path) -> None:
    exif = PIL.Image.Exif()
    exif[0x0112] = 6
    PIL.Image.fromarray(PIXELS).save(place, exif=exif)
    assert decode(place).shape == (64, 48, 3)
    assert decode(place, upright=False).shape == (48, 64, 3)


def test_the_largest_image_of_imagenet_passes(place: Path) -> None:
    width, height = IMAGENETS_LARGEST
    cv2.imwrite(str(place), np.full((height, width), 90, np.uint8))
    assert read_image(place).width * read_image(place).height == width * height
    assert width * height * 2 < LimitsSpec().image_megapixels * 1e6


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def test_a_solid_image_of_a_gigapixel_is_too_large(place: Path) -> None:
    rows = zlib.compress(bytes(1 + 4000) * 32_000, 1)  # 32000 x 32000 pixels of 1 bit
    chunks = [(b"IHDR", struct.pack(">IIBBBBB", 32_000, 32_000, 1, 0, 0, 0, 0)), (b"IDAT", rows), (b"IEND", b"")]
    parts = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    place.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    with pytest.raises(TooLargeError, match=r"1024 megapixels, more than 180 \(limits\.image_megapixels\)"):
        decode(place)


def test_a_large_file_is_not_read(place: Path) -> None:
    with place.open("wb") as file:
        file.truncate(2_000_000_000)  # a sparse file
    with pytest.raises(TooLargeError, match=r"image\.jpg: has 2000\.0 MB, more than 1000 \(limits\.image_mb\)"):
        decode(place)


def _pipe(path: Path) -> None:
    os.mkfifo(path)


def _device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def _socket(path: Path) -> None:
    # The address of a socket has at most 107 bytes.
    here = os.open(path.parent, os.O_RDONLY)
    with socket.socket(socket.AF_UNIX) as one:
        one.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (_pipe, "is a named pipe, expected a file"),
        (_device, "is a device, expected a file"),
        (_socket, "no such device or address"),
        (Path.mkdir, "is a folder, expected a file"),
        (lambda path: path.symlink_to("nowhere"), "no such file or directory"),
    ],
)
def test_what_is_no_file_is_told_at_once(place: Path, make: Callable[[Path], None], message: str) -> None:
    make(place)
    with pytest.raises(CorruptImageError, match=rf"image\.jpg: {message}"):
        decode(place)


def test_any_bytes_give_an_image_or_one_line(place: Path) -> None:
    generator = np.random.default_rng(0)
    contents = [encoded(suffix) for suffix in BY_OPENCV]
    for _ in range(300):
        content = bytearray(contents[generator.integers(len(contents))])
        for at in generator.integers(0, min(len(content), 200), generator.integers(1, 12)):
            content[at] = generator.integers(256)
        place.write_bytes(content[: generator.integers(1, len(content) + 1)])
        try:
            image = decode(place)
        except OvlabError as error:
            assert str(error).startswith(str(place))
        else:
            assert image.ndim == 3


def test_large_images_are_decoded_one_at_a_time(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ovlab.data import fitting

    PIL.Image.fromarray(PIXELS).save(place)
    monkeypatch.setattr("ovlab.data.images.LARGE_PIXELS", 64 * 48 - 1)
    at_once: list[bool] = []
    original = fitting.decode_read

    def noting(*args: object, **options: bool) -> object:
        at_once.append(fitting._ONE_AT_A_TIME.locked())
        return original(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(fitting, "decode_read", noting)
    from ovlab.specs import ResizeSpec

    threads = [threading.Thread(target=fitting.load, args=(place, 8, 8, ResizeSpec())) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert at_once == [True] * 3
    monkeypatch.setattr("ovlab.data.images.LARGE_PIXELS", 64 * 48)
    fitting.load(place, 8, 8, ResizeSpec())
    assert at_once[-1] is False


def test_pillow_opens_no_image_of_its_own_bound() -> None:
    content = io.BytesIO()
    PIL.Image.new("1", (20_000, 10_000)).save(content, "TIFF", compression="group4")
    assert read_stated_size(content.getvalue()) == (20_000, 10_000, 0.0)
