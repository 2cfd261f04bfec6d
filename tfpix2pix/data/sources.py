"""Which data sets there are and where, without opening them: no TensorFlow is imported here."""

from pathlib import Path

from tfpix2pix.errors import UserError

PREPARED_SETS = ("drawn_facades",)
SPLITS = ("train", "val", "test")
EXTENSIONS = (".jpg", ".jpeg", ".png", ".bmp")


def absolute_source(data: str) -> str:
    """The same data set, named so that it is found from any working folder."""
    return data if data in PREPARED_SETS else str(Path(data).expanduser().absolute())


def available_splits(data: str) -> list[str]:
    """The splits that a data set has, of train, val and test."""
    if data in PREPARED_SETS:
        return list(SPLITS)
    return [split for split in SPLITS if (Path(data).expanduser() / split).is_dir()]


def check_source(data: str, split: str) -> None:
    """Refuses a data set that is not there, or has no such split.

    Raises:
        UserError: with what was expected.
    """
    if data in PREPARED_SETS:
        return
    root = Path(data).expanduser()
    if not root.exists():
        raise UserError(
            f"data: there is no folder {root}, nor a prepared set of that name "
            f"({', '.join(PREPARED_SETS)})"
        )
    if split not in available_splits(data):
        found = ", ".join(available_splits(data)) or "none of them"
        raise UserError(
            f"{root} has no folder {split}/: expected train/, val/ or test/ with side-by-side "
            f"images; found {found}"
        )


def list_images(folder: Path) -> list[Path]:
    """The image files directly in a folder, sorted by name.

    Raises:
        UserError: there are none.
    """
    files = sorted(
        file
        for file in folder.iterdir()
        if file.suffix.lower() in EXTENSIONS and (file.is_file() or file.is_symlink())
    )
    if not files:
        raise UserError(
            f"{folder} holds no images: expected {', '.join(EXTENSIONS)} files, each with "
            "two images of equal size side by side"
        )
    return files
