"""How long the desk takes to answer with a million jobs and 200,000 cases.

Rows are written by the database itself, invented and all alike but for what is sorted
and counted. The real API under granian answers; the time is until its first byte.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
from typing import Any

import psycopg
import requests

from tests.servers import ROOT
from tests.system.stack import Stack
from tests.telling import ASK, ASK_NOT

PASSWORD = "an-invented-password-1"
CLINICS, CASES, JOBS, OPEN = 20, 200_000, 1_000_000, 20_000
ASKED = 30
LISTED = "50 cases, "
PERSON = f"""
from django.contrib.auth.models import Group, User
person = User.objects.create_user("reader", password="{PASSWORD}", is_staff=True)
person.groups.set([Group.objects.get(name="reviewer")])
"""
MEMBER = """INSERT INTO screening_clinic_members (clinic_id, user_id)
    SELECT id, (SELECT min(id) FROM auth_user) FROM screening_clinic
    WHERE slug LIKE 'bench-%' ORDER BY id LIMIT 4"""
PAYLOAD = """jsonb_build_object('age_months', n / 20 % 60, 'observations',
    repeat('Plays with others and points at things. ', 5), 'milestones',
    jsonb_build_object('18m.movement.walks_alone', 'yes'), 'flags', '{}'::jsonb)"""
RESULT = """jsonb_build_object('risk', {risk}, 'summary',
    jsonb_build_array('Plays with others and points at what is wanted.',
        'Uses about six words, and puts no two of them together yet.'),
    'recommendations', jsonb_build_array('Talk with the family about language.',
        'Look again at words in two months.'), 'parent_text',
    'Your child is learning many new things and likes to play with other children. '
    'We would like to talk with you about words, and about what you can do at home '
    'to help your child to talk. Reading together every day is a good way to begin.',
    'confidence', 0.7)"""
RISK = "(ARRAY['on_track','monitor','discuss','refer'])[1 + n % 4]"
FILL = [
    f"""INSERT INTO screening_clinic (slug, name)
        SELECT 'bench-' || n, 'Clinic ' || n FROM generate_series(1, {CLINICS}) n""",
    f"""INSERT INTO screening_case (clinic_id, case_id)
        SELECT (SELECT min(id) FROM screening_clinic WHERE slug LIKE 'bench-%')
               + n % {CLINICS}, 'case-' || n
        FROM generate_series(1, {CASES}) n""",
    *ASK_NOT,
    f"""INSERT INTO screening_job (id, clinic_id, case_id, client, status, priority,
            payload, result, risk, model_risk, rules_risk, attempt, model_id, target,
            created_at, updated_at, started_at, finished_at, not_before)
        SELECT md5('job' || n)::uuid, c.clinic_id, c.id, 'key:bench', 'DONE', 'normal',
            {PAYLOAD}, {RESULT.format(risk=RISK)}, {RISK}, {RISK}, {RISK}, 1,
            'bench-model', 'cloud', t, t, t, t, t
        FROM generate_series(1, {JOBS}) n
        JOIN (SELECT id, clinic_id, row_number() OVER (ORDER BY id) AS place
              FROM screening_case) c ON c.place = 1 + n % {CASES},
        LATERAL (SELECT now() - n * interval '20 seconds' AS t) at""",
    """INSERT INTO screening_review (job_id, clinic_id, state, risk, listed_risk,
            draft_risk, summary, recommendations, parent_text, age_months, due_at,
            created_at, confidence)
        SELECT id, clinic_id, 'REQUIRES_REVIEW', risk, risk, risk, result -> 'summary',
            result -> 'recommendations', result ->> 'parent_text',
            (payload ->> 'age_months')::int, created_at + interval '3 days',
            created_at, 0.7
        FROM screening_job""",
    "ALTER TABLE screening_review DISABLE TRIGGER review_locked",
    f"""UPDATE screening_review SET state = 'SIGNED_OFF', outcome = 'approved',
            meaning = 'Agreed.', content_digest = repeat('0', 64),
            signed_off_at = created_at + interval '1 day',
            signed_off_by_id = (SELECT min(id) FROM auth_user)
        WHERE id NOT IN (SELECT id FROM screening_review
                         ORDER BY created_at DESC LIMIT {OPEN})""",
    "ALTER TABLE screening_review ENABLE ALWAYS TRIGGER review_locked",
    """INSERT INTO audit_audit (event_id, action, actor, clinic, case_id, job_id,
            request_id, detail, canonical)
        SELECT gen_random_uuid(), 'job.completed', 'worker:bench', c.slug, k.case_id,
            j.id, '', '{}', '{"v":1}'
        FROM screening_job j JOIN screening_clinic c ON c.id = j.clinic_id
        JOIN screening_case k ON k.id = j.case_id""",
    *ASK,
]


def desk() -> dict[str, float]:
    """Return the medians and the worst in ms of the worklist and of a case's page."""
    with Stack(DATABASE_POOL_SIZE=4) as stack:
        _shell(stack, PERSON)
        for statement in [FILL[0], MEMBER, *FILL[1:]]:
            stack.write(statement)
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            # The indexes of what is open are as small as if each had been signed alone.
            connection.execute("REINDEX TABLE screening_review")
            connection.execute("VACUUM ANALYZE")
        stack.start_api(threads=4, workers=1)
        session = _log_in(stack)
        [[pk]] = stack.rows(
            "SELECT id FROM screening_review WHERE state = 'REQUIRES_REVIEW' "
            "AND clinic_id = (SELECT min(id) FROM screening_clinic "
            "WHERE slug LIKE 'bench-%') ORDER BY due_at LIMIT 1"
        )
        case = f"/admin/screening/review/{pk}/change/"
        [[job]] = stack.rows(f"SELECT job_id FROM screening_review WHERE id = {pk}")
        pages = {
            "worklist": ("/admin/", LISTED),
            "narrowed": ("/admin/?view=unclaimed&risk=refer&age=24-35", LISTED),
            "signed": ("/admin/?view=signed", LISTED),
            "case": (case, "Risk you sign"),
            "events": ("/admin/audit/audit/", "The newest 10,000 audit events"),
            "found": (f"/admin/audit/audit/?q={job}", " found "),
        }
        found = {}
        for name, (path, words) in pages.items():
            times = [_time(session, stack.url + path, words) for _ in range(ASKED)]
            found[f"{name} ms"] = statistics.median(times)
            found[f"{name} worst ms"] = max(times)
        return found


def _shell(stack: Stack, script: str) -> None:
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", script],
        cwd=ROOT,
        env=stack.env,
        check=True,
    )


def _log_in(stack: Stack) -> Any:
    session = requests.Session()
    url = f"{stack.url}/admin/login/"
    session.get(url, timeout=30)
    form = {
        "username": "reader",
        "password": PASSWORD,
        "csrfmiddlewaretoken": session.cookies["csrftoken"],
        "next": "/admin/",
    }
    assert session.post(url, form, timeout=30).url.endswith("/admin/")
    return session


def _time(session: Any, url: str, words: str) -> float:
    """Return the ms until the first byte of the page, which has what it is for."""
    answer = session.get(url, timeout=60, allow_redirects=False)
    assert answer.status_code == 200, answer.status_code
    assert words in answer.text, url
    return float(answer.elapsed.total_seconds() * 1000)
