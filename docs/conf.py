"""Sphinx configuration. Build with ``make docs``; a warning is an error."""

from __future__ import annotations

import tomllib
from pathlib import Path

_ROOT = Path(__file__).resolve().parent.parent
_PROJECT = tomllib.loads((_ROOT / 'pyproject.toml').read_text(encoding='utf-8'))['project']

project = _PROJECT['name']
release = version = _PROJECT['version']
author = copyright = 'The bourne contributors'

extensions = ['myst_parser']
exclude_patterns = ['_build']
source_suffix = {'.md': 'markdown'}

myst_enable_extensions = ['deflist']
myst_heading_anchors = 3

html_theme = 'furo'
html_title = f'{project} {release}'
