"""What is changed of people, roles and clinics is told, by ids and names of roles."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client

from audit.models import Audit
from screening.models import Clinic
from screening.services.keys import default_clinic
from tests.people.making import PASSWORD, detail_of, make_person, told

pytestmark = pytest.mark.django_db


@pytest.fixture
def doctor() -> User:
    return make_person(first_name="Zq-Ama", email="zq@example.org")


def page_of(person: User) -> str:
    return f"/admin/auth/user/{person.pk}/change/"


def change(client: Client, person: User, **given: Any) -> Any:
    person.refresh_from_db()
    form = {
        "username": person.username,
        "first_name": person.first_name,
        "email": person.email,
        "is_active": "on",
        "is_staff": "on",
    }
    sent = {name: v for name, v in (form | given).items() if v is not None}
    return client.post(page_of(person), sent)


def boss_with(*rights: str) -> Client:
    boss = make_person("boss")
    boss.user_permissions.set(Permission.objects.filter(codename__in=rights))
    client = Client()
    client.force_login(boss)
    return client


def test_a_new_person_is_told_with_who_made_it(admin_client, admin_user):
    form = {"username": "dr-new", "usable_password": "true"}
    form |= dict.fromkeys(("password1", "password2"), "another-invented-one-2")

    assert admin_client.post("/admin/auth/user/add/", form).status_code == 302

    new = User.objects.get(username="dr-new")
    assert told("person") == [("person.added", f"user:{admin_user.pk}")]
    assert detail_of("person.added") == {"person": new.pk}


def test_what_changed_of_a_person_is_told_by_the_names_of_the_fields(
    admin_client, doctor
):
    change(admin_client, doctor, first_name="Zq-Efua", email="zq-2@example.org")

    assert [action for action, _ in told("person")] == ["person.changed"]
    assert detail_of("person.changed") == {
        "person": doctor.pk,
        "fields": ["email", "first_name"],
    }
    assert "zq" not in str(list(Audit.objects.values())).lower()


def test_nothing_is_told_where_nothing_was_changed(admin_client, doctor):
    change(admin_client, doctor)

    assert told("person") == []


def test_disabled_and_enabled_are_told(admin_client, doctor):
    change(admin_client, doctor, is_active=None)
    change(admin_client, doctor)

    assert [action for action, _ in told("person")] == [
        "person.disabled",
        "person.enabled",
    ]


def test_roles_that_came_and_went_are_told_by_name(admin_client, doctor):
    reviewer, auditor = (Group.objects.create(name=n) for n in ("Reviewer", "Auditor"))
    change(admin_client, doctor, groups=[reviewer.pk])
    change(admin_client, doctor, groups=[auditor.pk])

    assert detail_of("person.role_changed") == {
        "person": doctor.pk,
        "roles_added": ["Auditor"],
        "roles_removed": ["Reviewer"],
    }


def test_a_form_that_is_refused_tells_nothing(admin_client, doctor):
    make_person("taken")

    assert change(admin_client, doctor, username="taken").status_code == 200

    assert told("person") == []


def test_nobody_is_deleted(admin_client, doctor):
    path = f"/admin/auth/user/{doctor.pk}/delete/"
    form = {"action": "delete_selected", "_selected_action": [str(doctor.pk)]}

    assert admin_client.post(path, {"post": "yes"}).status_code == 403
    admin_client.post("/admin/auth/user/", form | {"post": "yes", "index": "0"})

    assert User.objects.filter(pk=doctor.pk).exists()


def test_a_right_to_change_people_raises_nobody_to_administrator(admin_user, doctor):
    client = boss_with("view_user", "change_user")
    boss = User.objects.get(username="boss")
    default_clinic().members.add(boss, doctor, admin_user)
    right = Permission.objects.get(codename="delete_group")

    change(client, doctor, is_superuser="on", user_permissions=[right.pk])
    assert change(client, boss, is_superuser="on").status_code == 403
    assert change(client, admin_user, is_active=None).status_code == 403

    doctor.refresh_from_db()
    boss.refresh_from_db()
    admin_user.refresh_from_db()
    assert (doctor.is_superuser, boss.is_superuser) == (False, False)
    assert not doctor.user_permissions.exists()
    assert admin_user.is_active


def test_a_password_of_an_administrator_is_set_by_administrators_alone(admin_user):
    client = boss_with("view_user", "change_user")
    boss = User.objects.get(username="boss")
    default_clinic().members.add(boss, admin_user)
    form = dict.fromkeys(("password1", "password2"), "another-invented-one-2")

    response = client.post(f"/admin/auth/user/{admin_user.pk}/password/", form)

    assert response.status_code == 403
    assert not User.objects.get(pk=admin_user.pk).check_password(
        "another-invented-one-2"
    )


def test_the_list_says_who_has_a_second_factor(admin_client, doctor):
    page = admin_client.get("/admin/auth/user/").text

    assert "Second factor" in page
    assert "None" in page


def test_the_list_asks_no_question_for_each_person(
    admin_client, django_assert_max_num_queries
):
    admin_client.get("/admin/auth/user/")
    for number in range(12):
        make_person(f"person-{number}")

    with django_assert_max_num_queries(9):
        assert "person-11" in admin_client.get("/admin/auth/user/").text


# --- Roles and clinics ----------------------------------------------------------------


def test_a_role_that_somebody_has_is_not_deleted(admin_client, doctor):
    role = Group.objects.create(name="Auditor")
    doctor.groups.add(role)
    path = f"/admin/auth/group/{role.pk}/delete/"

    assert admin_client.post(path, {"post": "yes"}).status_code == 403
    doctor.groups.clear()
    assert admin_client.post(path, {"post": "yes"}).status_code == 302


def test_who_comes_to_a_clinic_and_who_goes_is_told_each(admin_client, admin_user):
    clinic = Clinic.objects.create(slug="riverside", name="Riverside")
    people = [make_person(f"dr-{number}") for number in range(3)]
    clinic.members.set(people[:2])
    form = {"name": "Riverside", "slug": "riverside"}
    form |= {"members": [str(person.pk) for person in people[1:]]}

    response = admin_client.post(f"/admin/screening/clinic/{clinic.pk}/change/", form)

    assert response.status_code == 302, response.context["adminform"].form.errors
    events = Audit.objects.filter(action__startswith="clinic.").order_by("id")
    assert [(e.action, e.clinic, e.detail) for e in events] == [
        ("clinic.member_added", "riverside", {"person": people[2].pk}),
        ("clinic.member_removed", "riverside", {"person": people[0].pk}),
    ]
    assert {event.actor for event in events} == {f"user:{admin_user.pk}"}
    assert PASSWORD not in str(list(Audit.objects.values()))


def test_the_members_of_a_new_clinic_are_told(admin_client, doctor):
    form = {"name": "North", "slug": "north", "members": [str(doctor.pk)]}

    response = admin_client.post("/admin/screening/clinic/add/", form)

    assert response.status_code == 302, response.context["adminform"].form.errors
    assert detail_of("clinic.member_added") == {"person": doctor.pk}
