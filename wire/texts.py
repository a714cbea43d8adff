"""What a text may be: rules that hold from its first character to its last."""

from __future__ import annotations

import re
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator


class WholeTextValidator(RegexValidator):
    """The pattern must match from end to end: ``$`` would let a last newline by."""

    def __call__(self, value: Any) -> None:
        """Check the text.

        Raises:
            ValidationError: it does not match.
        """
        assert isinstance(self.regex, re.Pattern)
        if not self.regex.fullmatch(str(value)):
            raise ValidationError(self.message, code=self.code)


# The reader of bodies refuses it already; here the schema learns of it.
NO_NUL = WholeTextValidator(r"^[^\u0000]*$", "NUL cannot be stored.")
# Control, format and separator characters make two identifiers that look alike.
_UNSEEN = (
    r"\u0000-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u2028-\u202e"
    r"\u2060-\u206f\ufeff\ufff9-\ufffb"
)
_EDGE = rf"[^{_UNSEEN}\s]"
CASE_ID = WholeTextValidator(
    re.compile(rf"^{_EDGE}([^{_UNSEEN}]*{_EDGE})?$"),
    "No control or invisible characters, and no space at either end.",
)
# Apart, since not every reader of the schema knows characters beyond 16 bits.
NO_TAGS = WholeTextValidator(r"[^\U000e0000-\U000e007f]*", "No tag characters.")


def pattern_of(validator: RegexValidator) -> str:
    """Return the pattern of a validator, as a schema has it."""
    assert isinstance(validator.regex, re.Pattern)
    return validator.regex.pattern
