"""How long `audit_verify` takes over a million events, and in how much memory.

The events are written by the code that records them and sealed by the code that seals,
on PostgreSQL; the jobs that they tell of by the database itself.
"""

from __future__ import annotations

import subprocess
import sys
import time
from resource import RUSAGE_CHILDREN, getrusage

import psycopg

from tests.servers import ROOT
from tests.system.stack import Stack
from tests.telling import ASK, ASK_NOT

JOBS, EVENTS_OF_A_JOB = 250_000, 4
FILL = [
    "INSERT INTO screening_clinic (slug, name) VALUES ('bench', 'Bench')",
    f"""INSERT INTO screening_case (clinic_id, case_id)
        SELECT (SELECT id FROM screening_clinic WHERE slug = 'bench'), 'case-' || n
        FROM generate_series(1, {JOBS}) n""",
    *ASK_NOT,
    """INSERT INTO screening_job (id, clinic_id, case_id, client, status, priority,
            payload, result, risk, model_risk, attempt, model_id, target, salt,
            created_at, updated_at, started_at, finished_at, not_before)
        SELECT md5(case_id)::uuid, clinic_id, id, 'key:bench', 'DONE', 'normal',
            '{}', '{"risk": "monitor"}', 'monitor', 'monitor', 1, 'bench-model',
            'cloud', sha256(case_id::bytea), now(), now(), now(), now(), now()
        FROM screening_case""",
    *ASK,
]


def verify() -> dict[str, float]:
    """Return the seconds that it took, its processor's, and its largest size in MB."""
    with Stack(DATABASE_POOL_SIZE=4) as stack:
        for statement in FILL:
            stack.write(statement)
        _run(stack, "-m", "tests.benchmarks.verify_log", str(JOBS))
        with psycopg.connect(stack.database_url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")
        begun, before = time.perf_counter(), getrusage(RUSAGE_CHILDREN)
        _run(stack, "manage.py", "audit_verify", "--json")
        took, after = time.perf_counter() - begun, getrusage(RUSAGE_CHILDREN)
        return {
            "events": JOBS * EVENTS_OF_A_JOB,
            "seconds": took,
            "CPU seconds": after.ru_utime - before.ru_utime,
            "MB": after.ru_maxrss / 1024,
        }


def _run(stack: Stack, *words: str) -> None:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=ROOT,
        env=stack.env,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
