"""The tests of text use an encoder that needs no weights."""

import pytest
from support.word_vectors import WordVectors


@pytest.fixture
def encoder() -> WordVectors:
    return WordVectors()
