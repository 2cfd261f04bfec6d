"""Training: state and checkpoints, the step, the loop, and what a run leaves behind."""
