"""What stands beside the text of a question: embeddings and pictures, within bounds."""

from __future__ import annotations

import base64
import io
import struct
import zlib

import pytest
from PIL import Image

from routing.modelserver.contract import InvalidQuestion, Question
from routing.modelserver.medgemma.embeddings import Embedding, embedding_of
from routing.modelserver.medgemma.pictures import pictures_of

SECRET = "Zebedee-Quill"


def floats(*values: float) -> str:
    """Write little-endian float32 values as base64."""
    return base64.b64encode(struct.pack(f"<{len(values)}f", *values)).decode()


def picture(kind="PNG", size=(3, 2), mode="RGB") -> bytes:
    """Draw a red picture."""
    to = io.BytesIO()
    Image.new(mode, size, "red" if mode == "RGB" else 1).save(to, kind)
    return to.getvalue()


def url(data: bytes, kind="png") -> str:
    return f"data:image/{kind};base64,{base64.b64encode(data).decode()}"


def bomb(width: int, height: int) -> bytes:
    """Write a PNG whose header says what its data does not hold."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        summed = zlib.crc32(kind + data)
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", summed)

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(bytes(100)))]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts) + chunk(b"IEND", b"")


# --- Embeddings -------------------------------------------------------------------


def test_an_embedding_is_read_row_by_row():
    values = [n / 7 for n in range(512)]

    found = embedding_of(Question(embedding_b64=floats(*values), shape=(2, 256)))

    assert found == Embedding(2, struct.pack("<512f", *values))
    assert SECRET not in repr(found)
    assert repr(found) == "Embedding(rows=2)"


def test_without_a_shape_it_is_one_row_and_without_values_there_is_none():
    assert embedding_of(Question(embedding_b64=floats(*[0.5] * 256))).rows == 1
    assert embedding_of(Question()) is None
    assert embedding_of(Question(shape=(1, 256))) is None


@pytest.mark.parametrize(
    ("field", "encoded", "shape"),
    [
        ("embedding_b64", SECRET, (1, 256)),
        ("embedding_b64", floats(*[0.5] * 256).rstrip("="), (1, 256)),
        ("embedding_b64", floats(*[0.5] * 256) + "\n", (1, 256)),
        ("embedding_b64", "é", (1, 256)),
        ("embedding_b64", floats(*[0.5] * 255), (1, 256)),
        ("embedding_b64", floats(*[0.5] * 256), (2, 256)),
        ("embedding_b64", base64.b64encode(bytes(1023)).decode(), (1, 256)),
        ("embedding_b64", floats(*[0.5] * 255, float("nan")), (1, 256)),
        ("embedding_b64", floats(*[0.5] * 255, float("-inf")), (1, 256)),
        ("shape", floats(*[0.5] * 256), (256, 1)),
        ("shape", floats(*[0.5] * 256), (2, 128)),
        ("shape", floats(*[0.5] * 256), (257, 256)),
    ],
)
def test_an_embedding_that_cannot_be_read_is_refused_by_its_field(
    field, encoded, shape
):
    with pytest.raises(InvalidQuestion) as refusal:
        embedding_of(Question(embedding_b64=encoded, shape=shape))

    assert list(refusal.value.details) == [field]
    assert SECRET not in str(refusal.value.details)


# --- Pictures ---------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["png", "jpeg"])
@pytest.mark.parametrize("mode", ["RGB", "L", "1"])
def test_a_picture_is_decoded_to_colours(kind, mode):
    sent = url(picture(kind.upper(), mode=mode), kind)

    [found] = pictures_of(Question(images=(sent,)))

    assert (found.mode, found.size) == ("RGB", (3, 2))


def test_pictures_stay_in_their_order():
    sent = tuple(url(picture(size=(n, 1))) for n in (1, 2, 3))

    found = pictures_of(Question(images=sent))

    assert [each.size for each in found] == [(1, 1), (2, 1), (3, 1)]
    assert pictures_of(Question()) == []


@pytest.mark.parametrize(
    ("sent", "rule"),
    [
        pytest.param(url(b"no picture"), "whole PNG or JPEG", id="words"),
        pytest.param(url(b""), "whole PNG or JPEG", id="nothing"),
        pytest.param(url(picture()[:40]), "whole PNG or JPEG", id="half a PNG"),
        pytest.param(
            url(picture("JPEG", (64, 64))[:300], "jpeg"), "whole PNG", id="half a JPEG"
        ),
        pytest.param(url(picture("GIF")), "whole PNG or JPEG", id="GIF inside"),
        pytest.param(url(picture("TIFF")), "whole PNG or JPEG", id="TIFF inside"),
        pytest.param(url(picture("JPEG")), "format that its", id="JPEG called PNG"),
        pytest.param("data:image/png;base64,AAA", "base64", id="no padding"),
        pytest.param(url(bomb(30_000, 30_000)), "4,000,000 pixels", id="bomb"),
        pytest.param(url(bomb(60_000, 60_000)), "4,000,000 pixels", id="bigger"),
        pytest.param(url(bomb(2001, 2000)), "4,000,000 pixels", id="a row too many"),
        pytest.param(url(bomb(8193, 1)), "8,192 on a side", id="a pixel too wide"),
        pytest.param(url(bomb(2000, 1000)), "whole PNG", id="less data than it says"),
    ],
)
def test_a_picture_that_cannot_be_shown_is_refused_by_its_field(sent, rule):
    with pytest.raises(InvalidQuestion) as refusal:
        pictures_of(Question(images=(url(picture()), sent)))

    [[said]] = refusal.value.details.values()
    assert list(refusal.value.details) == ["images"]
    assert rule in said
