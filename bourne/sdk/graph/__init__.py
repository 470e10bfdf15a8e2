"""The portable graph: what the user said, as plain data that goes to JSON and back."""
