"""A function with state and timers, with steps before and behind it, in windows of which an element is in several."""

from bourne.sdk.model.dofn import DoFn
from bourne.sdk.model.state import CombiningValueStateSpec
from bourne.sdk.model.timer import TimeDomain, TimerSpec, on_timer
from bourne.sdk.model.window import SlidingWindows
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.keys import WithKeys
from bourne.sdk.transforms.pardo import Map, ParDo
from bourne.sdk.transforms.window import WindowInto, WithTimestamps


class Running(DoFn):
    SUM, END = CombiningValueStateSpec('sum', sum), TimerSpec('end', TimeDomain.WATERMARK)

    def process(self, element, window=DoFn.WindowParam, total=DoFn.StateParam(SUM), end=DoFn.TimerParam(END)):
        total.add(element[1])
        end.set(window.end)

    @on_timer(END)
    def emit(self, key=DoFn.KeyParam, total=DoFn.StateParam(SUM)):
        yield key, total.read()


def build(pipeline):
    (pipeline
     | Create([1, 2, 3])
     | 'time' >> WithTimestamps(abs)
     | 'windows' >> WindowInto(SlidingWindows(10, 5))
     | 'key' >> WithKeys(str)
     | 'running' >> ParDo(Running())
     | 'show' >> Map(print))
