"""What of a payload is raw media, which needs consent. It decides, no more."""

from __future__ import annotations

from typing import Any

RAW_MEDIA_KEYS = frozenset(
    {"image_ref", "images", "image", "image_b64", "video", "video_ref", "audio"}
    | {"audio_ref", "raw_media", "media", "media_ref", "photo", "photo_ref"}
)


def carries_raw_media(document: Any) -> bool:
    """Say whether a payload holds a picture, a sound or a reference to one.

    Looked for by their keys, at any depth.
    """
    if isinstance(document, dict):
        return any(
            key.lower() in RAW_MEDIA_KEYS or carries_raw_media(value)
            for key, value in document.items()
        )
    return isinstance(document, list) and any(map(carries_raw_media, document))
