"""Servers that are started for a test, and ended."""

import contextlib

import pytest
from servers import Grpc, Rest

DOUBLES = {"rest": Rest, "grpc": Grpc}


@contextlib.contextmanager
def running(double):
    double.start()
    try:
        yield double
    finally:
        double.released.set()
        double.stop()


@pytest.fixture(params=DOUBLES)
def server(request):
    """By each protocol."""
    with running(DOUBLES[request.param]()) as double:
        yield double


@pytest.fixture
def rest():
    with running(Rest()) as double:
        yield double
