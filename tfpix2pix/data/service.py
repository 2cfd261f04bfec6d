"""Pairs that other processes decode: tf.data's service, in the order of a run that does without.

Each part of a batch is a unit of work with a number. Whichever worker of the service is free makes
the next one, and here they are put in order again; one that does not come, of a worker that died,
is made here. So a run has the same bits with the service, however many workers it has.
"""

import queue
import socket
import threading
from collections.abc import Callable, Iterator
from typing import Any

import tensorflow as tf

from tfpix2pix.data.pairs import ImagePair
from tfpix2pix.errors import SettingsError
from tfpix2pix.progress import say

Make = Callable[[tf.Tensor], ImagePair]

# Parts that wait for one before them; then it is made here.
MOST_WAITING = 64
# Seconds for the service to answer when a run starts, and to send a part.
TO_ANSWER, TO_SEND = 10.0, 60.0
# Of TensorFlow: what runs in this process alone.
_PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}


def check_service(address: str) -> None:
    """Refuses a service that does not answer.

    Args:
        address: HOST:PORT of its dispatcher.

    Raises:
        SettingsError: it does not.
    """
    host, port = address.rsplit(":", 1)
    try:
        socket.create_connection((host, int(port)), TO_ANSWER).close()
    except (OSError, UnicodeError) as error:  # of a name that cannot be one
        reason = getattr(error, "strerror", None) or error
        raise SettingsError(
            f"data_service: nobody answers at {address} ({reason}): start it with "
            "`tfpix2pix data-service`, or leave it out (of a run's config.yaml)"
        ) from error


def check_can_be_sent(fetch: Make) -> None:
    """Refuses pairs that only this process can load.

    Raises:
        SettingsError: they are read in Python.
    """
    graph = tf.function(fetch).get_concrete_function(tf.TensorSpec([], tf.int64)).graph
    definition = graph.as_graph_def()
    nodes = [*definition.node, *(n for f in definition.library.function for n in f.node_def)]
    if any(node.op in _PYTHON_OPERATIONS for node in nodes):
        raise SettingsError(
            "data_service takes folders of PNG, JPEG and BMP, which TensorFlow decodes; prepared "
            "sets, TFDS sets and other formats are read in Python, by the run alone: leave it out"
        )


def served_parts(make: Make, numbers: range, address: str) -> tf.data.Dataset:
    """The parts of these numbers, in their order.

    Args:
        make: from a number, an int64 scalar, to a part: [B, H, W, C] each.
        numbers: of the parts, one after the other.
        address: HOST:PORT of the service's dispatcher.
    """
    here = tf.data.Dataset.range(numbers.start, numbers.stop).map(
        lambda number: (number, *make(number)), num_parallel_calls=tf.data.AUTOTUNE
    )
    served = here.apply(
        tf.data.experimental.service.distribute(
            # Each is made once, by whom it may be.
            processing_mode=tf.data.experimental.service.ShardingPolicy.DYNAMIC,
            service=f"grpc://{address}",
        )
    )
    make_here = tf.function(make)

    def parts() -> Iterator[ImagePair]:
        return in_order(
            _arriving(served),
            numbers,
            lambda number: make_here(tf.constant(number, tf.int64)),
        )

    return tf.data.Dataset.from_generator(parts, output_signature=here.element_spec[1:])


def in_order(
    arriving: Iterator[tuple[int, Any]], numbers: range, make: Callable[[int], Any]
) -> Iterator[Any]:
    """Puts what arrives in order, each once; what does not arrive is made.

    Args:
        arriving: number and part, in any order; it may end too early.
        numbers: those to come.
        make: makes the part of a number.
    """
    waiting: dict[int, Any] = {}
    wanted = iter(numbers)
    next_one = next(wanted, None)
    for number, part in arriving:
        if next_one is not None and number >= next_one:  # else it comes too late
            waiting[number] = part
        while next_one is not None and (next_one in waiting or len(waiting) > MOST_WAITING):
            yield waiting.pop(next_one) if next_one in waiting else make(next_one)
            next_one = next(wanted, None)
        if next_one is None:
            return  # and waits for no more
    while next_one is not None:
        yield waiting.pop(next_one) if next_one in waiting else make(next_one)
        next_one = next(wanted, None)


def _arriving(served: tf.data.Dataset) -> Iterator[tuple[int, ImagePair]]:
    """What the service sends, until it fails or falls silent."""
    # In a thread: TensorFlow would wait for ever for a service that is gone.
    arrived: queue.Queue[Any] = queue.Queue(maxsize=4)
    over = threading.Event()

    def put(item: Any) -> None:
        while not over.is_set():
            try:
                arrived.put(item, timeout=1)
                return
            except queue.Full:
                continue

    def receive() -> None:
        try:
            for number, *part in served:
                put((int(number), tuple(part)))
                if over.is_set():
                    return
            put(None)
        except tf.errors.OpError as error:
            put(error)

    threading.Thread(target=receive, daemon=True).start()
    try:
        while True:
            item = arrived.get(timeout=TO_SEND)
            if item is None:
                return
            if isinstance(item, tf.errors.OpError):
                # A pair that cannot be read fails here as well, in its turn, and is named.
                say("the data service failed: pairs are read by the run itself from now on")
                return
            yield item
    except queue.Empty:
        say(
            f"the data service has sent nothing for {TO_SEND:.0f} seconds: pairs are read by the "
            "run itself from now on"
        )
    finally:
        over.set()
