"""Pictures out of a question, decoded within bounds. They are never fetched."""

from __future__ import annotations

import base64
import binascii
import io

from PIL import Image

from routing.modelserver.contract import InvalidQuestion, Question

MAX_SIDE = 8_192
MAX_PIXELS = 4_000_000
"""What is shown to the model is 896 by 896."""

FORMATS = ("PNG", "JPEG")
TOO_LARGE = "At most 4,000,000 pixels, 8,192 on a side."
# What Pillow raises for data that is damaged, besides its own errors.
BROKEN = (OSError, ValueError, SyntaxError)


def pictures_of(question: Question) -> list[Image.Image]:
    """Decode the pictures of a question, as RGB.

    Raises:
        InvalidQuestion: one is no PNG or JPEG, is broken, or has too many pixels.
    """
    return [_picture(url) for url in question.images]


def _picture(url: str) -> Image.Image:
    declared, _, encoded = url.partition(";base64,")
    try:
        data = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        raise _refused("Standard base64, with padding and no white space.") from None
    try:
        with Image.open(io.BytesIO(data), formats=FORMATS) as found:
            if not declared.lower().endswith(f"/{(found.format or '').lower()}"):
                raise _refused("The format that its data URL says.")
            width, height = found.size
            if max(width, height) > MAX_SIDE or width * height > MAX_PIXELS:
                raise _refused(TOO_LARGE)
            return found.convert("RGB")
    except InvalidQuestion:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise _refused(TOO_LARGE) from None
    except BROKEN:
        raise _refused("A whole PNG or JPEG picture.") from None


def _refused(rule: str) -> InvalidQuestion:
    return InvalidQuestion({"images": [rule]})
