"""One picture: every format gives the pixels that were saved, and what is no single opaque picture is refused."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from survembed.datasets.picture.pixels import read_pixels
from survembed.errors import DataError
from tests.datasets.picture.pictures import grey

LIMIT = 1_000_000


def read(path: Path, limit: int = LIMIT) -> np.ndarray:
    return read_pixels(path, limit)[0]


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "webp"])
@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
def test_lossless_formats(tmp_path: Path, suffix: str, shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    path = tmp_path / f"a.{suffix}"
    Image.fromarray(pixels).save(path, **({"lossless": True} if suffix == "webp" else {}))
    values = read(path)
    if suffix == "webp" and pixels.ndim == 2:  # has no grey pictures
        values = values[..., 0]
    assert np.array_equal(values, pixels)


def test_jpeg(tmp_path: Path) -> None:
    pixels = np.tile(np.arange(0, 240, 10, dtype=np.uint8), (24, 1))
    Image.fromarray(pixels).save(tmp_path / "a.JPG", format="JPEG", quality=98)
    assert np.abs(read(tmp_path / "a.JPG").astype(int) - pixels).max() <= 4


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits(tmp_path: Path, suffix: str) -> None:
    pixels = np.arange(0, 65536, 546, dtype=np.uint16).reshape(11, 11)
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}")
    values = read(tmp_path / f"a.{suffix}")
    assert values.dtype == np.uint16
    assert np.array_equal(values, pixels)


def test_sixteen_bits_where_0_is_white(tmp_path: Path) -> None:
    pixels = np.arange(0, 65536, 546, dtype=np.uint16).reshape(11, 11)
    Image.fromarray(pixels).save(tmp_path / "a.tif")
    content = (tmp_path / "a.tif").read_bytes()
    tag = struct.pack("<HHI", 262, 3, 1)
    assert content.count(tag + struct.pack("<H", 1)) == 1
    (tmp_path / "a.tif").write_bytes(content.replace(tag + struct.pack("<H", 1), tag + struct.pack("<H", 0)))
    assert np.array_equal(read(tmp_path / "a.tif"), 65535 - pixels)


def test_sixteen_bit_colours(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, (5, 4, 3), dtype=np.uint16)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 4, 5, 16, 2, 0, 0, 0)
    parts = [b"\x89PNG\r\n\x1a\n", chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")]
    (tmp_path / "a.png").write_bytes(b"".join(parts))
    values = read(tmp_path / "a.png")
    assert values.dtype == np.uint16
    assert np.abs(values.astype(int) - pixels).max() <= 257


def test_a_palette_gives_colours_not_numbers(tmp_path: Path) -> None:
    picture = Image.fromarray(np.array([[0, 1], [2, 1]], np.uint8), mode="P")
    picture.putpalette([255, 0, 0, 10, 20, 30, 0, 0, 255])
    picture.save(tmp_path / "a.png")
    expected = [[[255, 0, 0], [10, 20, 30]], [[0, 0, 255], [10, 20, 30]]]
    assert read(tmp_path / "a.png").tolist() == expected


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp"])
def test_the_orientation_of_exif(tmp_path: Path, suffix: str) -> None:
    pixels = np.zeros((8, 16, 3), np.uint8)
    pixels[:, 8:] = 200
    exif = Image.Exif()
    exif[274] = 6  # the top of the scene is on the right of the file
    Image.fromarray(pixels).save(tmp_path / f"a.{suffix}", exif=exif, quality=95)
    values = read(tmp_path / f"a.{suffix}")
    assert values.shape[:2] == (16, 8)
    assert values[12:].mean() > 190
    assert values[:4].mean() < 10


def test_an_opaque_alpha_channel_is_dropped(tmp_path: Path) -> None:
    pixels = np.full((4, 5, 4), 255, np.uint8)
    pixels[..., 1] = 7
    Image.fromarray(pixels).save(tmp_path / "a.png")
    assert np.array_equal(read(tmp_path / "a.png"), pixels[..., :3])


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.float32, np.int32, np.bool_])
def test_arrays(tmp_path: Path, kind: type) -> None:
    values = np.arange(12).reshape(3, 4).astype(kind)
    np.save(tmp_path / "a.npy", values)
    assert read(tmp_path / "a.npy").dtype == kind
    assert np.array_equal(read(tmp_path / "a.npy"), values)
    np.save(tmp_path / "b.npy", values[..., None])
    assert np.array_equal(read(tmp_path / "b.npy"), values)


def bad_picture(path: Path, fault: str) -> Path:
    picture = Image.fromarray(grey(0, 40, 40))
    content = io.BytesIO()
    picture.save(content, format="PNG")
    match fault:
        case "truncated":
            path.write_bytes(content.getvalue()[:-600])
        case "another byte":
            data = bytearray(content.getvalue())
            data[len(data) // 2] ^= 255
            path.write_bytes(data)
        case "text":
            path.write_text("no picture")
        case "empty":
            path.touch()
        case "CMYK":
            path = path.with_suffix(".jpg")
            picture.convert("CMYK").save(path)
        case "Lab":
            path = path.with_suffix(".tif")
            picture.convert("RGB").save(path)
            Image.fromarray(np.zeros((4, 4, 3), np.uint8), mode="LAB").save(path)
        case "stack":
            path = path.with_suffix(".tif")
            picture.save(path, save_all=True, append_images=[picture, picture])
        case "animation":
            picture.save(path, save_all=True, append_images=[Image.fromarray(grey(1, 40, 40))])
        case "transparent":
            Image.fromarray(np.full((4, 4, 4), 128, np.uint8)).save(path)
        case "transparent colour":
            picture.save(path, transparency=int(grey(0, 40, 40)[3, 3]))
        case "large":
            Image.fromarray(np.zeros((1001, 1000), np.uint8)).save(path)
        case "large array":
            path = path.with_suffix(".npy")
            np.save(path, np.zeros((1001, 1000), np.uint8))
        case "volume":
            path = path.with_suffix(".npy")
            np.save(path, np.zeros((5, 5, 5)))
        case "complex":
            path = path.with_suffix(".npy")
            np.save(path, np.zeros((5, 5), complex))
        case "pickle":
            path = path.with_suffix(".npy")
            np.save(path, np.array([[{}]], dtype=object), allow_pickle=True)
        case "missing":
            pass
    return path


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("truncated", "damaged"),
        ("another byte", "damaged"),
        ("text", "no picture"),
        ("empty", "no picture"),
        ("CMYK", "colours in CMYK"),
        ("Lab", "colours in LAB"),
        ("stack", "holds 3 pictures"),
        ("animation", "holds 2 pictures"),
        ("transparent", "transparent pixels"),
        ("transparent colour", "transparent pixels"),
        ("large", "declares 1,000 × 1,001 pixels"),
        ("large array", "declares 1,000 × 1,001 pixels"),
        ("volume", "shape"),
        ("complex", "complex"),
        ("pickle", "object"),
        ("missing", "cannot read"),
    ],
)
def test_what_is_refused(tmp_path: Path, fault: str, message: str) -> None:
    path = bad_picture(tmp_path / "a.png", fault)
    with pytest.raises(DataError, match=message) as refused:
        read(path)
    assert refused.value.where == str(path)


def test_a_bomb_is_refused_before_its_pixels_are_decoded(tmp_path: Path) -> None:
    header = struct.pack(">IIBBBBB", 300_000, 300_000, 8, 0, 0, 0, 0)
    crc = struct.pack(">I", zlib.crc32(b"IHDR" + header))
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + header + crc)
    with pytest.raises(DataError):
        read(tmp_path / "a.png")
