"""The run folder, which describes itself.

config.yaml        all settings, resolved
environment.json   versions, devices, code revision
data.json          what its images are, how many pairs it trains on, and their fingerprint
pairs.png          some of the pairs, to look at
metrics.csv        losses, the balance of the networks, and validation figures
losses.png         the same as curves
samples/           grids of input | generated | target; inputs/ holds the inputs alone
checkpoints/       the last few, each complete; best/ holds the weights of the best validation
tensorboard/       if TensorBoard is installed
"""

import contextlib
import dataclasses
import itertools
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfpix2pix.config import Settings, dump_settings, resolve
from tfpix2pix.data.formats import RGB_PAIRS, PairFormat
from tfpix2pix.errors import UserError
from tfpix2pix.files import check_writable, locked, reading, write_atomically, writing
from tfpix2pix.training.environment import environment

if TYPE_CHECKING:
    from tfpix2pix.data.pairs import Pairs

# What is raised for a record that is no JSON, or holds other things than it should.
UNREADABLE = (OSError, ValueError, TypeError, LookupError, AttributeError, RecursionError)


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The places in a run folder."""

    path: Path

    @property
    def config(self) -> Path:
        """All settings."""
        return self.path / "config.yaml"

    @property
    def environment(self) -> Path:
        """What the run computes with."""
        return self.path / "environment.json"

    @property
    def data(self) -> Path:
        """What the run trains on."""
        return self.path / "data.json"

    @property
    def pairs_sheet(self) -> Path:
        """Some of the pairs, to look at."""
        return self.path / "pairs.png"

    @property
    def metrics(self) -> Path:
        """Losses and validation figures."""
        return self.path / "metrics.csv"

    @property
    def losses_plot(self) -> Path:
        """The curves of `metrics`."""
        return self.path / "losses.png"

    @property
    def samples(self) -> Path:
        """Sample grids."""
        return self.path / "samples"

    @property
    def checkpoints(self) -> Path:
        """Checkpoints."""
        return self.path / "checkpoints"

    @property
    def tensorboard(self) -> Path:
        """TensorBoard's event files."""
        return self.path / "tensorboard"

    def exists(self) -> bool:
        """Whether a run was started here.

        Raises:
            UserError: it cannot be told.
        """
        with reading(self.path):
            return self.config.exists()

    def settings(self, changes: Mapping[str, Any] | None = None) -> Settings:
        """The settings of the run here.

        Args:
            changes: settings by name, laid over them.

        Raises:
            UserError: there is no run here.
            SettingsError: the changes cannot be used.
        """
        if not self.exists():
            raise UserError(
                f"{self.path} is not a run folder: it holds no config.yaml. "
                "A run folder is what tfpix2pix-train makes"
            )
        return resolve(file=self.config, flags=changes)

    def awaits_pairs(self) -> bool:
        """Whether the weights here were imported, and no pairs are known that they train on.

        Raises:
            UserError: the record of the data is damaged.
        """
        return self.data.exists() and self._read_data()["train_pairs"] is None

    def check_free(self) -> None:
        """Makes the folder, and refuses one that holds a run already.

        Raises:
            UserError: it does, or it cannot be written.
        """
        if self.exists():
            raise UserError(
                f"{self.path} already holds a run: continue it with "
                f"`tfpix2pix-train --run-dir {self.path} --resume`, or choose another --run-dir"
            )
        remains = [path for path in (self.metrics, self.checkpoints) if path.exists()]
        if remains:
            raise UserError(
                f"{remains[0]} is left of another run: move it away, or choose another --run-dir"
            )
        # Found out now, not after the data were prepared.
        check_writable(self.path)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keeps other processes from running here; the system unlocks it when this one dies.

        Not where the folder is an address: there nothing keeps them.

        Raises:
            UserError: another one does.
        """
        in_use = (
            f"{self.path} is in use by another process: wait for it, or choose another --run-dir"
        )
        with locked(self.path / ".lock", in_use):
            yield

    def describe(self, settings: Settings, pairs: "Pairs") -> None:
        """Writes down what runs here and on what.

        Raises:
            UserError: the folder cannot be written.
        """
        if not self.exists():
            text = json.dumps(environment(), indent=2) + "\n"
            write_atomically(self.environment, text)
        if not self.exists() or not self.data.exists() or self.awaits_pairs():
            write_atomically(self.data, json.dumps(_facts(pairs), indent=2) + "\n")
        # Last, since its presence says that a run was started.
        write_atomically(self.config, dump_settings(settings))

    def formats(self) -> PairFormat:
        """What the run's images are.

        Raises:
            UserError: the record of them is missing or damaged.
        """
        return PairFormat.from_plain(self._read_data()["format"])

    def trained_on(self) -> dict[str, Any]:
        """How many pairs it trains on and their fingerprint, None of imported weights.

        Raises:
            UserError: the record of the data is damaged.
        """
        return {name: self._read_data()[name] for name in ("train_pairs", "fingerprint")}

    def _read_data(self) -> dict[str, Any]:
        try:
            data = {"format": RGB_PAIRS.to_plain()} | json.loads(self.data.read_text())
            PairFormat.from_plain(data["format"])
            _ = data["train_pairs"], data["fingerprint"]
        except UNREADABLE as error:
            raise UserError(
                f"{self.data} is missing or damaged, and with it what the images of this run are: "
                "put it back from a copy, or start a new run"
            ) from error
        return data

    def check_same_data(self, pairs: "Pairs") -> None:
        """Compares the training pairs with those that the run here began with, if there is one.

        Raises:
            UserError: they have changed, or the record of them is damaged.
        """
        if not self.exists() or not self.data.exists():
            return
        then, now = self._read_data(), _facts(pairs)
        if then["train_pairs"] is None:
            _check_channels(self.formats(), pairs)
            return
        if then["format"] != now["format"]:
            raise UserError(
                f"the images in {pairs.origin} are not what they were when this run began: "
                f"{_describe(self.formats())} then, {_describe(pairs.format)} now. Put them back, "
                "or start a new run"
            )
        if then != now:
            raise UserError(
                f"the training pairs in {pairs.origin} have changed since this run began: "
                f"{then['train_pairs']} pairs then, {now['train_pairs']} now, or other names. "
                "Put them back, or start a new run"
            )


def _facts(pairs: "Pairs") -> dict[str, Any]:
    """What data.json holds."""
    facts = {
        "train_pairs": len(pairs),
        "fingerprint": pairs.fingerprint(),
        "format": pairs.format.to_plain(),
    }
    return json.loads(json.dumps(facts))  # as it will be read back: JSON knows no tuples


def _check_channels(formats: PairFormat, pairs: "Pairs") -> None:
    """Imported networks take images of so many channels, of whatever type."""
    wanted, found = (
        (pair.input.network_channels, pair.target.network_channels)
        for pair in (formats, pairs.format)
    )
    if wanted != found:
        raise UserError(
            f"the images in {pairs.origin} are {_describe(pairs.format)}, which networks see as "
            f"{found[0]} to {found[1]} channels; the imported weights are for {wanted[0]} to "
            f"{wanted[1]}: give other data, or --input-channels and --output-channels"
        )
    if pairs.format.target.palette is not None:
        raise UserError(
            "target_encoding labels: the imported generator answers with images, not with classes; "
            "leave it out"
        )


def _describe(formats: PairFormat) -> str:
    return f"{formats.input.describe()} to {formats.target.describe()}"


def claim_run_folder(parent: Path, name: str) -> RunFolder:
    """Makes the first of parent/name-1, parent/name-2, ... that is not there yet.

    Two processes never get the same one.

    Raises:
        UserError: `parent` cannot be written.
    """
    with writing(parent):
        parent.mkdir(parents=True, exist_ok=True)
        for number in itertools.count(1):
            folder = parent / f"{name}-{number}"
            with contextlib.suppress(FileExistsError):
                folder.mkdir()
                return RunFolder(folder)
    raise AssertionError("unreachable")
