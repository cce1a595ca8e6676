"""Orders that come as a file: read by a process of its own, looked at row by row, taken in once, in the background."""
