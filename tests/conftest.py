"""What the whole suite shares: hypothesis profiles, and golden files."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import hypothesis
import pytest

# A slow machine must not fail a law, and what fails here must fail on the next machine: the seed is fixed.
# HYPOTHESIS_PROFILE=explore looks for new cases instead.
hypothesis.settings.register_profile(
    'default', deadline=None, derandomize=True, database=None, print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.register_profile(
    'explore', parent=hypothesis.settings.get_profile('default'), derandomize=False, max_examples=2_000,
)
hypothesis.settings.load_profile(os.environ.get('HYPOTHESIS_PROFILE', 'default'))


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the flag that rewrites golden files."""
    parser.addoption(
        '--update-golden', action='store_true', default=False,
        help='write what the code gives now into the golden files; read the diff before you commit it',
    )


@pytest.fixture
def golden(request: pytest.FixtureRequest) -> Callable[[Path, str], None]:
    """Call it with a golden file and the text of now: they must be equal.

    With ``--update-golden`` the file is written instead.
    """
    update = bool(request.config.getoption('--update-golden'))

    def check(path: Path, text: str) -> None:
        if update:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding='utf-8')
        assert path.exists(), f'there is no golden file {path.name}; pytest --update-golden writes it'
        assert text == path.read_text(encoding='utf-8'), f'{path.name} differs; if it should: --update-golden'

    return check
