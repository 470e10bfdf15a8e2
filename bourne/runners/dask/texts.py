"""Texts of users on their way through Dask's messages."""

from __future__ import annotations


def sendable(text: str) -> str:
    """A text without lone surrogates, as names of files have them: Dask's connections end at one."""
    return text.encode('utf-8', 'backslashreplace').decode()
