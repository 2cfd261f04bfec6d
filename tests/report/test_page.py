"""Clicks through pages in a browser that may ask nobody for anything."""

import math
import os
import shutil
from urllib.parse import quote

import numpy as np
import pytest

from tests.report.drawn import NASTY, figures_of, make_document, make_run, write_drawn_report
from tfpix2pix.report.writing import writing_report

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
NAMES = ("chromium", "chromium-browser", "google-chrome")
DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """Chromium with a new profile; without one on the path, the one that Playwright fetched."""
    from playwright.sync_api import sync_playwright

    executable = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)
    with sync_playwright() as playwright:
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("profile"), executable_path=executable, args=FLAGS, offline=True
        )
        yield context
        context.close()


@pytest.fixture
def opened(browser):
    """Opens a page; at the end there must have been no error and no request but for the file."""
    complaints = []
    pages = []

    def watch(request):
        if not request.url.startswith(("file://", "data:image/webp")):
            complaints.append(request.url)

    def open_page(folder, viewport=DESKTOP, scheme="light", anchor=""):
        page = browser.new_page()
        pages.append(page)
        page.set_viewport_size(viewport)
        page.emulate_media(color_scheme=scheme)
        page.on("request", watch)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto((folder / "evaluation.html").as_uri() + anchor)
        return page

    yield open_page
    for page in pages:
        page.close()
    assert complaints == []


@pytest.fixture(scope="module")
def one(tmp_path_factory):
    folder = tmp_path_factory.mktemp("one")
    write_drawn_report(folder, 30)
    return folder


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    write_drawn_report(folder, 12, runs=2, names=[f"{i}{NASTY}" for i in range(12)], title=NASTY)
    return folder


@pytest.fixture(scope="module")
def thousand(tmp_path_factory):
    folder = tmp_path_factory.mktemp("thousand")
    write_drawn_report(folder, 1000)
    return folder


def names(page):
    return page.locator(".pair").evaluate_all("rows => rows.map((row) => row.ariaLabel)")


def expected_names(count, metric, reverse):
    order = sorted(range(count), key=lambda i: figures_of(i, count)[metric], reverse=reverse)
    return [f"val/{i:04d}.png" for i in order]


def first(page, selector):
    """Of the first row, which is empty until it comes near the window."""
    row = page.locator(".pair").first
    row.scroll_into_view_if_needed()
    row.locator("h3").wait_for()
    return row.locator(selector)


def clip(page):
    return first(page, ".over").evaluate("over => getComputedStyle(over).clipPath")


def overflow(page):
    return page.evaluate("document.documentElement.scrollWidth - innerWidth")


def test_figures_are_shown_with_their_intervals(one, opened):
    page = opened(one)
    assert page.title() == page.locator("h1").inner_text() == "facades, labels to photo"
    rows = page.locator("#metrics .scroll").first.locator("tbody tr")
    texts = [row.locator("th, td").all_inner_texts() for row in rows.all()]
    psnr = ["PSNR ↑", "13.56 dB\n12.90 to 14.10", "", "14.00 dB"]
    assert [text.strip() for text in texts[1]] == psnr
    assert [text.strip() for text in texts[2]] == [
        "L1 ↓",
        "0.1672\n0.1600 to 0.1800",
        "",
        "\N{EN DASH}",
    ]
    groups = page.locator(".group").all_inner_texts()
    assert "KID ↓" in groups[0]
    assert "± 0.0042" in groups[0]
    assert "Real photos" in groups[1]
    assert page.locator(".notice").inner_text().startswith("Mind: FID and KID of 100 images")


def test_sorting_puts_the_worst_or_the_best_first(one, opened):
    page = opened(one)
    assert names(page) == expected_names(30, "ssim", reverse=False)
    page.get_by_role("button", name="Best first").click()
    assert names(page) == expected_names(30, "ssim", reverse=True)
    assert first(page, ".sorted").inner_text() == f"SSIM {29 / 30:.3f}"
    page.get_by_label("Sort by").select_option("l1")
    assert names(page) == expected_names(30, "l1", reverse=False)
    assert first(page, ".sorted").inner_text() == f"L1 {1 / 30:.4f}"
    page.get_by_role("button", name="Worst first").click()
    assert names(page) == expected_names(30, "l1", reverse=True)
    page.get_by_label("Sort by").select_option("order of the set")
    assert names(page) == [f"val/{i:04d}.png" for i in range(30)]


def test_infinite_figures_are_best_and_missing_ones_last(tmp_path, opened):
    picture = np.zeros((8, 8, 3), np.uint8)
    values = {
        "none": None,
        "a": 10,
        "infinite": math.inf,
        "nan": math.nan,
        "b": -5,
        "also": math.inf,
    }
    with writing_report(tmp_path) as report:
        for name, value in values.items():
            report.add(name, picture, picture, [picture], [{"psnr": value}])
        report.finish(
            make_document(main_metric="psnr", runs=[{"name": "a", "folder": "a", "step": 1}])
        )
    page = opened(tmp_path)
    assert names(page) == ["b", "a", "infinite", "also", "none", "nan"]
    page.get_by_role("button", name="Best first").click()
    assert names(page) == ["infinite", "also", "a", "b", "none", "nan"]
    assert "PSNR ∞ dB" in first(page, ".figures").inner_text()


def test_filter_keeps_names_that_hold_the_text(one, opened):
    page = opened(one)
    page.get_by_role("searchbox", name="Filter").fill("VAL/002")
    assert sorted(names(page)) == [f"val/{i:04d}.png" for i in range(20, 30)]
    assert page.locator("#count").inner_text() == "10 of 30"
    page.get_by_role("searchbox", name="Filter").fill("nothing")
    assert names(page) == []
    page.get_by_role("searchbox", name="Filter").fill("")
    assert len(names(page)) == 30


def test_slider_uncovers_the_target_by_mouse_and_keyboard(one, opened):
    page = opened(one)
    slider = first(page, "input[type=range]")
    slider.scroll_into_view_if_needed()
    assert clip(page) == "inset(0px 0px 0px 100%)"
    slider.press("ArrowLeft")
    assert clip(page) == "inset(0px 0px 0px 99%)"
    slider.press("Home")
    assert clip(page) == "inset(0px 0px 0px 0%)"
    box = slider.bounding_box()
    page.mouse.click(box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.3)
    assert abs(int(slider.input_value()) - 50) <= 2
    assert clip(page) == f"inset(0px 0px 0px {slider.input_value()}%)"
    assert slider.get_attribute("aria-valuetext") == f"{slider.input_value()} % generated"


def test_slider_lays_the_target_over_what_was_generated(one, opened):
    page = opened(one)
    under, over = first(page, ".generated .frame img").all()
    target = first(page, ".tile:last-child img").get_attribute("src")
    assert over.get_attribute("src") == target != under.get_attribute("src")
    alts = first(page, "img[alt]:not([alt=''])").evaluate_all("all => all.map((one) => one.alt)")
    name = names(page)[0]
    assert alts == [f"Input of {name}", f"What generated for {name}", f"Target of {name}"]


def test_difference_is_that_of_the_pictures(tmp_path, opened):
    """Left half equal, right half 64 of 255 apart: the middle of the scale."""
    target = np.full((64, 64, 3), 100, np.uint8)
    answer = target.copy()
    answer[:, 32:] += 64
    with writing_report(tmp_path, quality=100) as report:
        report.add("a", target, target, [answer], [{"ssim": 0.5}])
        report.finish(make_document())
    page = opened(tmp_path)
    first(page, "button").click()
    canvas = first(page, "canvas")
    page.wait_for_function("document.querySelector('canvas').width === 64")
    page.wait_for_timeout(100)
    row = first(page, "canvas").evaluate(
        "canvas => [...canvas.getContext('2d').getImageData(0, 32, 64, 1).data]"
    )
    pixels = np.reshape(row, (64, 4))
    np.testing.assert_allclose(pixels[8], [0, 0, 4, 255], atol=8)
    np.testing.assert_allclose(pixels[56], [188, 55, 84, 255], atol=8)
    assert first(page, "button").get_attribute("aria-pressed") == "true"
    first(page, "button").click()
    assert canvas.is_hidden()
    page.get_by_role("button", name="Differences").click()
    assert first(page, "canvas").is_visible()
    assert page.locator("#scale").is_visible()


def test_two_runs_stand_side_by_side(two, opened):
    page = opened(two)
    header = page.locator("#metrics thead").first.inner_text()
    assert "more-filters \N{MINUS SIGN} baseline" in header
    assert page.locator(".verdict").inner_text().startswith("more-filters is better by SSIM")
    rows = page.locator("#metrics .scroll").first.locator("tbody tr").all_inner_texts()
    assert "+0.031" in rows[0]
    assert "< 0.001" in rows[0]
    # -0.00001 rounds to 0, which has no sign.
    assert rows[2].split("\t")[4].split() == ["0.0000", "\N{MINUS SIGN}0.0100", "to", "0.0100"]
    fcn_score = page.locator(".group", has_text="FCN-score")
    assert "+0.020" in fcn_score.locator("tbody tr").inner_text()
    assert fcn_score.locator("thead th").last.inner_text() == "Verdict"
    assert "Verdict" not in page.locator(".group", has_text="KID").inner_text()
    assert first(page, "figcaption .what").all_inner_texts() == [
        "Input", "baseline", "more-filters", "Target",
    ]  # fmt: skip
    assert first(page, "input[type=range]").count() == 2
    assert page.locator("#curves .a.line").count() == page.locator("#curves .b.line").count() == 5
    differing = page.locator("#settings details[open] tbody th").all_inner_texts()
    assert differing == ["run folder", "model.base_filters", "train.seed"]


def test_two_runs_are_sorted_by_either_and_by_their_difference(two, opened):
    page = opened(two)
    ranks = {"0": lambda i: figures_of(i, 12), "1": lambda i: figures_of(i + 1, 12)}

    def order(key):
        return [f"{i}{NASTY}" for i in sorted(range(12), key=key)]

    for whose, figures in ranks.items():
        page.locator("#whose").select_option(whose)
        assert names(page) == order(lambda i, figures=figures: figures(i)["ssim"])
    page.locator("#whose").select_option("difference")
    assert names(page) == order(lambda i: ranks["1"](i)["ssim"] - ranks["0"](i)["ssim"])


def test_texts_are_texts(two, opened):
    page = opened(two)
    assert page.title() == page.locator("h1").inner_text() == NASTY
    assert page.locator("b, script:not(#document, #thumbnails script)").count() == 1
    page.get_by_text("All settings").click()
    setting = page.locator("details[open] tr", has_text="data.note").locator("td").first
    assert setting.inner_text() == NASTY


def test_an_anchor_leads_to_its_image(one, opened):
    page = opened(one, anchor="#" + quote("image:val/0004.png"))
    linked = page.locator(".pair.linked")
    assert linked.get_attribute("aria-label") == "val/0004.png"
    assert linked.locator("img").count() == 4
    page.wait_for_function("scrollY > 1000")
    assert linked.evaluate("row => Math.abs(row.getBoundingClientRect().top)") < 200
    link = linked.locator("h3 a").get_attribute("href")
    assert link == "#" + quote("image:val/0004.png", safe="")


def test_an_anchor_finds_an_image_that_the_filter_left_out(one, opened):
    page = opened(one)
    page.get_by_role("searchbox", name="Filter").fill("0001")
    page.evaluate("location.hash = encodeURIComponent('image:val/0007.png')")
    page.wait_for_selector(".pair.linked")
    assert page.locator(".pair.linked").get_attribute("aria-label") == "val/0007.png"
    assert len(names(page)) == 30


def test_a_thousand_rows_hold_pictures_only_near_the_window(thousand, opened):
    page = opened(thousand)
    assert page.locator(".pair").count() == 1000
    assert page.locator("#count").inner_text() == "1,000 of 1,000"
    filled = ".pair:not(:empty)"
    assert page.locator(filled).count() < 30
    page.evaluate("scrollTo(0, document.documentElement.scrollHeight)")
    last = page.locator(".pair").last
    last.locator("img").first.wait_for()
    assert (
        last.locator("img").first.evaluate("async one => (await one.decode(), one.naturalWidth)")
        == 64
    )
    page.wait_for_function(f"document.querySelectorAll('{filled}').length < 30")
    assert page.locator(".pair").first.locator("img").count() == 0
    heights = page.locator(".pair").evaluate_all("rows => rows.map((row) => row.offsetHeight)")
    assert max(heights[1:]) - min(heights[1:]) <= 2  # rows do not jump when they are filled


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("runs", ["one", "two"])
def test_a_phone_shows_it_without_scrolling_sideways(runs, scheme, request, opened):
    page = opened(request.getfixturevalue(runs), PHONE, scheme)
    assert overflow(page) == 0
    for summary in page.locator("summary").all():
        summary.click()
    page.locator(".pair").nth(2).scroll_into_view_if_needed()
    assert overflow(page) == 0
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert background == {"light": "rgb(246, 247, 249)", "dark": "rgb(17, 21, 28)"}[scheme]


def test_all_controls_are_reached_by_the_keyboard(one, opened):
    page = opened(one)
    reached = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(page.evaluate("document.activeElement.id || document.activeElement.type"))
    wanted = ["sort-by", "worst-first", "best-first", "filter", "differences", "range", "button"]
    assert [name for name in dict.fromkeys(reached) if name in wanted] == wanted
    page.locator("#best-first").focus()
    page.keyboard.press("Enter")
    assert names(page) == expected_names(30, "ssim", reverse=True)


def test_curves_have_words_and_show_values_under_the_pointer(one, opened):
    page = opened(one)
    panel = page.locator(".curve", has_text="validation SSIM")
    label = panel.locator("svg[role=img]").get_attribute("aria-label")
    value = make_run("a").curves["val_ssim"][-1][1]
    assert label == f"validation SSIM over the steps: val_ssim ends at {value:.4g}"
    panel.locator("svg[role=img]").hover()
    assert panel.locator(".reading").inner_text().startswith("step ")
    assert page.locator(".curve").count() == 4
