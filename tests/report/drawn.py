"""Drawn pictures and made-up figures: reports of one or two runs, as an evaluation fills them."""

from pathlib import Path

import numpy as np

from tests.conftest import complement, draw_shapes
from tfpix2pix.report import document as parts
from tfpix2pix.report.writing import writing_report

NASTY = "</script><script>document.title='broken'</script>&\"'<b>$x$"
METRICS = (
    parts.Metric("ssim", "SSIM"),
    parts.Metric("psnr", "PSNR", "dB", digits=2),
    parts.Metric("l1", "L1", higher_is_better=False, digits=4),
)


def curves(seed):
    rng = np.random.default_rng(seed)
    steps = np.arange(50, 8001, 50)
    l1 = 0.2 + 0.25 * np.exp(-steps / 2000) + rng.normal(0, 0.01, len(steps))
    ssim = 0.3 - 0.2 * np.exp(-steps[19::20] / 2500)
    return {
        "l1_loss": list(zip(steps, l1, strict=True)),
        "adversarial_loss": [(s, 2 + rng.normal(0, 0.3)) for s in steps],
        "discriminator_loss": [(s, 0.6 + rng.normal(0, 0.1)) for s in steps],
        "val_ssim": list(zip(steps[19::20], ssim, strict=True)),
        "learning_rate": [(s, 2e-4) for s in steps],
    }


def make_run(name, step=8000, value=0.28, seed=0, **more):
    return parts.Run(
        name=name,
        folder=f"runs/{name}",
        step=step,
        settings={
            "data": {"data": "facades", "crop_size": (256, 256), "note": NASTY},
            "model": {"base_filters": 64 - 32 * seed, "dropout": 0.5},
            "train": {"seed": seed, "steps": step, "jit": None},
        },
        environment={"python": "3.11.2", "packages": {"tensorflow": "2.21.0"}, "devices": ["CPU"]},
        summaries=(
            parts.Summary("ssim", value, value - 0.02, value + 0.02, 100),
            parts.Summary("psnr", 13.0 + 2 * value, 12.9, 14.1, 100),
            parts.Summary("l1", 0.17 - value / 100, 0.16, 0.18, 100),
        ),
        figures=(
            parts.Figure("fid", "FID", 119.1 - 10 * seed, digits=1, higher_is_better=False,
                         group="Distribution", note="FID of fewer than 2,000 images is biased."),
            parts.Figure("kid", "KID", 0.0521, error=0.0042, digits=4, higher_is_better=False,
                         group="Distribution"),
            parts.Figure("fcn_pixel_accuracy", "Per-pixel accuracy", 0.57 + seed / 50,
                         higher_is_better=True, group="FCN-score"),
            parts.Figure("fcn_pixel_accuracy", "Per-pixel accuracy", 0.8, higher_is_better=True,
                         group="FCN-score", pictures=parts.REAL),
            parts.Figure("ssim", "SSIM", 0.13, pictures=parts.MEAN_PICTURE),
            parts.Figure("psnr", "PSNR", 14.0, pictures=parts.MEAN_PICTURE),
        ),
        curves=curves(seed),
        **more,
    )  # fmt: skip


def make_document(count=1, **changed):
    names = ("baseline", "more-filters")[:count]
    comparison = parts.Comparison(
        differences=(
            parts.Difference("ssim", 0.031, 0.012, 0.05, 0.0004, "more-filters is better"),
            parts.Difference("psnr", 0.11, -0.2, 0.4, 0.44, "no more than noise"),
            parts.Difference("l1", -0.00001, -0.01, 0.01, 0.91, "no more than noise"),
            parts.Difference(
                "fcn_pixel_accuracy", 0.02, 0.01, 0.03, 0.002, "more-filters is better"
            ),
        ),
        verdict="more-filters is better by SSIM; by PSNR and L1 the difference may be noise.",
        method="Paired bootstrap over the images, 10,000 draws.",
    )
    form = {
        "title": "facades, labels to photo",
        "version": "0.2.0",
        "created": "2026-01-31T12:00:00+00:00",
        "metrics": METRICS,
        "main_metric": "ssim",
        "runs": [
            make_run(name, value=0.28 + 0.031 * seed, seed=seed) for seed, name in enumerate(names)
        ],
        "comparison": comparison if count == 2 else None,
        "panels": [
            parts.Panel("GAN losses", ["adversarial_loss", "discriminator_loss"]),
            parts.Panel("L1", ["l1_loss"]),
            parts.Panel("validation SSIM", ["val_ssim"]),
        ],
        "facts": {"Data": "facades, split val", "Size": "256x256"},
        "warnings": ["FID and KID of 100 images: under 2,000 they say little."],
    }
    return parts.Document(**(form | changed))


def figures_of(index, count):
    """SSIM goes up and down in steps that are known, L1 the other way round."""
    rank = index * 7 % count
    return {"ssim": rank / count, "psnr": 10 + rank / 10, "l1": (count - rank) / count}


def write_drawn_report(folder: Path, count=12, runs=1, names=None, **changed) -> parts.Document:
    """Writes a report of drawn pictures: what is generated is the target with noise or a shift."""
    rng = np.random.default_rng(0)
    with writing_report(folder) as report:
        for index in range(count):
            shapes = draw_shapes(index % 20)
            target = complement(shapes)
            noise = rng.integers(-30, 30, target.shape)
            answers = [np.clip(target + noise, 0, 255).astype(np.uint8), np.roll(target, 6, 1)]
            figures = [figures_of(index, count), figures_of(index + 1, count)]
            name = names[index] if names else f"val/{index:04d}.png"
            report.add(name, shapes, target, answers[:runs], figures[:runs])
        return report.finish(make_document(runs, **changed))
