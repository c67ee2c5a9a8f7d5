"""Encoded pictures to arrays and back, without trusting what a file says about itself.

Reads PNG, JPEG, BMP, TIFF, WebP, PGM and PPM: grey (8 or 16 bit), RGB and RGBA; palettes become RGB (RGBA with a clear
entry), grey with alpha becomes RGBA. CMYK, 32-bit and float pictures and files of several frames are refused.

A rotation noted in EXIF is applied before anything else, as image viewers, OpenCV and Hugging Face `datasets` do;
real rows keep their bytes, children are upright and carry no EXIF. Masks and boxes refer to the upright picture.
"""

from __future__ import annotations

import io
import struct
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

# Some 200 MB as RGB, a little above the largest consumer sensors; a decompression bomb is far beyond.
MAX_PIXELS = 64_000_000
# OpenCV's default, and the highest at which files stay near their parents' size (100 triples it).
JPEG_QUALITY = 95
_CHANNELS = {"1": 1, "L": 1, "I;16": 1, "I;16B": 1, "RGB": 3, "RGBA": 4, "P": 3}
_TURNED = (5, 6, 7, 8)
# What Pillow's readers raise on torn or hostile files, as found by truncating and flipping bytes.
TORN: tuple[type[Exception], ...] = (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError)
TORN += (AttributeError, OverflowError, struct.error, zlib.error, MemoryError)


class UnreadableError(ValueError):
    """A picture that cannot be used; the text is the reason, fit for a quarantine row."""


@dataclass(frozen=True)
class Header:
    """What a file claims: sizes in pixels of the upright picture, channels and dtype as `decode` gives them."""

    format: str
    width: int
    height: int
    channels: int
    dtype: str


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the warnings of Pillow: the fault of the row reports the same."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def _open(data: bytes) -> Any:
    """Pillow's lazy image, opened by its own reader: `Image.open` would warn about sizes before our own check."""
    from PIL import BmpImagePlugin, JpegImagePlugin, PngImagePlugin, PpmImagePlugin, TiffImagePlugin, WebPImagePlugin

    readers: dict[bytes, Any] = {
        b"\x89PNG": PngImagePlugin.PngImageFile,
        b"\xff\xd8\xff": JpegImagePlugin.JpegImageFile,
        b"BM": BmpImagePlugin.BmpImageFile,
        b"II*\0": TiffImagePlugin.TiffImageFile,
        b"MM\0*": TiffImagePlugin.TiffImageFile,
        b"RIFF": WebPImagePlugin.WebPImageFile,
        b"P5": PpmImagePlugin.PpmImageFile,
        b"P6": PpmImagePlugin.PpmImageFile,
    }
    reader = next((reader for magic, reader in readers.items() if data.startswith(magic)), None)
    if reader is None:
        raise UnreadableError("not a PNG, JPEG, BMP, TIFF, WebP, PGM or PPM file")
    try:
        image = reader(io.BytesIO(data))
    except TORN as error:
        raise UnreadableError(f"damaged header: {error}") from None
    if image.width * image.height > MAX_PIXELS:
        raise UnreadableError(f"absurd size: {image.width} x {image.height} pixels, at most {MAX_PIXELS} are read")
    if getattr(image, "is_animated", False):
        raise UnreadableError("holds several frames, one is expected")
    return image


def header(data: bytes) -> Header:
    """The file's claims, without decoding pixels. Raises UnreadableError."""
    with _quiet():
        return _header(_open(data), data)


def _header(image: Any, data: bytes) -> Header:
    orientation = _orientation(image, data)
    channels = _channels(image)
    if channels == 4 and orientation != 1:
        raise UnreadableError("has both transparency and an EXIF rotation: save it upright")
    # Pillow gives the size of a TIFF as it is seen, of all others as it is stored.
    swapped = orientation in _TURNED and image.format != "TIFF"
    width, height = (image.height, image.width) if swapped else (image.width, image.height)
    return Header(image.format, width, height, channels, "uint16" if _is_deep(image, data) else "uint8")


def _orientation(image: Any, data: bytes) -> int:
    # Pillow would decode a whole PNG to look for EXIF behind its pixels.
    if image.format == "PNG" and not _may_be_turned(data):
        return 1
    try:
        return int(image.getexif().get(0x0112, 1))
    except TORN:
        return 1  # damaged EXIF says nothing, and the decoder ignores it as well


def _channels(image: Any) -> int:
    if image.mode == "LA" and image.format == "PNG":
        return 4
    if image.mode == "P" and "transparency" in image.info:
        return 4
    if image.mode not in _CHANNELS:
        raise UnreadableError(f"colour mode {image.mode} of {image.format} is not supported: convert to RGB or grey")
    return _CHANNELS[image.mode]


def _is_deep(image: Any, data: bytes) -> bool:
    if image.mode.startswith("I;16"):
        return True
    if image.format == "TIFF":
        return bool(max(image.tag_v2.get(258, (8,))) == 16)
    # Pillow reads 16-bit colour PNG as 8-bit; the depth is byte 24 of the file, in IHDR.
    return bool(image.format == "PNG" and data[24] == 16)


def examine(data: bytes) -> Header:
    """The header, after proof that every pixel can be decoded and is what it claims. Raises UnreadableError."""
    return examined(data)[0]


def examined(data: bytes) -> tuple[Header, NDArray[Any]]:
    """The header as `examine` proves it, and the pixels that prove it."""
    claims = header(data)
    with _quiet():
        pixels = decode(data)
    shape = (claims.height, claims.width) if claims.channels == 1 else (claims.height, claims.width, claims.channels)
    if pixels.shape != shape or str(pixels.dtype) != claims.dtype:
        raise UnreadableError(f"claims {shape} {claims.dtype}, holds {pixels.shape} {pixels.dtype}")
    return claims, pixels


def contrast(image: NDArray[Any]) -> int:
    """By how many levels the pixels of one channel differ at most: 0 is a picture of one colour."""
    return max(int(channel.max()) - int(channel.min()) for channel in np.moveaxis(np.atleast_3d(image), 2, 0))


def decode(data: Any) -> NDArray[Any]:
    """Pixels, (h, w) grey or (h, w, c) RGB or RGBA, uint8 or uint16, upright. Raises UnreadableError."""
    import cv2

    raw = np.frombuffer(data, dtype=np.uint8)
    upright = cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH
    try:
        image = cv2.imdecode(raw, upright if is_jpeg(data) else cv2.IMREAD_UNCHANGED)
        # Only "any colour" turns by EXIF and only "unchanged" keeps transparency; no picture here has both.
        if image is not None and image.shape[2:] != (4,) and not is_jpeg(data) and _may_be_turned(data):
            image = cv2.imdecode(raw, upright)
    except cv2.error as error:
        raise UnreadableError(f"damaged or truncated: {error.err}") from None
    if image is None:
        raise UnreadableError("damaged or truncated: its pixels cannot be decoded")
    if image.ndim == 2:
        return np.asarray(image)
    return np.asarray(cv2.cvtColor(image, cv2.COLOR_BGRA2RGBA if image.shape[2] == 4 else cv2.COLOR_BGR2RGB))


def _may_be_turned(data: Any) -> bool:
    content = bytes(data)
    return b"eXIf" in content or b"EXIF" in content


def decode_mask(data: bytes) -> NDArray[np.integer[Any]]:
    """Class or instance numbers (h, w), uint8 or uint16; a palette's indexes, not its colours."""
    with _quiet():
        image = _open(data)
        if image.mode not in ("1", "L", "P", "I;16", "I;16B"):
            raise UnreadableError(f"a mask has one channel of 8 or 16 bits or a palette, this one is {image.mode}")
        try:
            numbers = np.asarray(image)
        except TORN as error:
            raise UnreadableError(f"damaged or truncated: {error}") from None
    return numbers.astype(np.uint16 if numbers.dtype.itemsize == 2 else np.uint8)


def is_jpeg(data: Any) -> bool:
    """Whether the bytes are a JPEG file."""
    return bytes(data[:3]) == b"\xff\xd8\xff"


def encode(image: NDArray[Any], *, jpeg: bool = False) -> bytes:
    """Pixels as PNG, which loses nothing, or as JPEG.

    A child of a JPEG is written as JPEG, at a quality and without the colour subsampling that would add a visible
    second loss: as PNG it would be four times its parent's size and ten times as slow to write, to keep what its
    parent had already lost. All other sources are taken to be lossless on purpose and stay so.
    """
    import cv2

    if image.ndim == 3:
        image = cv2.cvtColor(image, cv2.COLOR_RGBA2BGRA if image.shape[2] == 4 else cv2.COLOR_RGB2BGR)
    if jpeg:
        sampling = [cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444]
        return bytes(cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY, *sampling])[1])
    # OpenCV's own PNG settings (level 1, run lengths) were the fastest of six tried, at 4 % more bytes.
    return bytes(cv2.imencode(".png", image)[1])
