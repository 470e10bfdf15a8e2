"""The transforms, a family a file."""
