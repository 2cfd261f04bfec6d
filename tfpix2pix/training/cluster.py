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
        index: which of them this is.
    """

    workers: tuple[str, ...]
    index: int

    @property
    def is_chief(self) -> bool:
        """Whether this one writes the run folder."""
        return self.index == 0


def joined(strategy: str) -> Cluster | None:
    """The cluster that a run of this setting `strategy` is a part of; None: it trains alone.

    Raises:
        SettingsError: TF_CONFIG is set, and cannot be used.
    """
    return cluster_of() if strategy in ("auto", "multiworker") else None


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
        chiefs = list(addresses.get("chief", ()))
        workers = (*chiefs, *addresses["worker"])
        index = int(task["index"]) + (len(chiefs) if task["type"] == "worker" else 0)
        is_known = task["type"] in ("chief", "worker") and 0 <= index < len(workers)
    except (ValueError, KeyError, TypeError, AttributeError):
        is_known = False
    if not is_known:
        raise SettingsError(
            f'{VARIABLE} cannot be used: expected {{"cluster": {{"worker": ["HOST:PORT", ...]}}, '
            '"task": {"type": "worker", "index": 0}}, the same but for the index in all workers'
        )
    return Cluster(workers, index) if len(workers) > 1 else None
