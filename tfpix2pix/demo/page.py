"""The page in Gradio: its layout, what it is told at first, and its server.

All that can be clicked is one component of our own, made of what lies in `template/`: Gradio's
image editor smooths the edges of strokes, which label maps must not have, and has no fill.
Nothing is fetched from elsewhere, and nothing is reported to anyone.
"""

import base64
import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

# Read as Gradio is imported.
os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"

import gradio as gr
from gradio.themes.utils.fonts import Font

from tfpix2pix.data.formats import RGB
from tfpix2pix.data.reading import SUFFIXES
from tfpix2pix.demo.answering import shown_png
from tfpix2pix.demo.parts import drawing_script, facts_of, swatches_for, template
from tfpix2pix.demo.replies import MOST_SAMPLES, MOST_UPLOADED, Replies
from tfpix2pix.demo.subject import Subject
from tfpix2pix.demo.swatches import Swatches
from tfpix2pix.errors import UserError

THUMBNAIL = 160
# Uploads are deleted after so many seconds.
KEPT = 3600


def make_page(subject: Subject, folder: Path) -> gr.Blocks:
    """The page, to be launched.

    Args:
        subject: what it is about.
        folder: for drawings while they are answered, and for uploads.
    """
    answering = subject.answering
    swatches = swatches_for(subject.examples, answering.formats.input)
    # Read as the page is launched; else uploads would outlive it in a place that users share.
    os.environ["GRADIO_TEMP_DIR"] = str(folder / "uploads")
    replies = Replies(answering, subject.examples, swatches, folder, folder / "uploads")

    def respond(request: dict[str, Any]) -> dict[str, Any]:
        return replies.reply(request)

    with gr.Blocks(title=subject.title, analytics_enabled=False, delete_cache=(KEPT, KEPT)) as page:
        gr.HTML(
            html_template=template("page.html"),
            js_on_load='"use strict";\n' + drawing_script(),
            apply_default_css=False,
            server_functions=[respond],
            config=_facts(subject, swatches),
        )
    return page


@contextlib.contextmanager
def serving(
    page: gr.Blocks, host: str, port: int | None, *, share: bool = False, opens: bool = False
) -> Iterator[tuple[str, str | None]]:
    """Serves the page while the block runs.

    Args:
        page: from `make_page`.
        host: the address to listen at.
        port: or None for a free one.
        share: whether Gradio's servers lend a public address too.
        opens: whether a browser is opened.

    Yields:
        The local address, and the public one or None.

    Raises:
        UserError: it cannot be served there.
    """
    try:
        page.launch(
            prevent_thread_lock=True,
            inline=False,
            inbrowser=opens,
            # Said outright, as all of these may come from variables of the environment too.
            share=share,
            server_name=host,
            server_port=port,
            ssr_mode=False,
            mcp_server=False,
            num_workers=0,
            run_history=False,
            pwa=False,
            quiet=True,
            footer_links=[],
            max_file_size=MOST_UPLOADED,
            theme=_theme(),
            # Not as `css`, which Gradio would confine to what lies within its own margins.
            head=f"<style>{template('page.css')}</style>",
        )
    except (OSError, ValueError) as error:
        raise UserError(f"cannot serve the page at {host}: {error}") from error
    try:
        yield page.local_url, page.share_url
    finally:
        page.close(verbose=False)


def _facts(subject: Subject, swatches: Swatches) -> dict[str, Any]:
    """What the script is told."""
    answering = subject.answering
    facts = facts_of(subject.title, answering.formats, subject.size, swatches, subject.origin)
    return facts | {
        "draws": answering.draws,
        "samples": min(subject.samples, MOST_SAMPLES),
        "mostSamples": MOST_SAMPLES,
        "seed": subject.seed,
        "mostUploaded": MOST_UPLOADED,
        "accept": ",".join(SUFFIXES),
        "examples": _thumbnails(subject),
    }


def _thumbnails(subject: Subject) -> list[dict[str, str]]:
    """The examples' names and small pictures, data URIs."""
    looks = (subject.answering.look(example.file) for example in subject.examples)
    small = (base64.b64encode(shown_png(pixels, RGB, THUMBNAIL)).decode() for pixels in looks)
    return [
        {"name": example.name, "shown": f"data:image/png;base64,{content}"}
        for example, content in zip(subject.examples, small, strict=True)
    ]


def _theme() -> gr.themes.Base:
    """Fonts of the system: Gradio's own ones may be fetched."""
    return gr.themes.Default(
        font=[Font("system-ui"), Font("sans-serif")],
        font_mono=[Font("ui-monospace"), Font("monospace")],
    )
