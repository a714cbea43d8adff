"""Every page of the desk, one line each: for what is held of all of them, and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tests.browser.chromium import Window
from tests.browser.people import PASSWORD
from tests.system.stack import Stack

REVIEW = "/admin/screening/review/"
LIST = "/admin/"
JOB = "/admin/screening/job/"
TASK = "/admin/routing/task/"
AGENT = "/admin/routing/agent/"
WEBHOOK = "/admin/screening/webhookendpoint/"
DELIVERY = "/admin/screening/webhookdelivery/"
TRAIL = "/admin/audit/case/?clinic=northgate&case_id=RC-2042"


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """Where it is, of which row, who looks, and what they do there first."""

    path: str
    row: str = ""
    who: str = "reviewer"
    status: int = 200
    first: Callable[[Window], None] | None = None

    def address(self, stack: Stack) -> str:
        """Put the row's id into the path."""
        if not self.row:
            return self.path
        [found, *_] = stack.rows(f"SELECT id FROM {self.row} ORDER BY id")
        return self.path.format(found[0])


# --- What somebody does on a page before it is looked at ------------------------------


def open_all(window: Window) -> None:
    """Open what is folded."""
    window.page.evaluate(
        "for (const each of document.querySelectorAll("
        "'details.collapse, fieldset details, details.data')) each.open = true;"
    )


def open_menu(window: Window) -> None:
    """Open the person's menu."""
    window.page.click("#user-tools summary")


def open_keys(window: Window) -> None:
    """List what the keys do."""
    window.page.keyboard.press("?")


def _open_more(window: Window) -> None:
    # A click would scroll first, to where the bar happens to lie over something else.
    window.page.locator(".desk-actions summary").dispatch_event("click")


def _begin_factor(window: Window) -> None:
    window.page.get_by_role("button", name="Show the QR code").click()
    window.page.wait_for_load_state()


def _chosen(window: Window) -> None:
    window.page.check("#action-toggle")
    if window.page.locator("select[name=action]").count():
        window.page.select_option("select[name=action]", "replay_chosen")
    window.page.click("#changelist-form button[name=index]")
    window.page.wait_for_load_state()


def _new_secret(window: Window) -> None:
    window.page.check("tr:nth-child(1) input[name=_selected_action]")
    window.page.select_option("select[name=action]", "rotate_selected")
    window.page.click("#changelist-form button[name=index]")
    window.page.wait_for_load_state()


def _refused_agent(window: Window) -> None:
    page = window.page
    page.evaluate("document.querySelector('#agent_form').noValidate = true")
    page.fill("[name=agent_id]", "edge")
    page.fill("[name=endpoint]", "http://169.254.169.254/latest")
    page.fill("[name=location]", "attic")
    page.click("[name=_save]")
    page.wait_for_load_state()


def _who_looked(window: Window) -> None:
    window.page.get_by_role("link", name="Who looked").click()
    window.page.wait_for_load_state()


def _wrong_log_in(window: Window) -> None:
    window.page.fill("[name=username]", "nobody")
    window.page.fill("[name=password]", "not-this-one")
    window.page.click("[type=submit]")
    window.page.wait_for_load_state()


def _sign_stale(window: Window) -> None:
    window.page.evaluate("document.querySelector('[name=version]').value = 1")
    _sign(window, PASSWORD)


def _sign_wrong(window: Window) -> None:
    _sign(window, "not-this-one")


def _sign(window: Window, password: str) -> None:
    window.page.fill("[name=password]", password)
    window.page.click("[name=_sign]")
    window.page.wait_for_load_state()


def _save_stale(window: Window) -> None:
    window.page.evaluate("document.querySelector('[name=version]').value = 1")
    window.page.fill("[name=summary]", "Something that was typed meanwhile.")
    window.page.get_by_role("button", name="Save", exact=True).click()
    window.page.wait_for_load_state()


# --- The pages ------------------------------------------------------------------------

BEGUN = "screening_review WHERE note = 'Ask intake.'"
FLAGGED = "screening_review WHERE CAST(summary AS text) LIKE '%autism%'"
BLIND = "screening_review WHERE second_read_for <> ''"
SIGNED = "screening_review WHERE state = 'SIGNED_OFF'"
UNUSABLE = "screening_review WHERE risk = 'unclassified' AND state = 'REQUIRES_REVIEW'"

PAGES: dict[str, Page] = {
    "login": Page(path="/admin/login/", who=""),
    "login-refused": Page(path="/admin/login/", who="", first=_wrong_log_in),
    "worklist": Page(path=LIST),
    "worklist-mine": Page(path=LIST + "?view=mine"),
    "worklist-signed": Page(path=LIST + "?view=signed"),
    "worklist-searched": Page(path=LIST + "?q=no-such-case"),
    "worklist-filtered": Page(path=LIST + "?view=needs-me&risk=refer"),
    "worklist-menu": Page(path=LIST, first=open_menu),
    "worklist-keys": Page(path=LIST, first=open_keys),
    "worklist-clinician": Page(path=LIST, who="a.osei"),
    "agreement": Page(path="/admin/agreement/", first=open_all),
    "agreement-missed": Page(path="/admin/agreement/missed/?draft=on_track"),
    "all-pages": Page(path="/admin/pages/"),
    "second-factor": Page(path="/admin/second-factor/"),
    "second-factor-begin": Page(path="/admin/second-factor/set-up/"),
    "second-factor-confirm": Page(
        path="/admin/second-factor/set-up/", first=_begin_factor
    ),
    "review": Page(path=REVIEW + "{}/change/", row=BEGUN),
    "review-more": Page(path=REVIEW + "{}/change/", row=BEGUN, first=_open_more),
    "review-flags": Page(path=REVIEW + "{}/change/", row=FLAGGED),
    "review-no-draft": Page(path=REVIEW + "{}/change/", row=UNUSABLE),
    "review-save-stale": Page(path=REVIEW + "{}/change/", row=BEGUN, first=_save_stale),
    "review-sign-off": Page(path=REVIEW + "{}/sign-off/", row=BEGUN),
    "review-sign-wrong": Page(
        path=REVIEW + "{}/sign-off/", row=BEGUN, first=_sign_wrong
    ),
    "review-sign-stale": Page(
        path=REVIEW + "{}/sign-off/", row=BEGUN, first=_sign_stale
    ),
    "review-second-read": Page(path=REVIEW + "{}/second-read/", row=BLIND),
    "review-hand-over": Page(path=REVIEW + "{}/hand-over/", row=BEGUN),
    "review-rescreen": Page(path=REVIEW + "{}/follow-up/?kind=rescreen", row=BEGUN),
    "review-refer": Page(path=REVIEW + "{}/follow-up/?kind=referral", row=BEGUN),
    "review-signed": Page(path=REVIEW + "{}/change/", row=SIGNED),
    "cases": Page(path="/admin/screening/case/"),
    "case": Page(
        path="/admin/screening/case/{}/change/", row="screening_case WHERE id = 3"
    ),
    "case-evidence": Page(
        path="/admin/screening/case/{}/evidence/",
        row="screening_case WHERE id = 3",
    ),
    "jobs": Page(path=JOB),
    "job": Page(
        path=JOB + "{}/change/",
        row="screening_job WHERE risk = 'discuss' AND"
        " CAST(payload AS text) LIKE '%not_yet%'",
    ),
    "job-differs": Page(
        path=JOB + "{}/change/",
        row="screening_job WHERE risk <> model_risk AND model_risk <> 'unclassified'",
    ),
    "job-unusable": Page(
        path=JOB + "{}/change/", row="screening_job WHERE model_risk = 'unclassified'"
    ),
    "job-failed": Page(
        path=JOB + "{}/change/", row="screening_job WHERE status = 'FAILED'"
    ),
    "job-route": Page(
        path=JOB + "{}/change/",
        row="screening_job WHERE status = 'FAILED'",
        first=open_all,
    ),
    "tasks": Page(path=TASK),
    "tasks-dry-run": Page(path=TASK + "?status=dead", first=_chosen),
    "task": Page(path=TASK + "{}/change/", row="routing_task WHERE status = 'DONE'"),
    "task-dead": Page(
        path=TASK + "{}/change/",
        row="routing_task WHERE dead_at IS NOT NULL",
        first=open_all,
    ),
    "work": Page(path="/admin/work/"),
    "work-running": Page(path="/admin/work/?state=running"),
    "work-queued": Page(path="/admin/work/?state=queued"),
    "work-dry-run": Page(path="/admin/work/", first=_chosen),
    "agents": Page(path=AGENT),
    "agent": Page(
        path=AGENT + "{}/change/", row="routing_agent WHERE agent_id = 'checker-1'"
    ),
    "agent-waiting": Page(
        path=AGENT + "{}/change/", row="routing_agent WHERE agent_id = 'embedder-1'"
    ),
    "add-agent": Page(path=AGENT + "add/"),
    "webhooks": Page(path=WEBHOOK),
    "webhook": Page(
        path=WEBHOOK + "{}/change/", row="screening_webhookendpoint WHERE url <> ''"
    ),
    "webhook-add": Page(path=WEBHOOK + "add/"),
    "webhook-secret": Page(path=WEBHOOK, first=_new_secret),
    "webhook-deliveries": Page(path=DELIVERY),
    "webhook-delivery": Page(
        path=DELIVERY + "{}/change/",
        row="screening_webhookdelivery WHERE error_code = 'HTTP_503'",
    ),
    "add-agent-refused": Page(path=AGENT + "add/", first=_refused_agent),
    "servers": Page(path="/admin/routing/targethealth/"),
    "server": Page(
        path="/admin/routing/targethealth/{}/change/",
        row="routing_targethealth WHERE name = 'gpu-reader-1'",
    ),
    "audit": Page(path="/admin/audit/audit/"),
    "audit-event": Page(
        path="/admin/audit/audit/{}/change/", row="audit_audit WHERE id > 8"
    ),
    "audit-case": Page(path=TRAIL),
    "audit-case-looked": Page(path=TRAIL, first=_who_looked),
    "audit-case-find": Page(path="/admin/audit/case/"),
    "audit-person": Page(path="/admin/audit/person/?actor=user:1"),
    "audit-person-looked": Page(path="/admin/audit/person/?actor=user:1&kind=looked"),
    "audit-week": Page(path="/admin/audit/week/"),
    "audit-log": Page(path="/admin/audit/log/"),
    "consents": Page(path="/admin/consent/consent/"),
    "add-consent": Page(path="/admin/consent/consent/add/"),
    "of-screening": Page(path="/admin/screening/"),
    "of-routing": Page(path="/admin/routing/"),
    "of-audit": Page(path="/admin/audit/"),
    "of-consent": Page(path="/admin/consent/"),
    "of-people": Page(path="/admin/auth/"),
    "clinics": Page(path="/admin/screening/clinic/"),
    "add-clinic": Page(path="/admin/screening/clinic/add/"),
    "clinic": Page(path="/admin/screening/clinic/{}/change/", row="screening_clinic"),
    "keys": Page(path="/admin/screening/apikey/"),
    "people": Page(path="/admin/auth/user/"),
    "person": Page(path="/admin/auth/user/{}/change/", row="auth_user"),
    "roles": Page(path="/admin/auth/group/"),
    "add-role": Page(path="/admin/auth/group/add/"),
    "add-person": Page(path="/admin/auth/user/add/"),
    "password": Page(path="/admin/password_change/"),
    "forbidden": Page(path="/admin/auth/user/", who="a.osei", status=403),
    "missing": Page(path="/admin/nowhere/", status=404),
}
"""Name -> page. A new page is one line here."""
