"""`ArrayTranslator`s over exported networks: no TensorFlow but where the network needs it.

What is imported only inside of functions imports TensorFlow.
"""

from pathlib import Path

import numpy as np

from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import arrays
from tfpix2pix.data.encoding import encode_image, image_suffix
from tfpix2pix.data.formats import PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.errors import UserError
from tfpix2pix.inference.runtimes import Network


class StoredTranslator:
    """Over what takes and gives stored images, of any size: a SavedModel's own signature.

    TensorFlow, which runs it anyway, decodes and encodes too, so that the files are the run's own.

    Attributes:
        suffix: of the answers' files.
    """

    def __init__(self, network: Network, formats: PairFormat):
        """Makes one.

        Args:
            network: [N, H, W, C] of the inputs' stored type -> [N, H', W', C'] of the targets'.
            formats: of the images.
        """
        self._network = network
        self._formats = formats
        self.suffix = image_suffix(formats.target.channels, formats.target.dtype)

    def read(self, source: Path) -> np.ndarray:
        """A file as [H, W, C] of the inputs' stored type.

        Raises:
            OSError: it cannot be read.
            UserError: it is no image, or not one that the network can take.
        """
        from tfpix2pix.inference.image_files import read_input

        return read_input(source, self._formats.input)

    def translate(self, images: np.ndarray) -> np.ndarray:
        """[N, H, W, C] from `read`, of one size -> [N, H', W', C'] of the targets' stored type."""
        return self._network(images)

    def encode(self, image: np.ndarray) -> bytes:
        """One answer [H, W, C'] as the content of a file."""
        from tfpix2pix.inference.image_files import encode_answer

        return encode_answer(image)


class ExportedTranslator(StoredTranslator):
    """Over a network of one size that sees [-1, 1]: the run's own answers, to a gray level or so.

    Attributes:
        suffix: of the answers' files.
        size: height and width of what the network takes and gives.
    """

    def __init__(
        self,
        network: Network,
        formats: PairFormat,
        size: tuple[int, int],
        input_interpolation: Interpolation = "bicubic",
        *,
        resizes: bool = True,
    ):
        """Makes one.

        Args:
            network: float32 [N, H, W, C] in [-1, 1] -> the same.
            formats: of the images.
            size: height and width of the network.
            input_interpolation: how images of another size are brought to it.
            resizes: whether they are. A network that was trained on crops knows one scale only,
                so images of another size are refused.
        """
        super().__init__(network, formats)
        self.size = size
        self._interpolation: Interpolation = formats.input.resized_by(input_interpolation)
        self._resizes = resizes

    def read(self, source: Path) -> np.ndarray:
        """A file as the network takes it: [H, W, C] of the inputs' stored type.

        Raises:
            OSError: it cannot be read.
            UserError: it is no image, or not one that the network can take.
        """
        image = arrays.as_wanted(read_image(source), self._formats.input)
        height, width = image.shape[:2]
        if (height, width) != self.size and not self._resizes:
            raise UserError(
                f"the image is {height}x{width}, and this network, which was trained on crops, "
                f"takes {self.size[0]}x{self.size[1]} alone: cut it, or predict with the run"
            )
        return arrays.resize(image, self.size, self._interpolation)

    def translate(self, images: np.ndarray) -> np.ndarray:
        """[N, H, W, C] from `read` -> [N, H, W, C'] of the targets' stored type."""
        generated = self._network(arrays.to_network_range(images, self._formats.input))
        return arrays.from_network_range(generated, self._formats.target)

    def encode(self, image: np.ndarray) -> bytes:
        """One answer [H, W, C'] as the content of a file."""
        return encode_image(image)[0]
