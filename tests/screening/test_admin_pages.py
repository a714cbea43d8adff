"""Step 11, the pages: what a clinician needs, nothing to change, nothing that runs."""

from __future__ import annotations

import html
import re
from typing import Any

import pytest
from django.urls import reverse

from audit.actions import Action
from audit.models import Audit
from audit.services import Event, record
from routing.models import Agent, TargetHealth
from screening.models import ApiKey, Case, Clinic, Job, Review, Risk
from tests.browser.rows import fill

READ_ONLY = [ApiKey, Audit, Case, Job, TargetHealth]
ATTACK = "<script>alert('zq')</script><img src=x onerror=alert(1)>\"' {{ 7|add:7 }}"
KIND = {
    "on track": 0,
    "lost a skill": 2,
    "free text": 3,
    "differs": 5,
    "running": 7,
    "failed": 8,
    "cancelled": 9,
    "pending": 10,
    "unusable": 11,
}


def list_of(model: Any) -> str:
    return reverse(f"admin:{model._meta.app_label}_{model._meta.model_name}_changelist")


def page_of(row: Any, step: str = "change") -> str:
    meta = row._meta
    return reverse(f"admin:{meta.app_label}_{meta.model_name}_{step}", args=[row.pk])


def words_of(page: str) -> str:
    """Return what a reader sees of a page, in one line."""
    main = page[page.index('<div id="content"') : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


@pytest.fixture
def jobs(admin_client: Any) -> list[Job]:
    return fill(12)


@pytest.fixture
def page_of_job(admin_client: Any, jobs: list[Job]) -> Any:
    return lambda kind: admin_client.get(page_of(jobs[KIND[kind]])).text


# --- What a page says ---------------------------------------------------------------


def test_what_was_reported_stands_above_what_was_drafted(page_of_job):
    words = words_of(page_of_job("free text"))

    assert words.index("Not walking yet, and only 5 words.") < words.index("Draft ")
    assert words.index("20 months") < words.index("Risk in the draft")


def test_the_checklist_is_shown_in_words_with_each_answer(page_of_job):
    page = page_of_job("differs")

    words = words_of(page)
    assert "Language 3 of 4" in words
    assert "Has about fifty words not yet" in words
    assert "Says words like I, me or we yes" in words
    assert "30m.language" not in words
    assert page.count('class="is-not_yet"') == 2


def test_an_answer_to_an_unknown_item_is_shown_by_its_key(admin_client, jobs):
    Job.objects.filter(pk=jobs[0].pk).update(
        payload={"milestones": {"24m.language.nothing_we_know": "not_sure"}}
    )

    words = words_of(admin_client.get(page_of(jobs[0])).text)

    assert "In no checklist 0 of 1" in words
    assert "24m.language.nothing_we_know not sure" in words


def test_a_case_raised_by_the_rules_says_so_and_shows_both_risks(page_of_job):
    words = words_of(page_of_job("differs"))

    assert "Refer because the reference rules say so; the draft says monitor" in words
    assert "Risk in the draft: Monitor The model's own confidence is 0.58" in words


def test_an_unusable_answer_is_shown_with_what_is_wrong_with_it(page_of_job):
    words = words_of(page_of_job("unusable"))

    assert "Listed under: No usable answer" in words
    assert "risk unknown summary not a list of text confidence out of range" in words
    assert "summary: The child is well." in words
    assert "Recommendations" not in words


def test_an_unusable_answer_is_shown_in_its_own_script(admin_client, jobs):
    answer = {"answer": "Übergewicht und 東京"}
    Job.objects.filter(pk=jobs[KIND["unusable"]].pk).update(result=answer)

    page = admin_client.get(page_of(jobs[KIND["unusable"]])).text

    assert "Übergewicht und 東京" in page


def test_a_huge_unusable_answer_is_cut_and_does_not_fill_the_page(admin_client, jobs):
    answer = {"answer": "x" * 900_000}
    Job.objects.filter(pk=jobs[KIND["unusable"]].pk).update(result=answer)

    page = admin_client.get(page_of(jobs[KIND["unusable"]])).text

    assert len(page) < 60_000


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("pending", "It waits for a worker, or for its next try."),
        ("running", "A worker has it."),
        ("cancelled", "The job was cancelled."),
        ("failed", "No draft could be made. The model server did not answer"),
    ],
)
def test_a_job_without_a_draft_says_why(page_of_job, kind, said):
    words = words_of(page_of_job(kind))

    assert said in words
    assert "No review yet" in words


@pytest.mark.parametrize(
    "payload",
    [
        {},
        {"milestones": {}, "flags": {}, "consent": {}},
        {"flags": {"lost_skill": False}, "age_months": 0, "gestational_weeks": 28},
        {"embedding_b64": "AAAA"},
        {"observations": "x" * 20_000},
        {"field_of_an_older_version": [1, 2]},
    ],
)
def test_a_job_of_any_submission_can_be_looked_at(admin_client, jobs, payload):
    Job.objects.filter(pk=jobs[0].pk).update(payload=payload, route=[])

    assert admin_client.get(page_of(jobs[0])).status_code == 200


@pytest.mark.parametrize("risk", Risk)
def test_a_risk_is_shape_word_and_colour_in_list_and_page(admin_client, jobs, risk):
    Job.objects.filter(pk=jobs[0].pk).update(risk=risk, model_risk=risk)
    badge = re.compile(
        rf'<span class="risk risk-{risk.value}"><svg[^>]*><use href="#i-{risk.value}">'
        rf"</use></svg> {risk.label}</span>"
    )

    page = admin_client.get(page_of(jobs[0])).text

    assert badge.search(page)
    assert badge.search(admin_client.get(list_of(Job)).text)
    assert f'<symbol id="i-{risk.value}"' in page


@pytest.mark.parametrize("status", Job.Status)
def test_every_status_has_a_word_and_a_sign(admin_client, jobs, status):
    page = admin_client.get(f"{list_of(Job)}?status__exact={status}").text

    assert re.search(
        rf'<span class="tag [^"]*"><svg.*?</svg> {status.label}</span>', page
    )


def test_a_review_shows_the_draft_that_it_began_with(admin_client, jobs):
    review = Review.objects.get(job=jobs[KIND["differs"]])

    words = words_of(admin_client.get(page_of(review)).text)

    assert "RC-2046 Refer" in words
    assert "listed as Refer because the reference rules say so" in words
    assert "the draft says Monitor" in words
    assert "Check hearing and vision." in words


def test_an_event_of_the_audit_log_is_shown_in_full(admin_client, jobs):
    record(
        [
            Event(
                action=Action.JOB_FAILED,
                actor="worker:host-1",
                clinic="riverside",
                case_id="RC-2041",
                attempt=3,
                detail={"code": "MODEL_TIMEOUT"},
            )
        ]
    )

    words = words_of(admin_client.get(page_of(Audit.objects.first())).text)

    for shown in ("Job failed", "worker:host-1", "riverside", "code: MODEL_TIMEOUT"):
        assert shown in words


def test_no_page_shows_the_digest_of_a_key(admin_client, jobs):
    key = ApiKey.objects.first()
    ApiKey.objects.update(digest="zq" * 32)

    for path in (list_of(ApiKey), page_of(key)):
        assert "zqzq" not in admin_client.get(path).text


# --- Nothing is changed past the services -------------------------------------------


def rows_of(model):
    # Who only looked, or was refused, is in the audit log too.
    kept = model.objects.changing() if model is Audit else model.objects
    return list(kept.order_by("pk").values())


@pytest.mark.parametrize("model", READ_ONLY)
def test_nothing_can_be_added_changed_or_deleted(admin_client, jobs, model):
    row, before = model.objects.first(), rows_of(model)
    form = {"post": "yes", "_save": "Save", "case_id": "x", "risk": "on_track"}
    refused = [
        admin_client.get(f"{list_of(model)}add/"),
        admin_client.post(f"{list_of(model)}add/", form),
        admin_client.post(page_of(row), form),
        admin_client.post(page_of(row), form | {"_saveasnew": "1"}),
        admin_client.get(page_of(row, "delete")),
        admin_client.post(page_of(row, "delete"), form),
    ]

    assert {response.status_code for response in refused} == {403}
    assert rows_of(model) == before


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_list_offers_no_deletion_and_does_none(admin_client, jobs, model):
    before = rows_of(model)
    chosen = [str(pk) for pk in model.objects.values_list("pk", flat=True)]
    form = {"action": "delete_selected", "_selected_action": chosen, "post": "yes"}

    page = admin_client.get(list_of(model)).text
    admin_client.post(list_of(model), form | {"index": "0"})

    assert "delete_selected" not in page
    assert rows_of(model) == before


@pytest.mark.parametrize("model", READ_ONLY)
def test_a_page_has_no_field_to_fill_and_no_way_to_add(admin_client, jobs, model):
    page = admin_client.get(page_of(model.objects.first())).text

    content = page[page.index('<div id="content"') : page.index("</main>")]
    assert not re.search(r'<(textarea|select|input type="(?!hidden))', content)
    assert "/add/" not in content
    assert "addlink" not in admin_client.get(list_of(model)).text


def test_a_clinic_can_be_named_and_not_deleted(admin_client, jobs):
    clinic = Clinic.objects.get(slug="riverside")

    changed = admin_client.post(
        page_of(clinic), {"name": "Riverside Clinic", "slug": "riverside"}
    )
    refused = admin_client.post(page_of(clinic, "delete"), {"post": "yes"})

    clinic.refresh_from_db()
    assert (changed.status_code, refused.status_code) == (302, 403)
    assert clinic.name == "Riverside Clinic"


# --- What came from outside is shown, and never run ---------------------------------


def poisoned(jobs: list[Job]) -> list[Any]:
    """Put markup wherever a client or a model can put text; return all such rows."""
    done, unusable, failed = jobs[0], jobs[KIND["unusable"]], jobs[KIND["failed"]]
    Case.objects.filter(pk=done.case_id).update(case_id=ATTACK)
    Job.objects.filter(pk=done.pk).update(
        payload={
            "observations": ATTACK,
            "preferred_target": ATTACK,
            "milestones": {ATTACK: ATTACK, "24m.movement.runs": ATTACK},
            "flags": {ATTACK: True},
            "embedding_b64": ATTACK,
            "shape": [ATTACK, ATTACK],
        },
        client=ATTACK[:64],
        worker=ATTACK,
        model_id=ATTACK,
        target=ATTACK[:64],
        result={
            "risk": "on_track",
            "summary": [ATTACK],
            "recommendations": [ATTACK],
            "parent_text": ATTACK,
            "explainability": [{"type": ATTACK, "detail": ATTACK}],
            "adapter_id": ATTACK,
            "uncertainty_reason": ATTACK,
        },
        route=[
            {
                "attempt": ATTACK,
                "policy_version": ATTACK,
                "wish": {"wanted": [ATTACK], "preferred": ATTACK, "priority": ATTACK},
                "targets": [
                    {
                        "name": ATTACK,
                        "location": ATTACK,
                        "p95_ms": ATTACK,
                        "load": ATTACK,
                        "resting": ATTACK,
                    }
                ],
                "candidates": [
                    {
                        "target": ATTACK,
                        "reason": ATTACK,
                        "score": ATTACK,
                        "terms": {ATTACK: ATTACK, "triage": ATTACK},
                    }
                ],
                "excluded": [{"target": ATTACK, "reason": ATTACK}],
                "tries": [
                    {"target": ATTACK, "outcome": ATTACK, "milliseconds": ATTACK}
                ],
            }
        ],
    )
    Job.objects.filter(pk=unusable.pk).update(
        result={ATTACK: [ATTACK]}, result_problems=[ATTACK]
    )
    Job.objects.filter(pk=failed.pk).update(error=ATTACK, error_code=ATTACK[:64])
    review = Review.objects.get(job=done)
    Review.objects.filter(pk=review.pk).update(
        summary=[ATTACK], recommendations=[ATTACK], parent_text=ATTACK
    )
    Clinic.objects.update(name=ATTACK)
    key = ApiKey.objects.first()
    ApiKey.objects.filter(pk=key.pk).update(name=ATTACK, scopes=[ATTACK])
    event = Event(
        action=Action.JOB_FAILED,
        actor=ATTACK,
        clinic=ATTACK[:64],
        case_id=ATTACK,
        detail={ATTACK: ATTACK},
    )
    record([event])
    health, agent = TargetHealth.objects.get(name="edge"), Agent.objects.first()
    TargetHealth.objects.filter(pk=health.pk).update(
        name=ATTACK[:64], last_error=ATTACK[:64], check_error=ATTACK[:64]
    )
    Agent.objects.filter(pk=agent.pk).update(
        agent_id=ATTACK[:64],
        clinic=ATTACK[:64],
        registered_by=ATTACK,
        approved_by=ATTACK,
        endpoint=ATTACK,
        protocol=ATTACK[:32],
        model=ATTACK,
        token_env=f"AGENT_TOKEN_{ATTACK}",
        version=ATTACK[:64],
        capabilities=[ATTACK],
        location=ATTACK[:64],
    )
    ours = [done, unusable, failed, done.case, review, key]
    return [*ours, health, agent, Audit.objects.first()]


def test_markup_from_outside_comes_out_escaped_everywhere(admin_client, jobs):
    rows = poisoned(jobs)
    lists = {list_of(type(row)) for row in rows if not isinstance(row, Review)}
    paths = [*(page_of(row) for row in rows), *lists, "/admin/"]

    for path in paths:
        page = admin_client.get(path)
        assert page.status_code == 200, path
        assert "<script>alert" not in page.text, path
        assert "<img src=x" not in page.text, path
    for row in rows:
        assert "&lt;script&gt;alert(" in admin_client.get(page_of(row)).text, row


def test_markup_in_what_is_typed_comes_out_escaped(admin_client, jobs):
    for path in (list_of(Job), list_of(Clinic)):
        page = admin_client.get(path, {"q": ATTACK}).text

        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
