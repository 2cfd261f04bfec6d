"""A browser, and pages in it that may ask nobody but their own server for anything."""

import os
import shutil

import pytest

from tests.report.test_page import DESKTOP, FLAGS, NAMES

TITLE = "a <b>run</b>"


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    from playwright.sync_api import sync_playwright

    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=executable, args=FLAGS
        )
        yield context
        context.close()


@pytest.fixture
def opened(browser):
    """Opens a page; at the end there must have been no error and no request to anyone else."""
    complaints, pages = [], []

    def open_page(url, viewport=DESKTOP, scheme="light"):
        page = browser.new_page()
        pages.append(page)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        page.on(
            "request",
            lambda request: (
                request.url.startswith((url, "data:", "blob:")) or complaints.append(request.url)
            ),
        )
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda message: message.type == "error" and complaints.append(message.text),
        )
        page.goto(url)
        page.locator(".p2p canvas").wait_for()
        page.get_by_role("heading", name=TITLE).wait_for()
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []
