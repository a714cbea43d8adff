"""The product's settings, with what the tests must have their own of."""

from __future__ import annotations

import os

from tests import servers

os.environ.pop("DATABASE_URL", None)
os.environ["DJANGO_SECRET_KEY"] = "only-for-tests-" + "x" * 50
os.environ["DEBUG"] = "false"
os.environ["REQUIRE_SECOND_FACTOR"] = "false"  # the tests in tests/people turn it on
os.environ["API_KEY"] = "test-api-key-of-24-characters-or-more"
os.environ["REDIS_URL"] = servers.valkey().url
if servers.database_kind() == "postgresql":
    os.environ["DATABASE_URL"] = servers.postgres_url("postgres")

from pediscreen_site.settings import *  # noqa: F403
from pediscreen_site.settings import DATABASES

LOGGING_CONFIG = "logging.config.dictConfig"  # a test runner has hooks of its own
ALLOWED_HOSTS = ["testserver", "localhost", "127.0.0.1"]
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
EDGE_MODEL_URL = "http://127.0.0.1:9/edge"
DATABASES["default"]["TEST"] = {"NAME": servers.fresh_name("test")}
if servers.database_kind() == "postgresql":
    # A pool would outlive the test database.
    DATABASES["default"]["OPTIONS"].pop("pool")
else:
    # Named, or pytest-django takes an engine of our own for one that has files.
    DATABASES["default"]["TEST"] = {"NAME": ":memory:"}
