"""Consents over HTTP: given, read, revoked, and what a revocation stops."""

from __future__ import annotations

import json

import pytest

from audit.models import Audit
from consent.models import Consent
from consent.services import _Used
from routing.models import Task
from screening.models import Clinic, Job
from screening.services.keys import create_key
from tests.routing.test_constraints import make_task
from tests.screening.making import claimed_job, make_job

GIVEN = {
    "consent_id": "c-1",
    "case_id": "case-1",
    "scopes": ["screening", "cloud_inference"],
    "given_by": "parent",
}


@pytest.fixture(autouse=True)
def fresh_memory():
    _Used.known, _Used.look_again = False, 0.0
    yield
    _Used.known, _Used.look_again = False, 0.0


def post(api, path, body):
    return api.post(path, json.dumps(body), content_type="application/json")


def give(api, **fields):
    return post(api, "/api/consents", GIVEN | fields)


def revoke(api, consent_id="c-1"):
    return api.post(f"/api/consents/{consent_id}/revoke")


def test_a_consent_is_recorded_and_answered(api):
    response = give(api, expires_at="2099-01-01T00:00:00+02:00")

    body = response.json()
    assert response.status_code == 200
    assert {key: body[key] for key in GIVEN} == GIVEN | {
        "scopes": ["cloud_inference", "screening"]
    }
    assert (body["version"], body["state"]) == (1, "in_force")
    assert body["expires_at"].startswith("2098-12-31T22:00:00")
    assert Audit.objects.get(action="consent.given").actor == "key:env"


def test_what_says_something_else_is_the_next_version(api):
    give(api)
    give(api)
    second = give(api, scopes=["screening"])

    listed = api.get("/api/consents?case_id=case-1").json()
    assert second.json()["version"] == 2
    assert [(c["version"], c["state"]) for c in listed] == [
        (2, "in_force"),
        (1, "replaced"),
    ]


def test_a_revoked_consent_says_so_and_what_it_stopped(api):
    give(api)
    waiting, running = make_job(), claimed_job(case_id="case-1")
    other = make_job(case_id="case-2")
    task = make_task()

    response = revoke(api)

    assert response.status_code == 200
    body = response.json()
    assert body["state"] == "revoked"
    assert (body["jobs_stopped"], body["tasks_stopped"]) == (2, 1)
    states = dict(Job.objects.values_list("pk", "status"))
    assert states == {
        waiting.pk: "CANCELLED",
        running.pk: "CANCELLED",
        other.pk: "PENDING",
    }
    task.refresh_from_db()
    assert (task.status, task.error_code, task.dead_at) == (
        *("FAILED", "CONSENT_MISSING"),
        None,
    )
    assert api.get(f"/task/{task.public_id}").json()["status"] == "failed"


def test_what_another_consent_still_allows_goes_on(api):
    give(api)
    give(api, consent_id="c-2", scopes=["screening"])
    job = make_job()

    body = revoke(api).json()

    assert (body["jobs_stopped"], body["tasks_stopped"]) == (0, 0)
    job.refresh_from_db()
    assert job.status == "PENDING"


def test_to_revoke_twice_is_harmless(api):
    give(api)

    assert [revoke(api).status_code for _ in range(2)] == [200, 200]
    assert Audit.objects.filter(action="consent.revoked").count() == 1


@pytest.mark.parametrize("name", ["nobody", "a/b", "%00", "x" * 3000])
def test_an_unknown_consent_is_not_found(api, name):
    assert revoke(api, name).status_code == 404


def test_another_clinics_consents_are_not_there(api):
    north = Clinic.objects.create(slug="north", name="North")
    _, raw = create_key(
        name="k",
        clinic=north,
        scopes=["consents:read", "consents:write"],
        actor="user:1",
    )
    give(api)
    api.defaults["HTTP_X_API_KEY"] = raw

    assert revoke(api).status_code == 404
    assert api.get("/api/consents?case_id=case-1").json() == []
    assert give(api).status_code == 200
    assert Consent.objects.filter(revoked_at__isnull=False).count() == 0


def test_one_identifier_is_of_one_case(api):
    give(api)

    response = give(api, case_id="case-2")

    assert response.status_code == 409
    assert response.json()["code"] == "CONFLICT"


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("consent_id", ["", 7, " a", "a\x00", "x" * 129, None]),
        ("case_id", ["", 7, "a\n", "x" * 129]),
        ("scopes", ["screening", ["all"], [7], ["screening"] * 9, None]),
        ("given_by", ["Maria", "", 7]),
        ("expires_at", ["tomorrow", "2026-01-01", "2099-01-01T00:00:00", 7, None]),
        ("name", ["Maria"]),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_stored(api, field, values):
    for value in values:
        response = give(api, **{field: value})
        assert response.status_code == 422, value
        assert field in response.json()["details"], value

    assert not Consent.objects.exists()


def test_a_consent_that_is_over_already_is_a_conflict(api):
    assert give(api, expires_at="2001-01-01T00:00:00Z").status_code == 409


def test_the_list_wants_a_case(api):
    assert api.get("/api/consents").status_code == 422


# --- At submit ----------------------------------------------------------------------


def submit(api, **fields):
    return post(api, "/api/submit", {"case_id": "case-1"} | fields)


def test_without_any_consent_nothing_is_asked_for(api):
    assert submit(api).status_code == 200


def test_what_the_consents_refuse_is_refused_before_it_is_stored(api):
    give(api)
    revoke(api)

    response = submit(api)

    assert response.status_code == 403
    assert response.json()["code"] == "E_CONSENT_REQUIRED"
    assert not Job.objects.exists()
    assert submit(api, case_id="case-2").status_code == 200


@pytest.mark.parametrize(("named", "status"), [("c-1", 200), ("c-9", 403), (None, 403)])
def test_where_a_scope_is_required_only_a_known_consent_opens(
    api, settings, named, status
):
    settings.CONSENT_REQUIRED_SCOPES = frozenset({"screening"})
    give(api)
    consent = {} if named is None else {"consent": {"consent_id": named}}
    case = "case-2" if named is None else "case-1"

    assert submit(api, case_id=case, **consent).status_code == status


def test_in_bulk_the_refused_line_alone_is_refused(api):
    give(api)
    revoke(api)

    response = post(
        api, "/api/submit/bulk", [{"case_id": "case-1"}, {"case_id": "case-2"}]
    )

    assert response.status_code == 207
    refused, accepted = response.json()
    assert refused["error"]["code"] == "E_CONSENT_REQUIRED"
    assert "job_id" in accepted


@pytest.mark.parametrize(("scopes", "status"), [(["screening"], 202), ([], 403)])
def test_a_task_is_refused_likewise(api, scopes, status):
    give(api, scopes=scopes)

    response = post(api, "/route_task", {"case_id": "case-1", "task_type": "embed"})

    assert response.status_code == status
    assert Task.objects.count() == (status == 202)


@pytest.mark.parametrize(
    ("scopes", "inline", "status"),
    [
        (["screening", "raw_media"], {}, 202),
        (["screening"], {"consent_given": True}, 403),
        (["screening"], {}, 403),
    ],
)
def test_the_ledger_goes_before_the_words_where_raw_media_is_concerned(
    api, scopes, inline, status
):
    give(api, scopes=scopes)

    response = post(
        api,
        "/route_task",
        {
            "case_id": "case-1",
            "task_type": "embed",
            "payload": {"image_ref": "i-1"},
            "consent": inline,
        },
    )

    assert response.status_code == status
