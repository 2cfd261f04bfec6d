"""The commands. Arguments are parsed and checked before anything slow is imported."""
