"""Writes the page without a server: a folder for any static host."""

import dataclasses
import html
import json
import shutil
import string
import tempfile
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np

from tfpix2pix.config import DataSettings
from tfpix2pix.config.types import Interpolation
from tfpix2pix.data import arrays, operations
from tfpix2pix.data.formats import INTEGER_RANGES, ImageFormat, PairFormat
from tfpix2pix.data.reading import read_image
from tfpix2pix.demo.answering import MOST_SHOWN, shown_png, to_look_at
from tfpix2pix.demo.canvas import EMPTY
from tfpix2pix.demo.examples import find_examples
from tfpix2pix.demo.parts import drawing_script, facts_of, template
from tfpix2pix.demo.replies import MOST_UPLOADED
from tfpix2pix.demo.subject import Example
from tfpix2pix.demo.swatches import swatches_of
from tfpix2pix.demo.web import runtime
from tfpix2pix.errors import UserError
from tfpix2pix.export.checking import Exported
from tfpix2pix.export.exporting import export_network
from tfpix2pix.files import folder_written_atomically
from tfpix2pix.inference.tiling import DEFAULT_MEGAPIXELS, MEGAPIXEL
from tfpix2pix.training.run_folder import RunFolder

MODEL = "model.onnx"
# What browsers open; the pixels that they give have 8 bits.
ACCEPTED = ".png,.jpg,.jpeg,.webp,.bmp"
SCRIPTS = ("host.js", "network.js", "pixels.js")


def export_web(
    run_dir: str | Path,
    output: str | Path,
    *,
    checkpoint: str | int = "latest",
    quantize: str = "float16",
    title: str | None = None,
    example_count: int = 0,
    data: str | None = None,
    runtime_package: Path | None = None,
) -> Exported:
    """Writes a page that runs a run's generator in the visitor's browser, dropout off.

    The folder appears whole or not at all, and needs nothing from elsewhere. Its network is an ONNX
    file, checked as `export_network` does.

    Args:
        run_dir: the run folder.
        output: the folder to be.
        checkpoint: as of `load_generator`.
        quantize: `"float16"`, weights of half the size, or `"float32"`.
        title: of the page; default: the run's name.
        example_count: pairs that are copied into the page, which then are as public as it is.
        data: where the run's data are now, if not where they were.
        runtime_package: of onnxruntime-web, see `runtime_files`.

    Raises:
        UserError: images that a browser cannot give or show; see also `export_network` and
            `runtime_files`.
    """
    run, output = RunFolder(Path(run_dir)), Path(output)
    settings, formats = run.settings({} if data is None else {"data": data}), run.formats()
    _refuse_other_images(formats)
    if output.exists():
        raise UserError(f"{output} is there already: choose another --output")
    files = runtime.runtime_files(runtime_package)
    with folder_written_atomically(output) as page, tempfile.TemporaryDirectory() as folder:
        network = page / "network"
        exported = export_network(
            run_dir, network, "onnx", checkpoint=checkpoint, quantize=quantize, data=data
        )
        # Without the file beside it, which says where the run's data are: a page is public.
        (network / MODEL).rename(page / MODEL)
        shutil.rmtree(network)
        (page / "runtime").mkdir()
        for name, content in files.items():
            (page / "runtime" / name).write_bytes(content)
        examples, origin = find_examples(
            settings.data, formats, Path(folder), run.samples / "inputs", named=data
        )
        facts = _facts(title or run.path.resolve().name, settings.data, formats, examples, origin)
        facts["model"]["bytes"] = exported.size + len(files[runtime.PACKED_BINARY])
        chosen = examples[:example_count]
        facts["examples"] = _written(chosen, page, settings.data, formats) if chosen else []
        _write_page(page, facts)
        size = sum(path.stat().st_size for path in page.rglob("*") if path.is_file())
    return dataclasses.replace(exported, path=output / "index.html", size=size)


def _refuse_other_images(formats: PairFormat) -> None:
    for side, images in (("inputs", formats.input), ("targets", formats.target)):
        is_shown = images.channels in (1, 3) and images.value_range == INTEGER_RANGES["uint8"]
        if not is_shown or images.dtype != "uint8":
            raise UserError(
                f"--format web: the {side} are {images.describe()}, and browsers give and show "
                "gray, RGB and label maps of 8 bits: choose --format onnx, or tfpix2pix demo"
            )


def _facts(
    title: str, data: DataSettings, formats: PairFormat, examples: Sequence[Example], origin: str
) -> dict[str, Any]:
    """What the script is told."""
    source = formats.input
    looks = [
        to_look_at(arrays.as_wanted(read_image(example.file), source), source, MOST_SHOWN)
        for example in examples
    ]
    return facts_of(title, formats, data.crop_size, swatches_of(source, looks), origin) | {
        "draws": False,
        "mostUploaded": MOST_UPLOADED,
        "mostPixels": round(DEFAULT_MEGAPIXELS * MEGAPIXEL),
        "accept": ACCEPTED,
        "empty": EMPTY,
        "model": {
            "file": MODEL,
            "runtime": {"binary": runtime.PACKED_BINARY, "module": runtime.MODULE},
            "input": _plain(source),
            "target": _plain(formats.target),
            "interpolation": source.resized_by(data.input_interpolation),
            "resizes": not data.crops_each_pair,
        },
    }


def _plain(images: ImageFormat) -> dict[str, Any]:
    return {
        "networkChannels": images.network_channels,
        "palette": images.palette,
        "reversedChannels": images.reversed_channels,
    }


def _written(
    examples: Sequence[Example], page: Path, data: DataSettings, formats: PairFormat
) -> list[dict[str, str | None]]:
    """Writes inputs and targets at the network's size, and says where they are."""
    (page / "examples").mkdir()
    told: list[dict[str, str | None]] = []
    for number, example in enumerate(examples, 1):
        stored = arrays.as_wanted(read_image(example.file), formats.input)
        files: dict[str, str | None] = {"source": f"examples/{number}.png", "target": None}
        content = _sized(stored, formats.input, data.input_interpolation, data)
        (page / f"examples/{number}.png").write_bytes(content)
        if example.target is not None:
            files["target"] = f"examples/{number}_target.png"
            content = _sized(example.target, formats.target, data.target_interpolation, data)
            (page / f"examples/{number}_target.png").write_bytes(content)
        told.append(files | {"name": example.name, "shown": files["source"]})
    return told


def _sized(
    pixels: np.ndarray, images: ImageFormat, interpolation: Interpolation, data: DataSettings
) -> bytes:
    """A picture as the network takes it, a PNG; runs on crops see its middle."""
    if data.crops_each_pair:
        sized = operations.crop(pixels, data.crop_size)
    else:
        sized = arrays.resize(pixels, data.crop_size, images.resized_by(interpolation))
    return shown_png(sized, images, max(data.crop_size))


def _write_page(page: Path, facts: dict[str, Any]) -> None:
    document = string.Template(_web_template("index.html")).substitute(
        title=html.escape(facts["title"]), script=runtime.SCRIPT, page=_with_progress()
    )
    script = "\n".join([*map(_web_template, SCRIPTS), drawing_script()])
    style = _web_template("web.css") + template("page.css")
    texts = {
        "index.html": document,
        "page.css": style,
        "page.js": f"(async () => {{\n{script}\n}})();\n",
        "facts.json": json.dumps(facts, indent=2),
        "runtime/LICENSE.txt": _web_template("LICENSE.txt"),
    }
    for name, text in texts.items():
        (page / name).write_text(text, encoding="utf-8")


def _with_progress() -> str:
    """The page's document, with a line that says how much of the model has come."""
    status = '<p class="status"'
    loading = '<p class="quiet" data-id="loading" role="status"></p>'
    return template("page.html").replace(status, f"{loading}\n      {status}")


def _web_template(name: str) -> str:
    return (resources.files("tfpix2pix.demo.web") / "template" / name).read_text("utf-8")
