"""The processes of docker/compose.yaml, as it says, on this machine: a job is DONE.

Commands and environments are the file's. Names of services stand for ports of this
machine, and volumes for folders; PostgreSQL and Redis are the embedded ones.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from redis.exceptions import AuthenticationError, NoPermissionError

from tests.deploy import compose, image
from tests.deploy.machine import RUNNING, Machine
from tests.system.stack import wait_until

pytestmark = [pytest.mark.deploy, pytest.mark.system]


@pytest.fixture(scope="module")
def machine(tmp_path_factory: Any) -> Iterator[Machine]:
    """All services of the file, started in the order that it says."""
    machine = Machine(tmp_path_factory.mktemp("compose"))
    try:
        machine.once("secrets")
        machine.start_postgres()
        machine.start_redis()
        machine.once("migrate")
        for name in RUNNING:
            machine.start_ours(name)
        yield machine
    finally:
        machine.remove()


@pytest.fixture(scope="module")
def session(machine: Machine) -> Iterator[requests.Session]:
    """A client with the key that was made at the first start."""
    with requests.Session() as session:
        session.headers["x-api-key"] = machine.secret("api_key")
        wait_until(
            lambda: _answers(session, f"{_url(machine)}/livez"),
            what=lambda: machine.log("api"),
        )
        yield session


def _url(machine: Machine) -> str:
    return f"http://127.0.0.1:{machine.ports['api']}"


def _answers(session: requests.Session, url: str) -> bool:
    try:
        return session.get(url, timeout=2).ok
    except requests.RequestException:
        return False


def test_a_job_is_done_with_no_further_setting(machine, session):
    body = {"age_months": 20, "observations": "An invented child points at things."}

    sent = session.post(f"{_url(machine)}/api/submit", json=body, timeout=10)
    assert sent.status_code == 200, sent.text
    asked = f"{_url(machine)}/api/status/{sent.json()['job_id']}"
    job = session.get(asked, params={"wait": 30}, timeout=40).json()

    assert job["status"] == "DONE", (job, machine.log("worker"))
    assert job["target"] == "edge"
    assert job["result"]["risk"]


def test_all_of_it_is_ready_and_says_so(machine, session):
    wait_until(
        lambda: (
            session.get(f"{_url(machine)}/readyz", timeout=5).json()["status"] == "ok"
        ),
        what=lambda: machine.log("worker"),
    )

    found = session.get(f"{_url(machine)}/readyz", timeout=5).json()

    assert found["checks"] == {"database": "ok", "redis": "ok", "workers": "ok"}


@pytest.mark.parametrize("name", RUNNING)
def test_the_health_check_of_a_service_finds_it_alive(machine, session, name):
    found = compose.ours()[name]["healthcheck"]["test"]
    kind, python, *words = found
    port = urlsplit(words[-1]).port
    words[-1] = words[-1].replace(f":{port}", f":{machine.ports[name]}")
    command = [image.PYTHON, *words]

    assert (kind, python) == ("CMD", "python")
    wait_until(
        lambda: subprocess.run(command, cwd=machine.app, check=False).returncode == 0,
        what=lambda: machine.log(name),
    )


def test_a_task_goes_through_the_streams(machine, session):
    task = {"case_id": "case-1", "task_type": "indexing"}

    sent = session.post(f"{_url(machine)}/route_task", json=task, timeout=10)

    assert sent.status_code == 202, sent.text
    assert sent.json()["queue"] == "tasks:normal"


def test_what_was_done_is_sealed_and_the_api_alone_can_verify_it(machine, session):
    sealed = machine.folder / "volumes" / "checkpoints" / "checkpoints.txt"
    wait_until(lambda: sealed.exists() and sealed.stat().st_size > 0)

    done = subprocess.run(
        [image.PYTHON, "manage.py", "audit_verify", "--json"],
        cwd=machine.app,
        env=machine.environment("api"),
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stdout + done.stderr


def test_redis_lets_in_nobody_without_the_password_and_us_not_to_everything(machine):
    nobody, us = machine.redis(""), machine.redis(machine.settings()["REDIS_URL"])

    with pytest.raises(NoPermissionError):
        nobody.get("any")
    assert us.info("persistence")["aof_enabled"] == 1
    for forbidden in (us.flushall, us.config_get, us.keys):
        with pytest.raises(NoPermissionError):
            forbidden()
    wrong = machine.settings()["REDIS_URL"].replace("pediscreen:", "pediscreen:x")
    with pytest.raises(AuthenticationError):
        machine.redis(wrong).ping()
    us.close()
    nobody.close()


def test_what_is_secret_is_made_once_and_is_for_us_alone(machine):
    before = machine.settings()
    ours = machine.folder / "volumes"

    machine.once("secrets")

    assert machine.settings() == before
    modes = {
        path.relative_to(ours).as_posix(): oct(path.stat().st_mode & 0o777)
        for path in ours.rglob("*")
        if path.is_file() and path.parent.name != "checkpoints"
    }
    assert modes == {
        "settings/settings.env": "0o600",
        "settings/audit.pub": "0o600",
        "audit/audit.key": "0o600",
        "passwords/postgres": "0o444",
        "passwords/redis.acl": "0o444",
        "passwords/grafana": "0o444",
        "passwords/api_key": "0o444",
    }
    url = urlsplit(before["DATABASE_URL"])
    assert url.password == machine.secret("postgres")
    told = "".join(machine.log(name) for name in machine.started)
    assert not [value for value in before.values() if value in told]
    assert url.password not in told


def test_each_ends_well_when_it_is_told_to(machine, session):
    ended = {name: machine.stop(name) for name in reversed(RUNNING)}

    assert ended == dict.fromkeys(RUNNING, 0), {n: machine.log(n) for n in RUNNING}
