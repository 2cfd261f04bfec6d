"""How many examples the fuzz tests try: a few, the same ones each time, or as many as FUZZ says.

`FUZZ=100 pytest tests/fuzz` tries a hundred times as many, drawn anew in every run.
"""

import os

import hypothesis

TIMES = int(os.environ.get("FUZZ", "1"))


def examples(count):
    """hypothesis' settings for `count` examples, FUZZ times as many by hand."""
    return hypothesis.settings(
        max_examples=count * TIMES,
        derandomize=TIMES == 1,
        deadline=None,
        database=None,
        suppress_health_check=list(hypothesis.HealthCheck),
        print_blob=True,
    )


def seeds(count):
    """The numbers that random cases are drawn from."""
    first = 0 if TIMES == 1 else int.from_bytes(os.urandom(4), "big")
    return range(first, first + count * TIMES)
