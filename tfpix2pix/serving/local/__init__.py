"""A model server on this computer, to try an export with: no server for others."""
