"""The forms of log-in and second factor. They check shapes; the services decide."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.forms import AdminAuthenticationForm

from people.address import client_address
from people.codes import LONGEST_TYPED
from people.errors import LogInRefused
from people.services.coming_in import come_in


class CodeInput(forms.PasswordInput):
    """A text whose signs are seen while it is typed, and which never comes back."""

    input_type = "text"
    template_name = "django/forms/widgets/text.html"


def code_field(**given: Any) -> forms.CharField:
    """Make the field for a code, as every page that asks for one has it."""
    attrs = {
        "autocomplete": "one-time-code",
        "inputmode": "numeric",
        "autocapitalize": "none",
        "spellcheck": "false",
    }
    options: dict[str, Any] = {
        "label": "Six-digit code",
        "max_length": LONGEST_TYPED,
        "widget": CodeInput(attrs=attrs),
        **given,
    }
    return forms.CharField(**options)


def password_field(**given: Any) -> forms.CharField:
    """Make the field for the own password."""
    attrs = {"autocomplete": "current-password"}
    options: dict[str, Any] = {
        "label": "Your password",
        "strip": False,
        "max_length": 4096,
        "widget": forms.PasswordInput(attrs=attrs),
        **given,
    }
    return forms.CharField(**options)


class LogInForm(AdminAuthenticationForm):
    """Name, password and code on one page."""

    code = code_field(required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.code_taken = False
        self.fields["username"].label = "User name"
        self.fields["code"].widget.attrs["aria-describedby"] = "code_help"

    def clean(self) -> dict[str, Any]:
        """Ask the service; what it refuses is an error of the whole form."""
        given = self.cleaned_data
        name, password = given.get("username"), given.get("password")
        if not name or not password:
            return given
        try:
            self.user_cache, self.code_taken = come_in(
                name=name,
                password=password,
                code=given.get("code") or "",
                address=address_of(self.request),
            )
        except LogInRefused as refusal:
            raise forms.ValidationError(str(refusal)) from refusal
        return given


class BeginForm(forms.Form):
    """What begins a second factor: the password, where one is changed."""

    password = password_field(error_messages={"required": "Your password is needed."})

    def __init__(self, *args: Any, has_factor: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not has_factor:
            del self.fields["password"]


class ConfirmForm(forms.Form):
    """The first code of a new device."""

    code = code_field(error_messages={"required": "The code is needed."})


def address_of(request: Any) -> str:
    """Return where a request comes from."""
    return client_address(
        request.META.get("REMOTE_ADDR", ""),
        request.META.get("HTTP_X_FORWARDED_FOR", ""),
        proxies=settings.TRUSTED_PROXIES,
    )
