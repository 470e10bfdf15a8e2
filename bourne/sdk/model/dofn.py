"""``DoFn``, the parameters that its methods may ask for, and tagged outputs."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, ClassVar, Generic, TypeVar

from bourne.errors import TransformError
from bourne.sdk.model.dressed import Dressed
from bourne.sdk.model.state import StateSpec
from bourne.sdk.model.timer import TimerSpec

TagT = TypeVar('TagT', bound=str)
T = TypeVar('T')


class TaggedOutput(Dressed, Generic[TagT, T]):
    """A value for one of a ``ParDo``'s additional outputs. In hints: ``TaggedOutput[Literal['tag'], T]``.

    Args:
      tag: the output's name, as given to ``with_outputs``.
      value: the element, or a ``TimestampedValue`` or ``WindowedValue`` around it.
    """

    __slots__ = ('tag', 'value')

    def __init__(self, tag: TagT, value: T) -> None:
        if not isinstance(tag, str):
            raise TypeError(f'TaggedOutput: the tag comes first and is a string, got {tag!r} ({type(tag).__name__})')
        self.tag = tag
        self.value = value

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, TaggedOutput):
            return NotImplemented
        return self.tag == other.tag and bool(self.value == other.value)

    def __hash__(self) -> int:
        return hash((self.tag, self.value))

    def __reduce__(self) -> Any:
        return (TaggedOutput, (self.tag, self.value))

    def __repr__(self) -> str:
        return f'TaggedOutput({self.tag!r}, {self.value!r})'


class DoFnParam:
    """A parameter's default value that asks the engine to pass something: ``ts=DoFn.TimestampParam``.

    Args:
      name: the parameter's name in ``DoFn``.
    """

    __slots__ = ('name',)

    def __init__(self, name: str) -> None:
        self.name = name

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and isinstance(other, DoFnParam) and self.name == other.name

    def __hash__(self) -> int:
        return hash(self.name)

    def __reduce__(self) -> Any:
        return (type(self), (self.name,))

    def __repr__(self) -> str:
        return f'DoFn.{self.name}'


class _SpecParam(DoFnParam):
    """A parameter that carries a specification: a state cell, a timer, a restriction provider."""

    __slots__ = ('spec',)

    def __init__(self, name: str, spec: Any) -> None:
        super().__init__(name)
        self.spec = spec

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and bool(self.spec == other.spec)  # type: ignore[attr-defined]

    def __hash__(self) -> int:
        return hash((self.name, id(type(self.spec))))

    def __reduce__(self) -> Any:
        return (type(self), (self.name, self.spec))


class _ContextParam(DoFnParam):
    """A parameter whose value a context manager provides, for a bundle or for the life of the ``DoFn``."""

    __slots__ = ('args', 'factory', 'kwargs')

    def __init__(self, name: str, factory: Callable[..., Any], args: tuple[Any, ...] = (),
                 kwargs: dict[str, Any] | None = None) -> None:
        super().__init__(name)
        self.factory = factory
        self.args = args
        self.kwargs = kwargs or {}

    def create(self) -> Any:
        """A context manager made by the factory."""
        made = self.factory(*self.args, **self.kwargs)
        return made if hasattr(made, '__enter__') else contextmanager(lambda: made)()

    def __eq__(self, other: object) -> bool:
        return self is other

    def __hash__(self) -> int:
        return id(self)

    def __reduce__(self) -> Any:
        return (type(self), (self.name, self.factory, self.args, self.kwargs))


def _spec_param(name: str, kind: type = object, example: str = '') -> Callable[[Any], DoFnParam]:
    def make(spec: Any) -> DoFnParam:
        if not isinstance(spec, kind):
            raise TransformError(f'DoFn.{name} takes a {kind.__name__}, such as {example}; '
                                 f'got {spec!r} ({type(spec).__name__})')
        return _SpecParam(name, spec)

    make.__name__ = make.__qualname__ = name
    return make


def _context_param(name: str) -> Callable[..., DoFnParam]:
    def make(factory: Callable[..., Any], args: tuple[Any, ...] = (),
             kwargs: dict[str, Any] | None = None) -> DoFnParam:
        return _ContextParam(name, factory, args, kwargs)

    make.__name__ = make.__qualname__ = name
    return make


class BundleFinalizer:
    """Collects callbacks that run once the output of the bundle at hand is committed."""

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], Any]] = []

    def register(self, callback: Callable[[], Any]) -> None:
        """Runs ``callback`` after the bundle's output is committed; best effort, as in Beam."""
        self.callbacks.append(callback)


class DoFn:
    """The user's code of a ``ParDo``, with its lifecycle.

    An instance is pickled with the pipeline and unpickled where it runs. There, ``setup`` is called once, then
    bundle after bundle ``start_bundle``, ``process`` for each element and ``finish_bundle``, and in the end
    ``teardown`` (best effort: a killed worker does not call it).
    """

    ElementParam: ClassVar[Any] = DoFnParam('ElementParam')
    SideInputParam: ClassVar[Any] = DoFnParam('SideInputParam')
    TimestampParam: ClassVar[Any] = DoFnParam('TimestampParam')
    WindowParam: ClassVar[Any] = DoFnParam('WindowParam')
    WindowedValueParam: ClassVar[Any] = DoFnParam('WindowedValueParam')
    PaneInfoParam: ClassVar[Any] = DoFnParam('PaneInfoParam')
    KeyParam: ClassVar[Any] = DoFnParam('KeyParam')
    BundleFinalizerParam: ClassVar[Any] = DoFnParam('BundleFinalizerParam')
    WatermarkReporterParam: ClassVar[Any] = DoFnParam('WatermarkReporterParam')
    DynamicTimerTagParam: ClassVar[Any] = DoFnParam('DynamicTimerTagParam')
    StateParam: ClassVar[Any] = staticmethod(_spec_param('StateParam', StateSpec, "BagStateSpec('name')"))
    TimerParam: ClassVar[Any] = staticmethod(_spec_param(
        'TimerParam', TimerSpec, "TimerSpec('name', TimeDomain.WATERMARK)"))
    RestrictionParam: ClassVar[Any] = staticmethod(_spec_param('RestrictionParam'))
    WatermarkEstimatorParam: ClassVar[Any] = staticmethod(_spec_param('WatermarkEstimatorParam'))
    SetupContextParam: ClassVar[Any] = staticmethod(_context_param('SetupContextParam'))
    BundleContextParam: ClassVar[Any] = staticmethod(_context_param('BundleContextParam'))

    def setup(self) -> None:
        """Prepares the instance: opens connections, loads models. Called once."""

    def start_bundle(self) -> Any:
        """Called before each bundle."""

    def process(self, element: Any, *args: Any, **kwargs: Any) -> Iterable[Any] | None:
        """Called for each element.

        Args:
          element: the element.
          args: the positional arguments given to ``ParDo``, side inputs resolved.
          kwargs: its keyword arguments, likewise.

        Returns:
          The outputs: any iterable, or ``None`` for no output. ``TaggedOutput``, ``TimestampedValue`` and
          ``WindowedValue`` say where an output goes, its time and its windows.
        """
        raise NotImplementedError(f'{type(self).__name__} must define process(self, element)')

    def finish_bundle(self) -> Any:
        """Called after each bundle. Outputs outside the global window must be ``WindowedValue``."""

    def teardown(self) -> None:
        """Frees what ``setup`` took."""

    @staticmethod
    def unbounded_per_element() -> Callable[[Any], Any]:
        """Marks a splittable ``process`` whose output for one element has no end."""
        return _mark('unbounded_per_element')

    @staticmethod
    def bounded_per_element() -> Callable[[Any], Any]:
        """Marks a splittable ``process`` whose output for each element ends."""
        return _mark('bounded_per_element')

    @staticmethod
    def yields_elements(fn: Any) -> Any:
        """Marks a ``process_batch`` that yields elements."""
        return _mark('yields_elements')(fn)

    @staticmethod
    def yields_batches(fn: Any) -> Any:
        """Marks a ``process`` that yields batches."""
        return _mark('yields_batches')(fn)

    def default_label(self) -> str:
        """The label of a ``ParDo`` of this function that is given none."""
        return type(self).__name__

    def display_data(self) -> dict[str, Any]:
        """What to show of this function: a dict of names and values."""
        return {}


def _mark(name: str) -> Callable[[Any], Any]:
    def decorate(fn: Any) -> Any:
        fn.__dict__.setdefault('bourne_marks', set()).add(name)
        return fn

    return decorate


def overrides(instance: Any, method: str, base: type = DoFn) -> bool:
    """True if the instance's class, or the instance, defines the method anew."""
    if method in getattr(instance, '__dict__', {}):
        return True
    return getattr(type(instance), method, None) is not getattr(base, method, None)


def iterate(outputs: Any) -> Iterator[Any]:
    """The outputs of a method that may return ``None``."""
    return iter(()) if outputs is None else iter(outputs)
