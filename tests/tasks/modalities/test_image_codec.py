"""Encoded pictures: what is read, what is refused, and that hostile bytes never raise anything else."""

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from PIL import Image

from augmill.tasks.modalities import _image_codec as codec
from augmill.tasks.modalities._image_opencv import load_opencv

RGB = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)


def saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(20, 30), (20, 30, 3), (20, 30, 4)])
def test_png_gives_back_every_pixel(shape, dtype):
    image = np.random.default_rng(2).integers(0, np.iinfo(dtype).max, shape, dtype=dtype)
    data = codec.encode(image)
    np.testing.assert_array_equal(codec.decode(data), image)
    found = codec.examine(data)
    assert (found.format, found.width, found.height) == ("PNG", 30, 20)
    assert (found.channels, found.dtype) == (1 if len(shape) == 2 else shape[2], np.dtype(dtype).name)


@pytest.mark.parametrize(
    ("mode", "kind", "channels", "dtype"),
    [
        ("1", "PNG", 1, "uint8"),
        ("L", "JPEG", 1, "uint8"),
        ("L", "BMP", 1, "uint8"),
        ("L", "TIFF", 1, "uint8"),
        ("L", "PPM", 1, "uint8"),
        ("LA", "PNG", 4, "uint8"),
        ("P", "PNG", 3, "uint8"),
        ("P", "BMP", 3, "uint8"),
        ("RGB", "JPEG", 3, "uint8"),
        ("RGB", "WEBP", 3, "uint8"),
        ("RGB", "TIFF", 3, "uint8"),
        ("RGB", "PPM", 3, "uint8"),
        ("RGBA", "PNG", 4, "uint8"),
        ("RGBA", "TIFF", 4, "uint8"),
    ],
)
def test_header_and_pixels_agree_for_every_format(mode, kind, channels, dtype):
    data = saved(Image.fromarray(RGB).convert(mode), kind)
    assert codec.header(data) == codec.examine(data)
    assert (codec.header(data).channels, codec.header(data).dtype) == (channels, dtype)


def test_a_palette_becomes_its_colours_and_a_clear_entry_transparency():
    palette = Image.fromarray(RGB).convert("P")
    np.testing.assert_array_equal(codec.decode(saved(palette, "PNG")), np.asarray(palette.convert("RGB")))
    assert codec.examine(saved(palette, "PNG", transparency=3)).channels == 4


def test_sixteen_bit_colour_tiff_is_read_as_such():
    deep = np.random.default_rng(3).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    data = cv2.imencode(".tiff", deep)[1].tobytes()
    assert codec.examine(data).dtype == "uint16"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize(("orientation", "turned"), [(3, False), (6, True)])
def test_a_rotation_in_exif_is_applied(kind, orientation, turned):
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = saved(Image.fromarray(RGB), kind, exif=exif)
    found = codec.examine(data)
    assert (found.height, found.width) == ((30, 20) if turned else (20, 30))
    upright = np.rot90(RGB, -1) if turned else RGB[::-1, ::-1]
    if kind in ("PNG", "TIFF"):
        np.testing.assert_array_equal(codec.decode(data), upright)


def test_transparency_with_a_rotation_is_refused():
    exif = Image.Exif()
    exif[0x0112] = 6
    with pytest.raises(codec.UnreadableError, match="transparency and an EXIF rotation"):
        codec.header(saved(Image.fromarray(RGB).convert("RGBA"), "PNG", exif=exif))


@pytest.mark.parametrize(("mode", "kind"), [("CMYK", "JPEG"), ("I", "TIFF"), ("F", "TIFF"), ("LA", "TIFF")])
def test_modes_that_are_not_supported_are_named(mode, kind):
    image = Image.fromarray(RGB).convert("L").convert(mode) if mode in "IF" else Image.fromarray(RGB).convert(mode)
    with pytest.raises(codec.UnreadableError, match=f"colour mode {mode} of {kind}"):
        codec.examine(saved(image, kind))


def test_several_frames_are_refused():
    frames = [Image.fromarray(RGB), Image.fromarray(255 - RGB)]
    for kind in ("WEBP", "TIFF", "PNG"):
        with pytest.raises(codec.UnreadableError, match="several frames"):
            codec.header(saved(frames[0], kind, save_all=True, append_images=frames[1:]))


def test_a_decompression_bomb_is_refused_by_its_header():
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 50_000, 50_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(10))) + chunk(b"IEND", b"")
    )
    with pytest.raises(codec.UnreadableError, match="absurd size: 50000 x 50000"):
        codec.examine(bomb)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "BMP", "TIFF", "WEBP", "PPM"])
def test_torn_and_flipped_bytes_are_unreadable_or_a_picture_but_never_a_crash(kind):
    data = saved(Image.fromarray(RGB), kind)
    with pytest.raises(codec.UnreadableError, match=r"damaged|truncated"):
        codec.examine(data[: len(data) * 3 // 4])
    random = np.random.default_rng(7)
    refused = 0
    for _ in range(150):
        torn = bytearray(data[: random.integers(1, len(data) + 1)])
        for place in random.integers(0, len(torn), 3):
            torn[place] = random.integers(0, 256)
        try:
            codec.examine(bytes(torn))
        except codec.UnreadableError:
            refused += 1
    assert refused > 50


def test_other_files_are_refused():
    for data in (b"", b"hello", b"GIF89a" + bytes(50)):
        with pytest.raises(codec.UnreadableError, match="not a PNG"):
            codec.examine(data)


def test_masks_keep_numbers_and_palette_indexes():
    numbers = np.array([[0, 1], [300, 65535]], dtype=np.uint16)
    np.testing.assert_array_equal(codec.decode_mask(codec.encode(numbers)), numbers)
    palette = Image.fromarray(np.array([[0, 1], [2, 3]], dtype=np.uint8))
    palette.putpalette([0, 0, 0, 255, 0, 0, 0, 255, 0, 0, 0, 255])
    np.testing.assert_array_equal(codec.decode_mask(saved(palette, "PNG")), [[0, 1], [2, 3]])
    with pytest.raises(codec.UnreadableError, match="one channel"):
        codec.decode_mask(saved(Image.fromarray(RGB), "PNG"))


def test_jpeg_children_are_close_and_keep_full_colour_resolution():
    smooth = cv2.GaussianBlur(cv2.resize(RGB, (120, 80)), (0, 0), 3)
    data = codec.encode(smooth, jpeg=True)
    assert codec.is_jpeg(data)
    assert np.abs(codec.decode(data).astype(int) - smooth).max() < 12
    # The sampling factors of all three channels stand in the frame header: 1 x 1 means none is thinned out.
    frame = data.index(b"\xff\xc0")
    assert [data[frame + 11 + 3 * channel] for channel in range(3)] == [0x11] * 3


def test_nothing_is_printed_about_pictures_that_cannot_be_read(capfd):
    load_opencv()
    for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
        data = saved(Image.fromarray(RGB), kind)
        with pytest.raises(codec.UnreadableError):
            codec.examine(data[: len(data) * 3 // 4])
    with pytest.raises(codec.UnreadableError):
        codec.examine(saved(Image.fromarray(RGB).convert("LA"), "TIFF"))
    assert capfd.readouterr() == ("", "")
