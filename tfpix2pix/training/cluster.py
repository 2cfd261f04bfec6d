"""Which worker of how many this process is, as TF_CONFIG says. No TensorFlow here."""

import dataclasses
import json
import os
from collections.abc import Mapping

from tfpix2pix.errors import SettingsError

VARIABLE = "TF_CONFIG"


@dataclasses.dataclass(frozen=True)
class Cluster:
    """The workers of a run, of which this process is one.

    Attributes:
        workers: their addresses, HOST:PORT, the chief's first.
        index: this process's place among the workers and, after them, the servers.
        servers: the addresses of parameter servers.
    """

    workers: tuple[str, ...]
    index: int
    servers: tuple[str, ...] = ()

    @property
    def is_chief(self) -> bool:
        """Whether this one writes the run folder."""
        return self.index == 0


def joined(strategy: str) -> Cluster | None:
    """The cluster that a run of this setting `strategy` is a part of; None: it trains alone.

    Raises:
        SettingsError: TF_CONFIG is set, and cannot be used, or is for another strategy.
    """
    if strategy not in ("auto", "multiworker", "parameter_server"):
        return None
    cluster = cluster_of()
    if cluster is not None and bool(cluster.servers) != (strategy == "parameter_server"):
        raise SettingsError(
            f"strategy {strategy}, and {VARIABLE} names parameter servers (ps): give "
            "--strategy parameter_server"
            if cluster.servers
            else f"strategy {strategy}, and {VARIABLE} names none (ps): give another --strategy"
        )
    return cluster


def cluster_of(environment: Mapping[str, str] = os.environ) -> Cluster | None:
    """The cluster that TF_CONFIG describes; None where it is not set, or names but one worker.

    Raises:
        SettingsError: it is set, and cannot be used.
    """
    text = environment.get(VARIABLE, "")
    if not text:
        return None
    try:
        plain = json.loads(text)
        addresses, task = plain["cluster"], plain["task"]
        chiefs, servers = (tuple(addresses.get(kind, ())) for kind in ("chief", "ps"))
        workers = (*chiefs, *addresses["worker"])
        before = {"chief": 0, "worker": len(chiefs), "ps": len(workers)}
        sizes = {"chief": len(chiefs), "worker": len(addresses["worker"]), "ps": len(servers)}
        is_known = 0 <= int(task["index"]) < sizes[task["type"]]
        index = before[task["type"]] + int(task["index"])
    except (ValueError, KeyError, TypeError, AttributeError):
        is_known = False
    if not is_known:
        raise SettingsError(
            f'{VARIABLE} cannot be used: expected {{"cluster": {{"worker": ["HOST:PORT", ...]}}, '
            '"task": {"type": "worker", "index": 0}}, the same but for the index in all workers'
        )
    if servers and (len(chiefs) != 1 or len(workers) < 2):
        raise SettingsError(
            f"{VARIABLE} names parameter servers (ps): they need one chief and at least one worker"
        )
    return Cluster(workers, index, servers) if len(workers) > 1 else None
