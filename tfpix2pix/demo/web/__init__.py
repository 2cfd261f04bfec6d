"""The page without a server: a static folder, in which the visitor's browser runs the model."""
