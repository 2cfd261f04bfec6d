"""From a trained generator to pictures: the graph that `predict` runs and `export` saves."""
