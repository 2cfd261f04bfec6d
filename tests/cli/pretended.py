"""Checkpoints that only look as if they were there, for what is said before any is read."""

from tfpix2pix.training.run_folder import RunFolder


def pretend_checkpoints(run: RunFolder, *steps: int) -> None:
    """Names and index files of checkpoints at these steps, as a run leaves them."""
    run.checkpoints.mkdir(parents=True)
    lines = [f'model_checkpoint_path: "step-{steps[-1]}"']
    lines += [f'all_model_checkpoint_paths: "step-{step}"' for step in steps]
    (run.checkpoints / "checkpoint").write_text("\n".join(lines))
    for step in steps:
        (run.checkpoints / f"step-{step}.index").touch()
