"""A batch in equal parts, one after the other: no more than one part's features are held at a time.

What a part leaves in the networks (moving averages, the state of dropout's draws, the directions of
spectral norms) the next one finds.
"""

from collections.abc import Callable, Sequence
from typing import Any

import keras
import tensorflow as tf

from tfpix2pix.data.augment import Draws

Work = Callable[[tf.Tensor, tf.Tensor, Draws], Any]


def sum_over_parts(
    work: Work,
    zeros: Any,
    states: Sequence[keras.Variable],
    images: tuple[tf.Tensor, tf.Tensor],
    draws: Draws,
    parts: int,
) -> tuple[Any, list[tf.Tensor]]:
    """Sums what `work` gives of each part of a batch.

    Args:
        work: of a part's input images, target images and draws: a nest of tensors.
        zeros: where the sums begin: a nest of the same structure, shapes and types.
        states: variables that `work` assigns to; those of the networks.
        images: input and target images, [B, H, W, C] each.
        draws: for the batch; each part gets what its examples would get in the whole.
        parts: how many.

    Returns:
        The sums, and the values that the states have come to, which are not assigned.

    Raises:
        ValueError: B is not a multiple of `parts`.
    """
    batch = images[0].shape[0]
    if batch is not None and batch % parts:
        raise ValueError(f"a batch of {batch} pairs cannot be computed in {parts} equal parts")
    # Several workers' batches do not tell how large they are; reshaping refuses what cannot be cut.
    share = -1 if batch is None else batch // parts
    cut = [tf.reshape(x, [parts, share, *x.shape[1:]]) for x in images]

    def add_part(part: tf.Tensor, sums: Any, values: list[tf.Tensor]) -> tuple[Any, Any, Any]:
        # A loop's body may not assign to what replicas share: that is done after the loop.
        own = list(zip(states, values, strict=True))
        input_image, target_image = (x[part] for x in cut)
        with keras.StatelessScope(own) as scope:
            found = work(input_image, target_image, draws.part(part, parts))
        values = [scope.get_current_value(state) for state in states]
        return part + 1, tf.nest.map_structure(tf.add, sums, found), values

    _, sums, values = tf.while_loop(
        lambda part, *_: part < parts,
        add_part,
        (tf.constant(0), zeros, [tf.identity(state.value) for state in states]),
        parallel_iterations=1,  # else the next part may begin before this one's features are gone
        maximum_iterations=parts,
    )
    return sums, values
