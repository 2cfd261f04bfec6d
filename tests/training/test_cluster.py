"""TF_CONFIG, as every launcher writes it."""

import json

import pytest
import tensorflow as tf

from tfpix2pix.errors import SettingsError, UserError
from tfpix2pix.files import writing
from tfpix2pix.training import strategies, workers
from tfpix2pix.training.cluster import VARIABLE, Cluster, cluster_of, joined
from tfpix2pix.training.strategies import choose_strategy

PLACES = ["a:1", "b:2"]


def environment(cluster, kind="worker", index=0):
    return {VARIABLE: json.dumps({"cluster": cluster, "task": {"type": kind, "index": index}})}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, None),
        ({VARIABLE: ""}, None),
        (environment({"worker": ["a:1"]}), None),
        (environment({"worker": PLACES}), Cluster(("a:1", "b:2"), 0)),
        (environment({"worker": PLACES}, index=1), Cluster(("a:1", "b:2"), 1)),
        # As Kubeflow writes it: the chief has a type of its own, and comes first.
        (environment({"chief": ["c:0"], "worker": PLACES}, "chief"), Cluster(("c:0", *PLACES), 0)),
        (environment({"chief": ["c:0"], "worker": PLACES}, index=1), Cluster(("c:0", *PLACES), 2)),
        (
            environment({"chief": ["c:0"], "worker": PLACES, "ps": ["d:3"]}, "ps"),
            Cluster(("c:0", *PLACES), 3, ("d:3",)),
        ),
        # An index may be text.
        (environment({"worker": PLACES}, index="1"), Cluster(("a:1", "b:2"), 1)),
    ],
)
def test_the_cluster_is_read(given, expected):
    assert cluster_of(given) == expected
    if expected is not None:
        assert cluster_of(given).is_chief == (expected.index == 0)


@pytest.mark.parametrize(
    "text",
    [
        "no JSON",
        "[]",
        "{}",
        '{"cluster": {"worker": 3}, "task": {"type": "worker", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": 2}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "ps", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "evaluator", "index": 0}}',
        '{"cluster": {"worker": ["a:1", "b:2"]}, "task": {"type": "worker", "index": "x"}}',
    ],
)
def test_what_cannot_be_used_is_refused(text):
    with pytest.raises(SettingsError, match="TF_CONFIG cannot be used: expected"):
        cluster_of({VARIABLE: text})


@pytest.mark.parametrize("cluster", [{"worker": PLACES}, {"chief": ["c:0"], "worker": []}])
def test_parameter_servers_need_a_chief_and_a_worker(cluster):
    with pytest.raises(SettingsError, match="they need one chief and at least one worker"):
        cluster_of(environment(cluster | {"ps": ["d:3"]}, "ps"))


@pytest.mark.parametrize(
    ("strategy", "servers", "message"),
    [
        ("auto", ["d:3"], "names parameter servers .*give --strategy parameter_server"),
        ("multiworker", ["d:3"], "names parameter servers"),
        ("parameter_server", [], "names none"),
    ],
)
def test_a_cluster_of_another_strategy_is_refused(strategy, servers, message, monkeypatch):
    cluster = {"chief": ["c:0"], "worker": PLACES, "ps": servers}
    monkeypatch.setenv(VARIABLE, environment(cluster)[VARIABLE])
    with pytest.raises(SettingsError, match=message):
        joined(strategy)


@pytest.mark.parametrize(
    ("strategy", "joins"), [("auto", True), ("multiworker", True), ("one", False)]
)
def test_a_run_joins_the_cluster_unless_it_says_otherwise(strategy, joins, monkeypatch):
    monkeypatch.setenv(VARIABLE, environment({"worker": PLACES})[VARIABLE])
    assert (joined(strategy) is not None) == joins


def test_several_workers_need_a_cluster(monkeypatch):
    monkeypatch.delenv(VARIABLE, raising=False)
    for name in ("multiworker", "parameter_server"):
        with pytest.raises(SettingsError, match="needs several workers, which TF_CONFIG names"):
            choose_strategy(name, 4)
    assert strategies.agreed(choose_strategy("auto", 4), 15) == 15


def test_a_server_that_is_lost_while_a_checkpoint_is_written_is_named(monkeypatch, tmp_path):
    strategy = choose_strategy("one", 4)
    monkeypatch.setattr(workers, "is_asynchronous", lambda _: True)
    for said, named in (("from remote target /job:ps/replica:0", True), ("disk full", False)):
        with (
            pytest.raises(UserError, match="a parameter server has stopped" if named else said),
            workers.naming_lost_workers(strategy, tmp_path),
            writing(tmp_path, tf.errors.OpError),
        ):
            raise tf.errors.UnavailableError(None, None, said)
