"""Who is measured: this project, the TensorFlow tutorial's code, the PyTorch reference's code.

The last two are written anew from what is published about them: the same networks, losses,
optimizers and order of updates, and nothing that would slow them down. Each module has functions
that build a task and return what does it once: `train_step`, `generator_forward`, ...
"""
