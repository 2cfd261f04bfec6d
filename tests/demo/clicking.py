"""What tests do in a page to draw in, and what `predict` makes of the same."""

import base64
import io
import re
import threading

import numpy as np
from PIL import Image
from playwright.sync_api import expect

from tests.demo.tiny_runs import SIZE
from tfpix2pix.cli import main as cli


def pick(page, name):
    """A tool or a colour, whose radio button lies under its name."""
    page.get_by_role("radio", name=name, exact=True).check()


def drag(page, *corners):
    """Presses at the first corner, given in the drawing's pixels, and lets go at the last."""
    place = page.locator("canvas").bounding_box()
    (x, y), *others = (
        (
            place["x"] + (x + 0.5) * place["width"] / SIZE,
            place["y"] + (y + 0.5) * place["height"] / SIZE,
        )
        for x, y in corners
    )
    page.mouse.move(x, y)
    page.mouse.down()
    for x, y in others:
        page.mouse.move(x, y, steps=3)
    page.mouse.up()


def rectangle(page, colour, one, other):
    pick(page, "Rectangle")
    pick(page, colour)
    drag(page, one, other)


def at_once(page, on):
    page.get_by_label("as I draw").set_checked(on)


def pixels(page):
    """The drawing, [H, W, 3]."""
    uri = page.locator("canvas").evaluate("canvas => canvas.toDataURL('image/png')")
    return decoded(uri)


def decoded(uri):
    content = base64.b64decode(uri.split(",")[1])
    return np.asarray(Image.open(io.BytesIO(content)).convert("RGB"))


def settled(page):
    """Waits for the answer that is asked for."""
    page.locator(".pictures[aria-busy]").wait_for(state="detached")
    expect(page.locator("[data-id=status]")).not_to_have_text(
        re.compile("\N{HORIZONTAL ELLIPSIS}$")
    )


def another(page, source):
    """Waits for a picture that is not the one of this source."""
    expect(page.locator("figure img").first).not_to_have_attribute("src", source)


def translated(page):
    """The pictures, once they are there."""
    page.get_by_role("button", name="Translate").click()
    settled(page)
    alert = page.get_by_role("alert")
    assert alert.is_hidden(), alert.inner_text()
    return [decoded(image.get_attribute("src")) for image in page.locator("figure img").all()]


def predicted(run_dir, content, folder, *flags):
    (folder / "drawing.png").write_bytes(content)
    output = folder / "predicted"
    command = ["predict", str(run_dir), str(folder / "drawing.png"), "--output", str(output)]
    # In another thread: Playwright's own event loop runs in this one.
    status = []
    thread = threading.Thread(target=lambda: status.append(cli.main([*command, *flags])))
    thread.start()
    thread.join()
    assert status == [0]
    return {path.stem: np.asarray(Image.open(path)) for path in output.glob("*.png")}


def apart(one, other):
    return np.abs(one.astype(int) - other.astype(int)).max()
