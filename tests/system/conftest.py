"""What the system tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests import servers
from tests.system.stub_model import StubModel


@pytest.fixture
def model() -> Iterator[StubModel]:
    """A model server in this process that answers well until told otherwise."""
    stub = StubModel()
    yield stub
    stub.stop()


collect_ignore = (
    [] if servers.database_kind() == "postgresql" else ["test_postgres_faults.py"]
)
