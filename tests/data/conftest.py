"""What the tests of this folder share: how to assert a refusal, and settings that suit a busy machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from hypothesis import settings

from unspool.errors import DataError

settings.register_profile("data", deadline=None, database=None, max_examples=60)
settings.load_profile("data")

Refused = Callable[..., AbstractContextManager[None]]


@contextmanager
def _refused(*parts: str, error: type[Exception] = DataError) -> Iterator[None]:
    with pytest.raises(error) as caught:
        yield
    message = str(caught.value)
    assert "\n" not in message
    assert ";" in message, f"no remedy in: {message}"
    for part in parts:
        assert part in message, message


@pytest.fixture(scope="session")
def refused() -> Refused:
    """`with refused("what came", "what to do"):` expects one sentence that holds these parts."""
    return _refused
