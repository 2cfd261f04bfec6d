"""Sets of runs that differ in named options, trained one after another and laid side by side."""
