"""The product with invented rows, and windows in which people look at it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser

from tests.browser.chromium import Window
from tests.browser.people import PASSWORD, log_in
from tests.servers import ROOT
from tests.system.stack import Stack, free_port

PREPARE = f"""
from django.contrib.auth.models import Group, User
from screening.models import Clinic
from tests.agreement.making import cases_drawn, store
from tests.browser.reviews import prepare
from tests.browser.rows import fill, rest_some
from tests.screening.signing import make_reader
person = User.objects.create_superuser("reviewer", password="{PASSWORD}")
fill(24)
prepare(person)
rest_some()
store(cases_drawn())
operator = make_reader("operator", rights=())
operator.groups.add(Group.objects.get(name="operator"))
for clinic in Clinic.objects.all():
    clinic.members.add(operator)
"""
PREPARE_GUIDE = """
from screening.models import Clinic
from tests.browser.reviews import prepare
from tests.browser.rows import fill
from tests.screening.signing import make_reader
names = {"a.osei": "Ama Osei", "b.lind": "Bo Lind", "reviewer": "Dorothea Weiss"}
for login, name in names.items():
    person = make_reader(login)
    person.first_name, person.last_name = name.split()
    person.save()
fill(24)
for clinic in Clinic.objects.filter(slug__in=["riverside", "northgate"]):
    clinic.members.add(person)
prepare(person)
"""
"""The same desk as one clinician sees it, who is no administrator."""


PEOPLE = """
from django.contrib.auth.models import Group
from screening.models import Clinic
from tests.screening.signing import make_reader
for name in ("osei", "lind"):
    make_reader(name)
make_reader("weiss", rights=()).groups.add(Group.objects.get(name="supervisor"))
north, _ = Clinic.objects.get_or_create(slug="northgate", name="Northgate")
make_reader("stranger", clinic=north)
"""


class Desk:
    """A running product, and the sessions of those who logged in to it."""

    def __init__(self, stack: Stack) -> None:
        self.stack = stack
        self.sessions: dict[str, str] = {}

    def window(
        self, browser: Browser, who: str = "", *, width: int = 1440, dark: bool = False
    ) -> Window:
        """Open a window for somebody who has logged in, or for nobody yet."""
        if who and who not in self.sessions:
            self.sessions[who] = log_in(self.stack.url, who)
        session = self.sessions.get(who, "")
        return Window(browser, self.stack.url, session=session, width=width, dark=dark)


def run_script(stack: Stack, script: str) -> None:
    """Let the product's own shell run a script on its database."""
    subprocess.run(
        [sys.executable, "manage.py", "shell", "-v0", "-c", script],
        cwd=ROOT,
        env=stack.env,
        check=True,
    )


@contextmanager
def filled_desk() -> Iterator[Desk]:
    """Run a product with a row of every kind, and nothing that works on them."""
    with Stack(EDGE_MODEL_URL="http://127.0.0.1:9/") as stack:
        run_script(stack, PREPARE)
        stack.start_api()
        yield Desk(stack)


@contextmanager
def desk_of_guide() -> Iterator[Desk]:
    """Run a product on a good day, for the pictures of the guide."""
    with _at_work(PREPARE_GUIDE) as stack:
        yield Desk(stack)


class Clinic(Desk):
    """A product at work: what is submitted to it is drafted by the reference server."""

    def submit(self, case_id: str, **fields: object) -> str:
        """Submit a case over HTTP and wait for its draft; return the job's id."""
        job_id = self.stack.submit(case_id=case_id, **fields)
        assert self.stack.ended([job_id])[job_id]["status"] == "DONE"
        return job_id

    def review_of(self, job_id: str) -> int:
        """Return the id of a job's review; each database writes a job's id its way."""
        wanted = job_id.replace("-", "")
        rows = self.stack.rows("SELECT id, job_id FROM screening_review")
        [found] = [pk for pk, job in rows if str(job).replace("-", "") == wanted]
        return int(found)

    def page_of(self, job_id: str, step: str = "change") -> str:
        """Return where the review of a job is."""
        return f"/admin/screening/review/{self.review_of(job_id)}/{step}/"


@contextmanager
def working_clinic(**env: str) -> Iterator[Clinic]:
    """Run a product with a worker, a model server, and two clinics' people."""
    with _at_work(PEOPLE, **env) as stack:
        yield Clinic(stack)


@contextmanager
def _at_work(script: str, **env: str) -> Iterator[Stack]:
    port = free_port()
    with Stack(EDGE_MODEL_URL=f"http://127.0.0.1:{port}/", **env) as stack:
        run_script(stack, script)
        stack.start(
            *["manage.py", "modelserver", "--backend", "reference"],
            *["--port", str(port)],
            log="model",
        )
        stack.start_api()
        stack.start_worker()
        stack.wait_for_workers(1)
        yield stack
