"""Rights and roles, read at once, are the ones that Django itself would read."""

from __future__ import annotations

import pytest
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import Group, Permission, User
from django.db import connection
from django.test.utils import CaptureQueriesContext

from people.rights import RightsBackend, read
from tests.site.clinics import make_person

pytestmark = pytest.mark.django_db

ROLES = ("reviewer", "supervisor", "operator", "auditor", "admin")


def as_django(person: User) -> set[str]:
    return ModelBackend().get_all_permissions(User.objects.get(pk=person.pk))


def as_here(person: User) -> set[str]:
    return RightsBackend().get_all_permissions(User.objects.get(pk=person.pk))


@pytest.mark.parametrize("role", ROLES)
def test_a_roles_rights_are_djangos(role):
    person = make_person(role)

    assert as_here(person) == as_django(person) != set()
    assert read(person).roles == [role]


def test_ones_own_rights_and_those_of_all_roles_are_there():
    person = make_person("reviewer")
    person.groups.add(Group.objects.get(name="auditor"), Group.objects.create(name="x"))
    person.user_permissions.add(Permission.objects.get(codename="add_user"))

    assert as_here(person) == as_django(person)
    assert "auth.add_user" in as_here(person)
    # One without a right of its own is a role all the same.
    assert read(User.objects.get(pk=person.pk)).roles == ["auditor", "reviewer", "x"]


def test_who_has_nothing_may_do_nothing():
    person = User.objects.create_user("nobody")

    assert as_here(person) == set()
    assert not person.has_perm("auth.view_user")


def test_who_is_disabled_may_do_nothing():
    person = make_person("admin")
    person.is_active = False
    person.save()

    assert as_here(person) == as_django(person) == set()


def test_a_superuser_may_do_everything():
    person = User.objects.create_superuser("root")
    person.groups.add(Group.objects.get(name="auditor"))

    assert as_here(person) == as_django(person)
    assert read(person).roles == ["auditor"]


def test_no_right_is_about_a_single_object():
    person = make_person("admin")

    assert not person.has_perm("auth.view_user", person)


def test_rights_and_roles_are_one_query_for_a_request():
    person = User.objects.get(pk=make_person("supervisor").pk)

    with CaptureQueriesContext(connection) as asked:
        assert person.has_perm("screening.view_review")
        assert not person.has_perm("auth.delete_user")
        assert read(person).roles == ["supervisor"]

    assert len(asked) == 1
