"""Serializer fields that take what they say and nothing that merely looks like it."""

from __future__ import annotations

from itertools import islice
from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from wire.texts import NO_NUL

LONGEST_NAME = 64
MOST_NAMES = 20


class StrictIntegerField(serializers.IntegerField):
    """A JSON integer: no text, no fraction, no boolean."""

    default_error_messages = {"strict": _("This must be a whole number, unquoted.")}

    def to_internal_value(self, data: Any) -> int:
        """Take an int as it is."""
        if not isinstance(data, int) or isinstance(data, bool):
            self.fail("strict")
        return data


class StrictNumberField(serializers.FloatField):
    """A JSON number: no text, no boolean."""

    default_error_messages = {"strict": _("This must be a number, unquoted.")}

    def to_internal_value(self, data: Any) -> float:
        """Take an int or a float as it is."""
        if not isinstance(data, int | float) or isinstance(data, bool):
            self.fail("strict")
        try:
            return float(data)
        except OverflowError:
            self.fail("strict")


class StrictCharField(serializers.CharField):
    """A JSON string, kept as it is, spaces included."""

    default_error_messages = {"strict": _("This must be a string.")}

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("trim_whitespace", False)
        super().__init__(**kwargs)
        self.validators.append(NO_NUL)

    def to_internal_value(self, data: Any) -> str:
        """Take a str as it is."""
        if not isinstance(data, str):
            self.fail("strict")
        return data


class StrictBooleanField(serializers.BooleanField):
    """A JSON boolean: neither 1 nor "true"."""

    default_error_messages = {"strict": _("This must be true or false, unquoted.")}

    def to_internal_value(self, data: Any) -> bool:
        """Take a bool as it is."""
        if not isinstance(data, bool):
            self.fail("strict")
        return data


class StrictChoiceField(serializers.ChoiceField):
    """One of a few strings."""

    default_error_messages = {"strict": _("This must be one of: {allowed}.")}

    def to_internal_value(self, data: Any) -> str:
        """Take one of the choices as it is; the message never quotes what came."""
        if not isinstance(data, str) or data not in self.choices:
            self.fail("strict", allowed=", ".join(map(str, self.choices)))
        return data


class StrictSerializer(serializers.Serializer):
    """An object in which every key is known.

    Unknown ones are refused by name, as far as names are short and few.
    """

    default_error_messages = {"unknown": _("This field is not known.")}

    def to_internal_value(self, data: Any) -> Any:
        """Refuse unknown keys by name, together with whatever else is wrong."""
        errors: dict[str, Any] = {}
        if isinstance(data, dict):
            message = self.error_messages["unknown"]
            unknown = (key for key in data if key not in self.fields)
            errors = {
                key[:LONGEST_NAME]: [message] for key in islice(unknown, MOST_NAMES)
            }
        try:
            value = super().to_internal_value(data)
        except serializers.ValidationError as exc:
            if isinstance(exc.detail, dict):
                errors = {**exc.detail, **errors}
            raise serializers.ValidationError(errors or exc.detail) from None
        if errors:
            raise serializers.ValidationError(errors)
        return value
