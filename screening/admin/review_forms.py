"""The forms of a review. They check shapes; what may be stored, the services say."""

from __future__ import annotations

from typing import Any, ClassVar

from django import forms
from django.contrib.auth.models import User

from people.forms import code_field, password_field
from screening.documents.committed import WRITTEN
from screening.models import Reason, Review, Risk
from screening.reports import LONGEST_REASON, report_of
from screening.results import MAX_TEXT, RISING
from screening.safety import Flag, flags_of
from screening.services.review import (
    acknowledge_flags,
    approve_family_text,
    save_review,
)
from screening.services.signing import draft_of

RISKS = [(risk, Risk(risk).label) for risk in RISING]
LISTS = ("summary", "recommendations")
MEANING = {
    "diagnosis": (
        "Safety flag: diagnosis word.",
        "A screening cannot establish a disorder.",
        "I have read this and my text does not say it",
    ),
    "promise": (
        "Safety flag: promise.",
        "Nobody can know that a child will catch up.",
        "I have read this and my text does not promise it",
    ),
}
"""Kind -> what a flag is called, why it is one, and what is ticked."""


def plain(text: str) -> str:
    """Write a text as it is stored: one kind of line end, nothing around it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def lines_of(text: str) -> list[str]:
    """Read one point from each line that is not empty."""
    return [line.strip() for line in plain(text).split("\n") if line.strip()]


def shown(review: Review, name: str) -> Any:
    """Return a field as its form shows it, to be compared with what comes back."""
    value = getattr(review, name)
    if name in LISTS:
        return lines_of("\n".join(map(str, value)))
    return plain(value) if isinstance(value, str) else value


def area(rows: int, **attrs: Any) -> forms.Textarea:
    """Make a field of several lines."""
    return forms.Textarea(attrs={"rows": rows, **attrs})


class PointsField(forms.CharField):
    """A list of texts, one on each line."""

    widget = forms.Textarea

    def prepare_value(self, value: Any) -> Any:
        """Write one text on each line; leave alone what somebody typed."""
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> Any:
        """Read the lines."""
        return lines_of(super().clean(value))


class ReviewForm(forms.Form):
    """What a clinician writes in a review, over the version that was seen."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)
    risk = forms.ChoiceField(
        label="Risk you sign",
        choices=RISKS,
        widget=forms.RadioSelect(attrs={"data-key": "edit"}),
        required=False,
    )
    reason_code = forms.ChoiceField(
        label="Reason for changing the risk",
        choices=[("", "No reason yet"), *Reason.choices],
        required=False,
    )
    reason_text = forms.CharField(
        label="In your words",
        max_length=LONGEST_REASON,
        widget=area(2),
        required=False,
    )
    summary = PointsField(
        label="Summary", max_length=MAX_TEXT, widget=area(3), required=False
    )
    recommendations = PointsField(
        label="Recommendations", max_length=MAX_TEXT, widget=area(3), required=False
    )
    parent_text = forms.CharField(
        label="Text for the family",
        max_length=MAX_TEXT,
        widget=area(6),
        required=False,
    )
    note = forms.CharField(
        label="Note for colleagues",
        max_length=MAX_TEXT,
        widget=area(1),
        required=False,
    )
    family_approved = forms.BooleanField(
        label="The family may read this text", required=False
    )

    def __init__(self, data: Any = None, *, review: Review) -> None:
        self.review, self.posted = review, data
        initial = {name: shown(review, name) for name in WRITTEN}
        super().__init__(data, initial=initial | {"version": review.version})

    def changed(self) -> dict[str, Any]:
        """Return what was changed; a risk that was not chosen is none."""
        written = {
            name: plain(value) if isinstance(value, str) else value
            for name in WRITTEN
            if (value := self.cleaned_data[name]) or name != "risk"
        }
        return {
            name: value
            for name, value in written.items()
            if value != shown(self.review, name)
        }

    def over(self, newest: Review) -> ReviewForm:
        """Return what was typed as a form over a newer version, refused so far."""
        data = self.posted.copy()
        data["version"] = str(newest.version)
        form = ReviewForm(data, review=newest)
        form.is_valid()
        return form

    def restored(self, name: str) -> ReviewForm:
        """Return what was typed, with the draft's own text in one field."""
        value = getattr(draft_of(self.review), name)
        data = self.posted.copy()
        data[name] = value if isinstance(value, str) else "\n".join(value)
        form = ReviewForm(data, review=self.review)
        form.fields[name].widget.attrs["autofocus"] = True
        return form

    def asked(self) -> list[str]:
        """Return the safety flags whose boxes came back ticked."""
        return list(self.posted.getlist("acknowledged")) if self.is_bound else []

    def ticked(self) -> list[str]:
        """Return the safety flags that were ticked, of those that are open."""
        asked = set(self.asked())
        return [box.flag.key for box in boxes_of(self.review) if box.is_in(asked)]

    def store(self, user: User) -> int:
        """Store what is new, each part by its service; return the version there is.

        Raises:
            StalePage: somebody has saved since, or has the review, or it is signed.
        """
        review, version = self.review, self.cleaned_data["version"]
        values, keys = self.changed(), self.ticked()
        if values:
            version = save_review(review, user=user, version=version, values=values)
        if keys:
            version = acknowledge_flags(review, user=user, version=version, keys=keys)
        is_new = "parent_text" in values or review.family_approved_at is None
        if self.cleaned_data["family_approved"] and is_new:
            version = approve_family_text(review, user=user, version=version)
        return int(version)


class Box:
    """One safety flag, and whether it was acknowledged."""

    def __init__(self, flag: Flag, entry: dict[str, Any] | None) -> None:
        self.flag, self.entry = flag, entry
        self.title, self.why, self.label = MEANING[flag.kind]

    def is_in(self, asked: set[str]) -> bool:
        """Say whether it is open and was ticked."""
        return self.entry is None and self.flag.key in asked


def boxes_of(review: Review) -> list[Box]:
    """List the safety flags of draft and report, acknowledged or not."""
    known = {entry["key"]: entry for entry in review.acknowledged}
    report = report_of({name: getattr(review, name) for name in WRITTEN})
    return [
        Box(flag, known.get(flag.key)) for flag in flags_of(draft_of(review), report)
    ]


class ViewForm(forms.Form):
    """A risk, and why: a second reader's view, or what a third person decides."""

    risk = forms.ChoiceField(
        label="Risk",
        choices=RISKS,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose a risk."},
    )
    why = forms.CharField(
        label="Why",
        max_length=1000,
        widget=area(3),
        error_messages={"required": "Say why, in one or two sentences."},
    )


class ProvingForm(forms.Form):
    """What proves who signs: the password, and a code where one is asked for."""

    nothing: ClassVar[str] = "Nothing was signed."

    def __init__(self, *args: Any, asks_code: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["password"] = password_field(
            error_messages={"required": f"{self.nothing} Your password is needed."}
        )
        if asks_code:
            self.fields["code"] = code_field(
                error_messages={"required": f"{self.nothing} Your code is needed."}
            )


class SigningForm(ProvingForm):
    """A signature: the version that was seen, and who signs."""

    version = forms.IntegerField(widget=forms.HiddenInput, min_value=1)


class AddendumForm(ProvingForm):
    """A text to be added to a signed report, and who signs it."""

    nothing = "Nothing was added."
    text = forms.CharField(
        label="Text of the addendum",
        max_length=MAX_TEXT,
        widget=area(4),
        error_messages={"required": "Write the addendum first."},
    )
