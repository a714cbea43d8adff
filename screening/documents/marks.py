"""The marks that stand beside a risk's word: the same shapes as in the desk.

A test holds them equal to the symbols in ``templates/desk/icons.html``.
"""

from __future__ import annotations

MARKS = {
    "refer": (
        '<path fill-rule="evenodd" d="M12 .8 23.2 12 12 23.2.8 12Zm-5 10v2.4h5.6l-2 2 '
        '1.7 1.7 4.9-4.9-4.9-4.9-1.7 1.7 2 2Z"/>'
    ),
    "discuss": (
        '<path fill-rule="evenodd" d="M4 2.5h16a2 2 0 0 1 2 2v11a2 2 0 0 1-2 2h-8.2'
        'L6.5 22.5V17.5H4a2 2 0 0 1-2-2v-11a2 2 0 0 1 2-2ZM6 7v2h12V7Zm0 4v2h8v-2Z"/>'
    ),
    "monitor": (
        '<path fill-rule="evenodd" d="M12 1.5a10.5 10.5 0 1 1 0 21 10.5 10.5 0 0 1 '
        '0-21Zm0 2.3a8.200 8.200 0 0 1 0 16.400Z"/>'
    ),
    "on_track": (
        '<path fill-rule="evenodd" d="M12 1.5a10.5 10.5 0 1 1 0 21 10.5 10.5 0 0 1 '
        "0-21Zm0 2.3a8.200 8.200 0 1 0 0 16.400 8.200 8.200 0 0 0 0-16.400Zm-1.3 "
        '12.700-4.200-4.200 1.600-1.600 2.600 2.600 5.3-5.3 1.600 1.600Z"/>'
    ),
}
SEAL = (
    '<path fill="none" stroke="#000000" stroke-width="2" stroke-linecap="round" '
    'stroke-linejoin="round" d="M12 2.5 4.5 5.3v5.400c0 4.800 3.100 8.700 7.5 10.800 '
    '4.400-2.100 7.5-6 7.5-10.800V5.3ZM8.5 11.800l2.600 2.600 4.600-4.800"/>'
)
WARNING = (
    '<path fill="none" stroke="#000000" stroke-width="2" stroke-linecap="round" '
    'stroke-linejoin="round" d="M12 3 1.800 20.5h20.400ZM12 9.5v5M12 17.4v.2"/>'
)


def drawing(mark: str) -> bytes:
    """Wrap a mark into a picture that is drawn to any size."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24">{mark}</svg>'
    ).encode()
