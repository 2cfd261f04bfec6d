"""Images for networks and colour spaces that want a certain number of channels."""

import tensorflow as tf

from tfpix2pix.errors import UserError


def with_channels(images: tf.Tensor, wanted: int, who: str) -> tf.Tensor:
    """Images [B, H, W, C] with `wanted` channels; gray is repeated into three.

    Args:
        images: of any values.
        wanted: how many channels.
        who: wants them, for the message.

    Raises:
        UserError: the images have another number of channels.
    """
    found = images.shape[-1]
    if found == wanted:
        return images
    if (found, wanted) == (1, 3):
        return tf.repeat(images, 3, axis=-1)
    kinds = {1: "gray", 3: "RGB or gray"}
    raise UserError(
        f"{who} takes {kinds.get(wanted, f'{wanted} channels')}, and the images have {found} "
        "channels: leave it out for them"
    )
