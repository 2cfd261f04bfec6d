"""The answer to one file, as `predict` writes it."""

from tfpix2pix.inference.streaming import StreamingAnswerer


def answered(translator, source):
    """The content of the file that a translator's answer to another goes to."""
    (answer,) = StreamingAnswerer(translator).answers([source])
    assert answer.failure is None
    return answer.content
