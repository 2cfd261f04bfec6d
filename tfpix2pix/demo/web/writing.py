"""Writes the page without a server: a folder for any static host."""

import dataclasses
import hashlib
import html
import json
import string
import tempfile
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from tfpix2pix.demo.parts import drawing_script, template
from tfpix2pix.demo.web import contents, runtime
from tfpix2pix.export.checking import Exported
from tfpix2pix.export.exporting import export_network
from tfpix2pix.files import check_new, folder_written_atomically
from tfpix2pix.places import as_place, local_place
from tfpix2pix.training.kept import find_step
from tfpix2pix.training.run_folder import RunFolder

MODEL = "model.onnx"
SCRIPTS = ("host.js", "network.js", "pixels.js")
# Static hosts take no larger files: the strictest of the common ones has 25 MiB.
MOST_IN_A_FILE = 20 * 2**20


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

    Returns:
        What was written; `path` is that of index.html.

    Raises:
        UserError: the run's images are none that a browser can give and show, or there are no
            examples; see also `export_network` and `runtime_files`.
    """
    run, output = RunFolder(as_place(run_dir)), local_place(output)
    settings, formats = run.settings({} if data is None else {"data": data}).data, run.formats()
    contents.refuse_others(settings, formats)
    check_new(output)
    step = find_step(run.checkpoints, checkpoint)
    with tempfile.TemporaryDirectory(prefix="tfpix2pix-") as place:
        folder, kept = Path(place), run.samples / "inputs"
        found = contents.find_pairs(settings, formats, folder, kept, example_count, data)
        files = runtime.runtime_files(runtime_package)
        exported = export_network(
            run_dir, folder / "network", "onnx", checkpoint=step, quantize=quantize, data=data
        )
        facts = contents.page_facts(title or run.path.resolve().name, settings, formats, *found)
        facts["model"] = contents.model_facts(settings, formats) | contents.runtime_facts(files)
        with folder_written_atomically(output) as page:
            facts["model"] |= _write_model(exported.path.read_bytes(), page)
            facts["examples"] = contents.write_examples(
                found[0], example_count, page, settings, formats
            )
            _write_runtime(files, page)
            _write_page(page, facts)
            size = sum(path.stat().st_size for path in page.rglob("*") if path.is_file())
    return dataclasses.replace(exported, path=output / "index.html", size=size)


def _write_model(model: bytes, page: Path) -> dict[str, Any]:
    """In one file or several; says which, how many bytes, and their digest."""
    starts = range(0, len(model), MOST_IN_A_FILE)
    names = [MODEL] if len(starts) == 1 else [f"{MODEL}.{number}" for number in range(len(starts))]
    for name, start in zip(names, starts, strict=True):
        (page / name).write_bytes(model[start : start + MOST_IN_A_FILE])
    return {"files": names, "size": len(model), "sha256": hashlib.sha256(model).hexdigest()}


def _write_runtime(files: Mapping[str, bytes], page: Path) -> None:
    (page / "runtime").mkdir()
    for name, content in files.items():
        (page / "runtime" / name).write_bytes(content)
    (page / "runtime" / "LICENSE.txt").write_text(_web_template("LICENSE.txt"), encoding="utf-8")


def _write_page(page: Path, facts: Mapping[str, Any]) -> None:
    script = "\n".join([*map(_web_template, SCRIPTS), drawing_script()])
    texts = {
        "page.css": _web_template("web.css") + template("page.css"),
        "page.js": f'(async () => {{\n"use strict";\n{script}\n}})();\n',
        "facts.json": json.dumps(facts, indent=2),
    }
    # Of all that the page is: kept files of an earlier export do not meet this one's.
    version = hashlib.sha256("".join(texts.values()).encode()).hexdigest()[:12]
    texts["index.html"] = string.Template(_web_template("index.html")).substitute(
        title=html.escape(facts["title"]),
        script=runtime.SCRIPT,
        version=version,
        page=_with_progress(),
    )
    for name, text in texts.items():
        (page / name).write_text(text, encoding="utf-8")


def _with_progress() -> str:
    """The page's document, with a bar that says how much of the model has come."""
    status = '<p class="status"'
    loading = (
        '<p class="quiet"><label>Loading the model <span data-id="loading-size"></span> '
        '<progress data-id="loading" value="0"></progress></label></p>'
    )
    return template("page.html").replace(status, f"{loading}\n      {status}")


def _web_template(name: str) -> str:
    return (resources.files("tfpix2pix.demo.web") / "template" / name).read_text("utf-8")
