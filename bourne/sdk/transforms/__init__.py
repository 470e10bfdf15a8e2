"""Transforms, a family in each file."""

# Methods of the basic transforms make transforms of this module: whoever has the former needs the latter.
from bourne.sdk.transforms import deadletter as deadletter
