"""``python -m bourne`` is the command ``bourne``."""

from bourne.cli import main

raise SystemExit(main())
