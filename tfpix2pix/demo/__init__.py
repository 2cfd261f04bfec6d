"""A page to draw in: what is drawn, uploaded or chosen in a browser is translated at once.

`page` needs Gradio, the extra `[demo]`; the rest does not.
"""
