"""Programs that measure bourne beside hand-written loops. Run them with ``make bench``."""
