"""The pages of log-in and second factor. The desk adds them to those of the models."""

from __future__ import annotations

from base64 import b32encode
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import REDIRECT_FIELD_NAME
from django.contrib.auth import login as begin_session
from django.contrib.auth.models import User
from django.contrib.auth.views import LoginView
from django.db import transaction
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import path, reverse
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters

from people import facts
from people.codes import grouped
from people.errors import FactorRefused
from people.forms import BeginForm, ConfirmForm, LogInForm
from people.qr import drawn
from people.services.ending import session_ended
from people.services.factors import (
    begin_factor,
    confirm_factor,
    has_factor,
    needs_code,
    recovery_codes_left,
    renew_recovery_codes,
    waiting_device,
)
from people.services.persons import person_changed, standing_of

BEGIN = "admin:second_factor_begin"


class LogInView(LoginView):
    """The one page on which people come in."""

    authentication_form = LogInForm
    template_name = "admin/login.html"

    @method_decorator(sensitive_post_parameters("password", "code"))
    def dispatch(self, *args: Any, **kwargs: Any) -> Any:
        """Keep what is typed out of every error report."""
        return super().dispatch(*args, **kwargs)

    def form_valid(self, form: Any) -> HttpResponse:
        """Begin a session under a new key."""
        begin_session(self.request, form.get_user())
        session = self.request.session
        for name in list(session.keys()):
            if name in {facts.BEGAN, facts.SEEN, facts.FACTOR, facts.SIGNED}:
                del session[name]
        facts.remember(session, facts.BEGAN)
        facts.remember(session, facts.SEEN)
        if form.code_taken:
            facts.remember(session, facts.FACTOR)
            _warn_of_few_codes(self.request, form.get_user())
        return HttpResponseRedirect(self.get_success_url())


def urls_of(site: Any) -> list[Any]:
    """Return the addresses of the pages of the second factor."""
    found = {
        "": (own_page, "second_factor"),
        "set-up/": (begin_page, "second_factor_begin"),
        "confirm/": (confirm_page, "second_factor_confirm"),
        "recovery-codes/": (codes_page, "second_factor_codes"),
    }
    return [
        path(f"second-factor/{end}", site.admin_view(_with(page, site)), name=name)
        for end, (page, name) in found.items()
    ]


def own_page(request: HttpRequest, site: Any) -> HttpResponse:
    """Say what second factor the person has, and lead to changing it."""
    user = _person(request)
    return _answer(
        request,
        site,
        "own",
        "Your second factor",
        has_factor=has_factor(user),
        left=recovery_codes_left(user),
    )


def begin_page(request: HttpRequest, site: Any) -> HttpResponse:
    """Begin with a device: the first one, or another in place of it."""
    user = _person(request)
    has_one = has_factor(user)
    form = BeginForm(_posted(request), has_factor=has_one)
    if request.method == "POST" and form.is_valid():
        try:
            begin_factor(user, password=form.cleaned_data.get("password", ""))
        except FactorRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            return HttpResponseRedirect(reverse("admin:second_factor_confirm"))
    title = "Change your device" if has_one else "Set up your second factor"
    return _answer(request, site, "begin", title, form=form, has_factor=has_one)


def confirm_page(request: HttpRequest, site: Any) -> HttpResponse:
    """Show the secret of a device; with its first code, take it into use."""
    user = _person(request)
    device = waiting_device(user)
    if device is None:
        return HttpResponseRedirect(reverse(BEGIN))
    form = ConfirmForm(_posted(request))
    if request.method == "POST" and form.is_valid():
        session = request.session
        try:
            codes = confirm_factor(
                user, code=form.cleaned_data["code"], but=session.session_key
            )
        except FactorRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            facts.remember(session, facts.FACTOR)
            session.pop(facts.SIGNED, None)
            return _codes(request, site, codes)
    return _answer(
        request,
        site,
        "confirm",
        "Add your device",
        form=form,
        secret=grouped(b32encode(device.bin_key).decode()),
        qr=drawn(device.config_url, title="The secret as a QR code"),
    )


def codes_page(request: HttpRequest, site: Any) -> HttpResponse:
    """Make new recovery codes, with the password."""
    user = _person(request)
    if not has_factor(user):
        return HttpResponseRedirect(reverse(BEGIN))
    form = BeginForm(_posted(request), has_factor=True)
    if request.method == "POST" and form.is_valid():
        try:
            codes = renew_recovery_codes(user, password=form.cleaned_data["password"])
        except FactorRefused as refusal:
            form.add_error(None, str(refusal))
        else:
            return _codes(request, site, codes)
    return _answer(
        request,
        site,
        "renew",
        "New recovery codes",
        form=form,
        left=recovery_codes_left(user),
    )


@never_cache
def log_in(request: HttpRequest, site: Any, context: dict[str, Any]) -> Any:
    """Show the log-in page, or come in by it."""
    if request.method == "GET" and site.has_permission(request):
        return HttpResponseRedirect(reverse("admin:index"))
    shown = {
        **site.each_context(request),
        "title": "Log in",
        "subtitle": None,
        "app_path": request.get_full_path(),
        "username": request.user.get_username(),
        "minutes": max(settings.SESSION_IDLE_SECONDS // 60, 1),
        **context,
    }
    if REDIRECT_FIELD_NAME not in {*request.GET, *request.POST}:
        shown[REDIRECT_FIELD_NAME] = reverse("admin:index")
    request.current_app = site.name
    return LogInView.as_view(extra_context=shown)(request)


def log_out(request: HttpRequest, view: Callable[[], Any]) -> Any:
    """Log out by the stock view, and write it down."""
    user = request.user
    was_in = user.is_authenticated
    response = view()
    if request.method == "POST" and was_in:
        session_ended(user, why="logged_out")
    return response


def asks_code(request: Any) -> bool:
    """Say whether the next signature of this session needs a code."""
    return needs_code(request.user, seen_at=facts.code_seen_at(request.session))


def signed_in_session(request: Any) -> None:
    """Remember that the person has signed: see `needs_code`.

    Who sets a second factor up, or another one, is asked again: see `confirm_page`.
    """
    facts.remember(request.session, facts.SIGNED)


def own_password_changed(request: HttpRequest, view: Callable[[], Any]) -> Any:
    """Change the own password by the stock view."""
    if request.method != "POST":
        return view()
    return password_changed(request, _person(request), view)


def password_changed(
    request: HttpRequest, person: User, view: Callable[[], Any]
) -> Any:
    """Change a password by a stock view, and tell of it in the same transaction.

    Every other session of the person ends.
    """
    with transaction.atomic():
        before = standing_of(person.pk)
        response = view()
        person_changed(
            person,
            before=before,
            by=_person(request),
            but=request.session.session_key,
        )
    return response


def _codes(request: HttpRequest, site: Any, codes: list[str]) -> HttpResponse:
    return _answer(
        request,
        site,
        "codes",
        "Your recovery codes",
        codes=[grouped(code) for code in codes],
    )


def _warn_of_few_codes(request: HttpRequest, user: User) -> None:
    left = recovery_codes_left(user)
    if left <= 3:
        noun = "recovery code is" if left == 1 else "recovery codes are"
        messages.warning(request, f"{left or 'No'} {noun} left. Make new ones soon.")


def _with(page: Any, site: Any) -> Any:
    """Give a page its site; what is typed there is in no error report."""

    @sensitive_post_parameters("password", "code")
    def inner(request: HttpRequest) -> HttpResponse:
        response: HttpResponse = page(request, site)
        return response

    return inner


def _answer(
    request: HttpRequest, site: Any, name: str, title: str, **context: Any
) -> HttpResponse:
    shown = {**site.each_context(request), "title": title, **context}
    if facts.lacks_factor(request.user, request.session):
        # What the frame has of menus and notices is closed as well.
        shown |= {"has_permission": False, "notices": []}
    return TemplateResponse(request, f"people/{name}.html", shown)


def _posted(request: HttpRequest) -> Any:
    return request.POST if request.method == "POST" else None


def _person(request: HttpRequest) -> User:
    user: Any = request.user
    person: User = User.objects.get(pk=user.pk)
    return person
