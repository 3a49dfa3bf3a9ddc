# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: the SpanQueue authors
#
"""Fixtures for pytest: `pytest_plugins = ["spanqueue.pytest_plugin"]` in your conftest.py.

Tests that use them need `spanq-gateway` and `redis-server` in the PATH; `spanqueue.testing.perform` needs neither.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import pytest

from spanqueue.client import Client
from spanqueue.testing import Gateway, private_gateway


@pytest.fixture(scope="session")
def spanq_gateway() -> Iterator[Gateway]:
    """A gateway with a private Redis, one for all tests."""
    with private_gateway() as gateway:
        yield gateway


@pytest.fixture
def spanq_queue() -> str:
    """A queue that no other test uses."""
    return f"test-{uuid.uuid4().hex}"


@pytest.fixture
def spanq_client(spanq_gateway: Gateway) -> Iterator[Client]:
    """A producer."""
    with Client(spanq_gateway.address) as client:
        yield client
