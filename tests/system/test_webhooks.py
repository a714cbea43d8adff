"""Webhooks from real workers to a real receiver: told when it is so, and at last."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.screening.webhooks import Receiver, verified
from tests.system.stack import Stack, running, wait_until
from tests.system.stub_model import SECRET, StubModel

pytestmark = pytest.mark.system
LONG_AGO = "2001-01-01 00:00:00"
SIGNING = """
import django
django.setup()
from screening.models import Review
from tests.screening.signing import sign
sign(Review.objects.select_related("job__case", "job__clinic").get())
"""


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    found = Receiver()
    yield found
    found.stop()


def open_to(receiver: Receiver) -> dict[str, Any]:
    """Let workers tell something that listens on this machine, without TLS."""
    return {
        "AGENT_PLAIN_HTTP": "true",
        "AGENT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "AGENT_ALLOWED_PORTS": f"443,{receiver.port}",
    }


def due_now(stack: Stack) -> None:
    stack.write(
        f"UPDATE screening_webhookdelivery SET not_before = '{LONG_AGO}' "
        "WHERE status = 'PENDING'"
    )


def deliveries(stack: Stack) -> list[tuple[Any, ...]]:
    return stack.rows(
        "SELECT event, status, answered FROM screening_webhookdelivery "
        "ORDER BY created_at"
    )


def test_a_draft_is_told_under_one_id_until_the_receiver_takes_it(model, receiver):
    receiver.answers = [(503, {}), (500, {})]
    with running(model.url, **open_to(receiver)) as stack:
        secret = stack.command("create_webhook", receiver.url)
        job_id = stack.submit(case_id="case-1", observations=SECRET)

        for number in (1, 2):
            wait_until(lambda n=number: len(receiver.came) == n, what="a try")
            wait_until(lambda: deliveries(stack)[0][1] == "PENDING", what="stored")
            due_now(stack)
        wait_until(lambda: deliveries(stack)[0][1] == "DONE", what="delivered")

        assert stack.job(job_id)["status"] == "DONE"
        assert len(receiver.came) == 3
        assert len(set(receiver.ids)) == 1
        for _, headers, body in receiver.came:
            assert verified(secret, headers, body)
        assert receiver.bodies[2]["data"] == {
            "job_id": job_id,
            "case_id": "case-1",
            "status": "DONE",
            "review_state": "REQUIRES_REVIEW",
        }
        assert all(SECRET.encode() not in body for _, _, body in receiver.came)
        assert receiver.url not in stack.log("worker")
        stack.check_invariants([job_id])


def test_what_a_killed_worker_was_telling_is_told_again_under_its_id(model, receiver):
    receiver.hold.clear()
    with running(model.url, **open_to(receiver)) as stack:
        stack.command("create_webhook", receiver.url)
        stack.submit(case_id="case-1")
        wait_until(lambda: receiver.came, what="the first try")

        os.kill(stack.processes[-1].pid, signal.SIGKILL)
        stack.processes[-1].wait()
        receiver.hold.set()
        stack.write(
            f"UPDATE screening_webhookdelivery SET lease_until = '{LONG_AGO}' "
            "WHERE status = 'RUNNING'"
        )
        stack.start_worker()

        wait_until(lambda: deliveries(stack)[0][1] == "DONE", what="delivered")
        assert deliveries(stack) == [("job.completed", "DONE", 204)]
        assert len(receiver.came) >= 2
        assert len(set(receiver.ids)) == 1
        assert receiver.came[0][2] == receiver.came[-1][2]


def test_a_receiver_that_hangs_keeps_no_job_waiting(model, receiver):
    receiver.hold.clear()
    with running(model.url, **open_to(receiver)) as stack:
        stack.command("create_webhook", receiver.url)
        job_ids = [stack.submit(case_id=f"case-{n}") for n in range(40)]

        begun = time.monotonic()
        jobs = stack.ended(job_ids, seconds=20)

        assert {job["status"] for job in jobs.values()} == {"DONE"}
        assert time.monotonic() - begun < 20
        assert len(deliveries(stack)) == 40
        assert {status for _, status, _ in deliveries(stack)} <= {"PENDING", "RUNNING"}


def test_a_job_that_failed_by_the_loss_of_its_worker_is_told(model, receiver):
    model.latency = 30.0
    env = {"JOB_MAX_CRASHES": 1, "ROUTING_TIMEOUT_SECONDS": 40}
    with running(model.url, **open_to(receiver), **env) as stack:
        stack.command("create_webhook", receiver.url)
        job_id = stack.submit(case_id="poison")
        wait_until(lambda: model.calls["poison"] == 1, what="called")

        os.kill(stack.processes[-1].pid, signal.SIGKILL)
        stack.processes[-1].wait()
        stack.start_worker()

        wait_until(lambda: receiver.came, what="told")
        assert receiver.bodies[0]["type"] == "job.failed"
        assert receiver.bodies[0]["data"] == {
            "job_id": job_id,
            "case_id": "poison",
            "status": "FAILED",
            "review_state": None,
        }


def test_a_case_is_told_as_signed_after_it_was_and_not_before(model, receiver):
    with running(model.url, **open_to(receiver)) as stack:
        stack.command("create_webhook", receiver.url)
        job_id = stack.submit(case_id="case-1", age_months=24)
        wait_until(lambda: receiver.came, what="the draft told")
        time.sleep(1.5)
        assert [body["type"] for body in receiver.bodies] == ["job.completed"]

        subprocess.run(
            [stack.python, "-c", SIGNING], cwd=stack.root, env=stack.env, check=True
        )

        wait_until(lambda: len(receiver.came) == 2, what="the signature told")
        told = receiver.bodies[1]
        assert told["type"] == "case.signed_off"
        assert (told["data"]["job_id"], told["data"]["review_state"]) == (
            job_id,
            "SIGNED_OFF",
        )


def test_an_address_of_ours_and_a_redirect_to_it_are_no_way_in(model, receiver):
    inside = Receiver()
    try:
        env = open_to(receiver)
        with running(model.url, **env) as stack:
            stack.command("create_webhook", receiver.url)
            # What somebody could only have stored past the product.
            stack.write(
                "UPDATE screening_webhookendpoint SET url = "
                "'http://169.254.169.254/latest/meta-data/'"
            )
            stack.submit(case_id="case-1")
            wait_until(
                lambda: stack.rows(
                    "SELECT 1 FROM screening_webhookdelivery "
                    "WHERE error_code = 'ADDRESS_NOT_ALLOWED'"
                ),
                what="refused",
            )
            receiver.answers = [(302, {"Location": inside.url})]
            stack.write(f"UPDATE screening_webhookendpoint SET url = '{receiver.url}'")
            due_now(stack)

            wait_until(
                lambda: stack.rows(
                    "SELECT 1 FROM screening_webhookdelivery "
                    "WHERE error_code = 'REDIRECTED'"
                ),
                what="redirected",
            )
            assert len(receiver.came) == 1
            assert inside.came == []
    finally:
        inside.stop()


def test_a_callback_is_told_over_tls_that_the_worker_verifies(
    model: StubModel, tmp_path: Path
):
    trusted, other = (certificate(tmp_path / name) for name in ("trusted", "other"))
    good, bad = Receiver(certificate=trusted), Receiver(certificate=other)
    env = {
        "AGENT_ALLOWED_NETWORKS": "127.0.0.0/8",
        "AGENT_ALLOWED_PORTS": f"443,{good.port},{bad.port}",
        "SSL_CERT_FILE": trusted,
    }
    try:
        with running(model.url, **env) as stack:
            secret = stack.command("create_webhook")
            job_id = stack.submit(case_id="good", callback_url=f"{good.url}?for=ours")
            stack.submit(case_id="bad", callback_url=bad.url)

            wait_until(lambda: good.came, what="told")
            wait_until(
                lambda: stack.rows(
                    "SELECT 1 FROM screening_webhookdelivery "
                    "WHERE error_code = 'TLS_FAILED'"
                ),
                what="not trusted",
            )
            [(path, headers, body)] = good.came
            assert path == "/hook?for=ours"
            assert verified(secret, headers, body)
            assert good.bodies[0]["data"]["job_id"] == job_id
            assert bad.came == []
    finally:
        good.stop()
        bad.stop()


def certificate(path: Path) -> str:
    """Make a certificate for 127.0.0.1, with its key in the same file."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    address = x509.IPAddress(ip_address("127.0.0.1"))
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([address]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    secret = key.private_bytes(
        pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(pem))
    return str(path)
