"""The whole vocabulary of the audit log, on one screen."""

from __future__ import annotations

from django.db.models import TextChoices


class Action(TextChoices):
    """What an event says was done. Values are stored and never change."""

    JOB_SUBMITTED = "job.submitted", "Job submitted"
    JOB_STARTED = "job.started", "Job started"
    JOB_RELEASED = "job.released", "Job released, to be tried again"
    JOB_COMPLETED = "job.completed", "Job completed"
    JOB_FAILED = "job.failed", "Job failed"
    JOB_CANCELLED = "job.cancelled", "Job cancelled"
    JOB_REPLAYED = "job.replayed", "Job replayed"
    STALE_RESULT_REFUSED = "job.stale_result_refused", "Stale result refused"
    TASK_SUBMITTED = "task.submitted", "Task submitted"
    TASK_STARTED = "task.started", "Task started"
    TASK_RELEASED = "task.released", "Task released, to be tried again"
    TASK_COMPLETED = "task.completed", "Task completed"
    TASK_FAILED = "task.failed", "Task failed"
    TASK_DEAD = "task.dead", "Task moved to the dead letters"
    TASK_REPLAYED = "task.replayed", "Task replayed"
    TASK_STALE_RESULT_REFUSED = "task.stale_result_refused", "Stale result refused"
    REVIEW_CLAIMED = "review.claimed", "Review claimed"
    REVIEW_RELEASED = "review.released", "Claim on a review given up"
    REVIEW_SAVED = "review.saved", "Review saved"
    REVIEW_FLAG_ACKNOWLEDGED = "review.flag_acknowledged", "Safety flag acknowledged"
    REVIEW_FAMILY_APPROVED = "review.family_approved", "Family text approved"
    REVIEW_SECOND_READ_ASKED = "review.second_read_asked", "Second read asked for"
    REVIEW_SECOND_READ = "review.second_read", "Second read given"
    REVIEW_ADJUDICATED = "review.adjudicated", "Decided between two readers"
    REVIEW_SIGN_REFUSED = "review.sign_refused", "Signature refused"
    REVIEW_SIGNED = "review.signed", "Review signed"
    REVIEW_ADDED_TO = "review.added_to", "Addendum signed"
    REVIEW_DELIVERED = "review.delivered", "Signed report released"
    REPORT_READ = "report.read", "Signed report read"
    AGENT_REGISTERED = "agent.registered", "Agent registered or changed"
    AGENT_APPROVED = "agent.approved", "Agent approved"
    AGENT_ENABLED = "agent.enabled", "Agent enabled"
    AGENT_DISABLED = "agent.disabled", "Agent disabled"
    AGENT_CHANGED = "agent.changed", "What an agent is allowed changed"
    AGENT_CALLED = "agent.called", "Agent called"
    AGENT_FAILED = "agent.failed", "Agent did not answer as it should"
    KEY_CREATED = "key.created", "API key created"
    KEY_REVOKED = "key.revoked", "API key revoked"
    CONSENT_GIVEN = "consent.given", "Consent given"
    CONSENT_REVOKED = "consent.revoked", "Consent revoked"


def vocabulary() -> list[tuple[str, str]]:
    """List the actions with their words: a new one needs no migration."""
    return list(Action.choices)
