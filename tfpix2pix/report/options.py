"""What an evaluation looks at and measures."""

import dataclasses
from pathlib import Path

from tfpix2pix.config.types import OnBad
from tfpix2pix.report.thumbnails import LONGEST

# What stands for weights that Keras downloads; `models.pretrained` has it too, with TensorFlow.
IMAGENET = "imagenet"


@dataclasses.dataclass(frozen=True)
class EvaluationOptions:
    """See `tfpix2pix evaluate --help`.

    Attributes:
        data: other pairs than the run's own.
        split: of the pairs; by default `val`, or `test` where there is none.
        on_bad: `fail` or `skip` pairs that cannot be used; by default as the run's settings say.
        limit: evaluate the first so many pairs.
        checkpoint: `latest`, `best` or a step.
        seed: of dropout where it is on, of the bootstrap and of KID's subsets.
        judge: for the FCN-score, a run folder of a segmenter, or a .keras model.
        palette: colours of the label maps, for a .keras judge.
        fid: whether FID and KID are measured.
        inception_weights: for them, a file, or `imagenet` to download them.
        features: for them, a .keras model instead of InceptionV3.
        lpips: for LPIPS, files of VGG16's weights and of the linear heads.
        samples: for the diversity, how many answers to each input; 0: it is not measured.
        thumbnail: longest side of the page's pictures, in pixels.
    """

    data: str | None = None
    split: str | None = None
    on_bad: OnBad | None = None
    limit: int | None = None
    checkpoint: str = "latest"
    seed: int = 0
    judge: Path | None = None
    palette: str | None = None
    fid: bool = False
    inception_weights: str = IMAGENET
    features: Path | None = None
    lpips: tuple[Path, Path] | None = None
    samples: int = 0
    thumbnail: int = LONGEST
