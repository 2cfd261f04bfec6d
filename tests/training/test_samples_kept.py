"""Which sample grids of a long run are kept."""

from tfpix2pix.training.samples import drop_samples, samples_spacing


def test_grids_are_bounded_and_spread_evenly(tmp_path):
    """As a run draws them: never more than wanted, but for those of step 0 and of its end."""
    (tmp_path / "latest.png").touch()
    for step in range(0, 2001, 10):
        (tmp_path / f"step_{step:07d}.png").touch()
        drop_samples(tmp_path, step, samples_spacing(step, every=10, most=6))
        kept = sorted(int(path.stem[5:]) for path in tmp_path.glob("step_*.png"))
        assert kept[0] == 0
        assert kept[-1] == step
        assert len(kept) <= 6 + 2
    assert kept == [*range(0, 1921, 320), 2000]
    assert (tmp_path / "latest.png").exists()


def test_short_runs_keep_every_grid():
    assert {samples_spacing(step, 500, 200) for step in range(0, 100_001, 500)} == {500}
    assert samples_spacing(100_500, 500, 200) == 1000
