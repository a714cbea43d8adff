"""What the tests of the pages on agents and model servers share."""

from __future__ import annotations

import html
import re
from typing import Any

from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from routing.circuits import Circuits
from routing.connection import connect
from routing.models import Agent
from screening.models import Clinic

AGENT_LIST = "/admin/routing/agent/"
SERVER_LIST = "/admin/routing/targethealth/"


def person(*rights: str, name: str = "operator", clinic: str = "") -> Client:
    """Log somebody in who has these rights and no others, in this clinic if any."""
    user = User.objects.create_user(name, password="an-invented-one", is_staff=True)
    for right in rights:
        app, codename = right.split(".")
        user.user_permissions.add(
            Permission.objects.get(content_type__app_label=app, codename=codename)
        )
    if clinic:
        Clinic.objects.create(slug=clinic, name=clinic.title()).members.add(user)
    client = Client()
    client.force_login(user)
    return client


def make_agent(agent_id: str = "reader-1", **fields: Any) -> Agent:
    """Store an agent that is ready, but for these fields."""
    approved = {"approved_at": timezone.now(), "approved_by": "user:1"}
    said = {"endpoint": f"https://{agent_id}.example.org", "capabilities": ["screen"]}
    return Agent.objects.create(
        agent_id=agent_id, registered_by="key:1", **(approved | said | fields)
    )


def waiting(agent_id: str = "reader-1", **fields: Any) -> Agent:
    return make_agent(agent_id, approved_at=None, approved_by="", **fields)


def path_of(row: Any, step: str = "change") -> str:
    return reverse(f"admin:routing_{row._meta.model_name}_{step}", args=[row.pk])


def words_of(page: str) -> str:
    """Return what a reader sees of a page, in one line."""
    main = page[page.index('<div id="content"') : page.index("</main>")]
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", main)).split())


def listed(response: Any) -> list[str]:
    return [str(row) for row in response.context["cl"].result_list]


def rows_of(response: Any) -> dict[str, str]:
    """Return what the list says of each row, by the row's name."""
    table = response.text[response.text.index('id="result_list"') :]
    table = table[: table.index("</table>")]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    said = [" ".join(re.sub(r"<[^>]+>", " ", row).split()) for row in rows]
    return dict(zip(listed(response), map(html.unescape, said[1:]), strict=True))


def break_circuit(name: str, *, seconds: float) -> None:
    Circuits(connect()).failed(name, error="MODEL_SERVER_ERROR", retry_after=seconds)
