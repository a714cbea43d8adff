"""No job's state is committed that the audit log does not tell of.

A job says what the newest event of its state says, the attempt included: the four states
of a change are told by different events, so that none can be changed alone. It is asked at
the commit, so that row and event may come in either order, and of what the row is by then.
An event is looked for by what it is about and not by its transaction: a savepoint has a
transaction id of its own.

SQLite has no triggers that wait for the commit; `audit_verify` finds it there.
"""

from __future__ import annotations

from importlib import import_module

from django.db import migrations

run = import_module("screening.migrations.0009_had_by").run
RULE = "job_state_is_told"
TOLD = """CASE action WHEN 'job.submitted' THEN 'PENDING' WHEN 'job.started' THEN 'RUNNING'
    WHEN 'job.released' THEN 'PENDING' WHEN 'job.completed' THEN 'DONE'
    WHEN 'job.failed' THEN 'FAILED' WHEN 'job.cancelled' THEN 'CANCELLED'
    WHEN 'job.replayed' THEN 'PENDING' END"""
CHANGED = "OLD.status <> NEW.status OR OLD.attempt <> NEW.attempt"


def when(name, step, condition):
    return [
        f"""CREATE CONSTRAINT TRIGGER {name} AFTER {step} ON screening_job
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW {condition}
            EXECUTE FUNCTION job_told()""",
        f"ALTER TABLE screening_job ENABLE ALWAYS TRIGGER {name}",
    ]


INSTALL = {
    "postgresql": [
        # It must ask the index by job, also where the tables are new and the database
        # has counted nothing yet: a session keeps the plan that it has made once. So
        # sequences are out, and the action stands in no form that its index could answer.
        f"""CREATE FUNCTION job_told() RETURNS trigger LANGUAGE plpgsql
        SET enable_seqscan = off AS $$
        DECLARE told record; job record;
        BEGIN
          SELECT action, status, attempt INTO told FROM (
            SELECT id, action, coalesce(attempt, 0) AS attempt, {TOLD} AS status
            FROM audit_audit WHERE job_id = NEW.id) event
          WHERE status IS NOT NULL ORDER BY id DESC LIMIT 1;
          IF told.status = NEW.status AND told.attempt = NEW.attempt THEN RETURN NULL; END IF;
          -- It may have changed again in this transaction, or be gone.
          SELECT status, attempt INTO job FROM screening_job WHERE id = NEW.id;
          IF NOT FOUND OR (told.status = job.status AND told.attempt = job.attempt)
            THEN RETURN NULL; END IF;
          RAISE EXCEPTION USING ERRCODE = 'check_violation', CONSTRAINT = '{RULE}',
            TABLE = 'screening_job', MESSAGE = format(
              'job %s is %s at attempt %s, and its newest audit event says %s',
              NEW.id, job.status, job.attempt,
              coalesce(told.action || ' at ' || told.attempt, 'nothing')),
            HINT = 'Change it by a service, or record its event in the same transaction: see docs/audit.md.';
        END $$""",
        *when("job_is_told", "INSERT", ""),
        *when("job_change_is_told", "UPDATE", f"WHEN ({CHANGED})"),
    ],
    "sqlite": [],
}
REMOVE = {
    "postgresql": [
        "DROP TRIGGER job_change_is_told ON screening_job",
        "DROP TRIGGER job_is_told ON screening_job",
        "DROP FUNCTION job_told()",
    ],
    "sqlite": [],
}


class Migration(migrations.Migration):
    dependencies = [
        ('audit', '0005_counting'),
        ('screening', '0012_traceparent'),
    ]

    operations = [migrations.RunPython(run(INSTALL), run(REMOVE))]
