"""Values that are known only when the pipeline runs: options of a template, and values derived from them."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, Generic, TypeVar

from bourne.errors import PipelineError

T = TypeVar('T')
U = TypeVar('U')
F = TypeVar('F', bound=Callable[..., Any])


class RuntimeValueProviderError(PipelineError):
    """A value was asked for before the pipeline ran."""


_thread = threading.local()


class ValueProvider(Generic[T]):
    """A value that may not be known yet."""

    def is_accessible(self) -> bool:
        """True if :meth:`get` has something to return now."""
        raise NotImplementedError(f'{type(self).__name__} must implement is_accessible()')

    def get(self) -> T:
        """The value.

        Raises:
          RuntimeValueProviderError: if it is not known yet.
        """
        raise NotImplementedError(f'{type(self).__name__} must implement get()')


class StaticValueProvider(ValueProvider[T]):
    """A value that is known from the start. Equal to the value itself.

    Args:
      value_type: converts the value (``int``, ``str``, ...).
      value: the value, or its text.
    """

    def __init__(self, value_type: Callable[[Any], T], value: Any) -> None:
        self.value_type = value_type
        self.value = value_type(value)

    def is_accessible(self) -> bool:
        return True

    def get(self) -> T:
        return self.value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, StaticValueProvider):
            return bool(self.value_type == other.value_type and self.value == other.value)
        return bool(self.value == other)

    def __hash__(self) -> int:
        # Equal to the plain value, hence the plain value's hash.
        return hash(self.value)

    def __str__(self) -> str:
        return str(self.value)

    def __repr__(self) -> str:
        return f'StaticValueProvider({getattr(self.value_type, "__name__", self.value_type)}, {self.value!r})'


class RuntimeValueProvider(ValueProvider[T]):
    """The value that an option has when the pipeline runs; made by ``add_value_provider_argument``.

    Args:
      option_name: the option's name.
      value_type: converts the option's text.
      default_value: what :meth:`get` returns if the option is not set.
    """

    #: The options of the running pipeline by name, for the whole process; None while nothing runs.
    runtime_options: ClassVar[Mapping[str, Any] | None] = None

    def __init__(self, option_name: str, value_type: Callable[[Any], T], default_value: T) -> None:
        self.option_name = option_name
        self.value_type = value_type
        self.default_value = default_value

    def is_accessible(self) -> bool:
        return RuntimeValueProvider.current() is not None

    def get(self) -> T:
        if RuntimeValueProvider.current() is None:
            raise RuntimeValueProviderError(
                f'{self}.get() was called while the pipeline is built; its value is known only when the '
                f'pipeline runs. Pass the provider on and call get() in the DoFn, or give '
                f'--{self.option_name} a value.')
        return RuntimeValueProvider.get_value(self.option_name, self.value_type, self.default_value)

    @classmethod
    def get_value(cls, option_name: str, value_type: Callable[[Any], U], default_value: U) -> U:
        """The option's value in the running pipeline, or the default if it is not set (or nothing runs)."""
        value = (RuntimeValueProvider.current() or {}).get(option_name)
        if isinstance(value, ValueProvider):
            value = value.get() if isinstance(value, StaticValueProvider) else None
        return default_value if value is None else value_type(value)

    @classmethod
    def current(cls) -> Mapping[str, Any] | None:
        """The options of the pipeline that runs in this thread, else of the one that runs in this process."""
        own: Mapping[str, Any] | None = getattr(_thread, 'options', None)
        return RuntimeValueProvider.runtime_options if own is None else own

    @classmethod
    def keep_in_thread(cls, pipeline_options: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
        """Makes options known to this thread until others are, whatever runs in other threads.

        Returns:
          Those that were known to it before.
        """
        before: Mapping[str, Any] | None = getattr(_thread, 'options', None)
        _thread.options = pipeline_options
        return before

    @classmethod
    def set_runtime_options(cls, pipeline_options: Mapping[str, Any] | None) -> None:
        """Called by a runner: makes the options known to this process (``None``: no longer).

        Args:
          pipeline_options: values by option name, as ``PipelineOptions.get_all_options()`` returns them.
        """
        RuntimeValueProvider.runtime_options = pipeline_options

    def __str__(self) -> str:
        kind = getattr(self.value_type, '__name__', self.value_type)
        return (f'RuntimeValueProvider(option: {self.option_name}, type: {kind}, '
                f'default_value: {self.default_value!r})')

    __repr__ = __str__


class NestedValueProvider(ValueProvider[U]):
    """A value derived from another one, computed once, when it is asked for.

    Args:
      value: the provider that it derives from.
      translator: takes that provider's value and returns this one's.
    """

    def __init__(self, value: ValueProvider[T], translator: Callable[[T], U]) -> None:
        self.value = value
        self.translator = translator

    def is_accessible(self) -> bool:
        return self.value.is_accessible()

    @functools.cached_property
    def cached_value(self) -> U:
        """The translated value, kept."""
        return self.translator(self.value.get())

    def get(self) -> U:
        return self.cached_value

    def __str__(self) -> str:
        name = getattr(self.translator, '__name__', self.translator)
        return f'NestedValueProvider(value: {self.value}, translator: {name})'

    __repr__ = __str__


def check_accessible(value_provider_list: list[str]) -> Callable[[F], F]:
    """A decorator for methods that must not run before some providers have their values.

    Args:
      value_provider_list: names of attributes of ``self`` that hold providers.

    Raises:
      RuntimeValueProviderError: from the decorated method, naming the first provider that is not accessible.
    """
    if not isinstance(value_provider_list, list):
        raise TypeError(f'check_accessible takes a list of attribute names, got {value_provider_list!r}')

    def decorate(method: F) -> F:
        @functools.wraps(method)
        def checked(self: Any, *args: Any, **kwargs: Any) -> Any:
            for name in value_provider_list:
                if not getattr(self, name).is_accessible():
                    raise RuntimeValueProviderError(
                        f'{type(self).__name__}.{method.__name__} needs {name}, which is not accessible yet: '
                        f'{getattr(self, name)}')
            return method(self, *args, **kwargs)

        return checked  # type: ignore[return-value]

    return decorate
