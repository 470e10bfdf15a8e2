"""A window for each auction, which the bids for it fall into.

So bids and auctions meet without state that grows for ever: once an auction has ended its window is complete.
"""

from __future__ import annotations

from typing import Any

import attrs

from benchmarks.nexmark.model import Auction
from bourne.sdk.model.portable import portable
from bourne.sdk.model.window import IntervalWindow, WindowFn


class AuctionWindow(IntervalWindow):
    """From the opening of an auction to its end."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return type(other) is AuctionWindow and super().__eq__(other)

    __hash__ = IntervalWindow.__hash__

    def __reduce__(self) -> Any:
        return AuctionWindow.of_micros, (self.start_micros, self.end_micros)


@portable
@attrs.frozen
class AuctionWindows(WindowFn):
    """The window of an auction, for auctions and bids that are keyed by the auction's id.

    A bid cannot know when its auction ends. Its window is as long as any auction may take, and merges into that of
    the auction if it begins before the auction ends; else it stays alone.

    Args:
      longest: how long an auction may take, in microseconds.
    """

    longest: int

    def assign(self, assign_context: WindowFn.AssignContext) -> list[IntervalWindow]:  # type: ignore[override]
        _, event = assign_context.element
        start = assign_context.timestamp.micros
        if type(event) is Auction:
            return [AuctionWindow.of_micros(start, event.expires)]
        return [IntervalWindow.of_micros(start, start + self.longest)]

    def merge(self, merge_context: WindowFn.MergeContext) -> None:
        windows: list[Any] = merge_context.windows
        for auction in [window for window in windows if type(window) is AuctionWindow]:
            bids = [window for window in windows
                    if type(window) is not AuctionWindow and window.start_micros < auction.end_micros]
            if bids:
                merge_context.merge([auction, *bids], auction)
