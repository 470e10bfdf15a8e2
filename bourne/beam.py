"""The migration door: Apache Beam's module paths, resolved onto bourne's own names.

After ``sed 's/apache_beam/bourne.beam/'`` a Beam program finds every name where it was: ``import bourne.beam as beam``,
``from bourne.beam.transforms import window``, ``from bourne.beam.options.pipeline_options import PipelineOptions``.
There are no copies: a name is looked up in ``HOMES`` when it is asked for, and what comes back is bourne's own object.
What Beam has and bourne does not yet is an ``ImportError`` that says so, and so is a name that nobody knows; as an
attribute (``beam.Nothing``) it is an ``AttributeError`` with the same words.

The tables below are all there is to extend.
"""

from __future__ import annotations

import functools
import importlib
import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from bourne import *  # noqa: F403

#: Where bourne's names are: its modules, and the names that are taken from each. ``A=b`` is what Beam calls A, and
#: bourne b.
HOMES = {
    'bourne': '__version__',
    'bourne.errors': 'BeamError=BourneError PipelineError TransformError TypeCheckError',
    'bourne.runners.dask': 'DaskRunner DaskRunnerResult=DaskResult',
    'bourne.runners.local':
        'BundleBasedDirectRunner=LocalRunner DirectRunner=LocalRunner FnApiRunner=LocalRunner '
        'PrismRunner=LocalRunner SwitchingDirectRunner=LocalRunner',
    'bourne.sdk.pipeline': 'Pipeline',
    'bourne.sdk.pcollection': 'DoOutputsTuple PBegin PCollection PDone PValue',
    'bourne.sdk.ptransform': 'PTransform label_from_callable ptransform_fn',
    'bourne.sdk.runner': 'PipelineResult PipelineRunner PipelineState create_runner=find_runner',
    'bourne.sdk.transforms.create': 'Create Impulse',
    'bourne.sdk.transforms.read': 'Read',
    'bourne.sdk.transforms.write': 'Write',
    'bourne.sdk.transforms.pardo': 'Filter FlatMap FlatMapTuple Map MapTuple ParDo',
    'bourne.sdk.transforms.group': 'CoGroupByKey GroupByKey Reshuffle',
    'bourne.sdk.transforms.combine': 'CombineGlobally CombinePerKey CombineValues',
    'bourne.sdk.transforms.flatten': 'Flatten FlattenWith',
    'bourne.sdk.transforms.window': 'WindowInto',
    'bourne.sdk.transforms.sideinput':
        'AsDict AsIter AsList AsMultiMap AsSideInput AsSingleton EmptySideInput default_window_mapping_fn',
    'bourne.sdk.transforms.combiners':
        'CombinerWithoutDefaults Count CountCombineFn Largest Latest LatestCombineFn Mean MeanCombineFn '
        'Sample SampleCombineFn SingleInputTupleCombineFn Smallest ToDict ToDictCombineFn ToList '
        'ToListCombineFn ToSet ToSetCombineFn Top TopCombineFn TupleCombineFn',
    'bourne.sdk.transforms.stats':
        'ApproximateQuantiles ApproximateQuantilesCombineFn ApproximateUnique ApproximateUniqueCombineFn',
    'bourne.sdk.transforms.partition': 'Partition PartitionFn',
    'bourne.sdk.transforms.periodicsequence': 'PeriodicImpulse PeriodicSequence RebaseMode',
    'bourne.sdk.transforms.rows': 'GroupBy Select',
    'bourne.sdk.transforms.util':
        'BatchElements Distinct GroupIntoBatches Keys KvSwap LogElements Regex Reify RemoveDuplicates '
        'SortAndBatchElements Tee ToString Values WaitOn WithKeys WithLengthBucketKey',
    'bourne.sdk.transforms.deadletter': 'DeadLetter',
    'bourne.sdk.transforms.deduplicate': 'Deduplicate DeduplicatePerKey',
    'bourne.sdk.transforms.error_handling': 'CollectingErrorHandler ErrorHandler',
    'bourne.sdk.transforms.userstate':
        'AccumulatingRuntimeState BagRuntimeState BagStateSpec BaseTimer CombiningValueRuntimeState '
        'CombiningValueStateSpec MapRuntimeState MapStateSpec OrderedListRuntimeState OrderedListStateSpec '
        'ReadModifyWriteRuntimeState ReadModifyWriteStateSpec RuntimeState RuntimeTimer SetRuntimeState '
        'SetStateSpec StateSpec TimeDomain TimerSpec get_dofn_specs is_stateful_dofn on_timer '
        'on_window_expiration validate_stateful_dofn',
    'bourne.sdk.display': 'DisplayData DisplayDataItem HasDisplayData',
    'bourne.sdk.resources':
        'AcceleratorHint CpuCountHint MaxActiveBundlesPerWorkerHint MinRamHint ResourceHint '
        'merge_resource_hints parse_resource_hints resource_hints_from_options',
    'bourne.sdk.transforms.functions': 'CombineFn DoFn',
    'bourne.sdk.model.dofn': 'TaggedOutput',
    'bourne.sdk.model.row': 'Row',
    'bourne.sdk.model.pane': 'PANE_INFO_UNKNOWN PaneInfo PaneInfoTiming',
    'bourne.sdk.model.timestamp': 'Duration MAX_TIMESTAMP MIN_TIMESTAMP Timestamp',
    'bourne.sdk.model.trigger':
        'AccumulationMode AfterAll AfterAny AfterCount AfterEach AfterProcessingTime AfterWatermark '
        'Always DataLossReason DefaultTrigger OrFinally Repeatedly TriggerFn Windowing',
    'bourne.sdk.model.window':
        'BoundedWindow FixedWindows GlobalWindow GlobalWindows IntervalWindow NonMergingWindowFn Sessions '
        'SlidingWindows TimestampCombiner TimestampedValue WindowFn WindowedValue',
    'bourne.sdk.model.coders':
        'Base64PickleCoder BooleanCoder BytesCoder Coder CoderRegistry DeterministicFastPrimitivesCoder '
        'DeterministicMapCoder FakeDeterministicFastPrimitivesCoder FastPrimitivesCoder FloatCoder '
        'GlobalWindowCoder IntervalWindowCoder IterableCoder LengthPrefixCoder ListCoder MapCoder '
        'NullableCoder PickleCoder RowCoder SingletonCoder StrUtf8Coder TimestampCoder ToBytesCoder '
        'TupleCoder TupleSequenceCoder VarIntCoder registry',
    'bourne.sdk.metrics':
        'BoundedTrie Counter Distribution Gauge Lineage Metric MetricKey MetricName MetricResult '
        'MetricResults Metrics MetricsFilter StringSet',
    'bourne.sdk.model.metric': 'DistributionResult GaugeResult',
    'bourne.sdk.options':
        'DaskOptions DebugOptions DirectOptions GoogleCloudOptions OptionsContext PipelineOptions '
        'PortableOptions ProfilingOptions SetupOptions StandardOptions StreamingOptions TestOptions TypeOptions '
        'WorkerOptions get_pipeline_options scoped_pipeline_options',
    'bourne.sdk.value_provider':
        'NestedValueProvider RuntimeValueProvider RuntimeValueProviderError StaticValueProvider '
        'ValueProvider check_accessible',
    'bourne.sdk.typehints':
        'Any Collection Dict FrozenSet Generator GeneratorWrapper IOTypeHints Iterable Iterator KV List '
        'Mapping Optional Sequence Set ShardedKey ShardedKeyType Tuple TypeVariable Union WithTypeHints '
        'convert_to_beam_type convert_to_beam_types convert_to_python_type convert_to_python_types '
        'get_signature get_type_hints getcallargs_forhints is_consistent_with key_value_types normalize '
        'with_input_types with_output_types',
    'bourne.sdk.testing.pipeline': 'TestPipeline',
    'bourne.sdk.testing.test_stream': 'ElementEvent Event ProcessingTimeEvent TestStream WatermarkEvent',
    'bourne.sdk.testing.util':
        'AssertThat BeamAssertException SortLists TestWindowedValue assert_that contains_in_any_order '
        'equal_to equal_to_approx equal_to_per_window has_at_least_one is_empty is_not_empty matches_all '
        'open_shards row_namedtuple_equals_fn',
    'bourne.io.textio':
        'ReadAllFromText ReadAllFromTextContinuously ReadFromCsv ReadFromJson ReadFromText '
        'ReadFromTextWithFilename WriteToCsv WriteToJson WriteToText',
    'bourne.io.fileio':
        'FileMetadata FileResult FileSink MatchAll MatchContinuously MatchFiles ReadMatches ReadableFile '
        'TextSink WriteToFiles default_file_naming destination_prefix_naming prefix_naming '
        'single_file_naming',
    'bourne.io.filesystems': 'BeamIOError EmptyMatchTreatment FileSystems MatchResult',
    'bourne.io.compression': 'CompressionTypes',
}

#: Beam's modules, and the names in each that programs use. ``@module`` stands for all the names of that module, and
#: ``name=bourne.module:name`` for a name that is another one elsewhere.
MODULES = {
    '': '@pipeline @transforms PCollection Row RowCoder TaggedOutput WithTypeHints __version__',
    'coders': '@coders.coders @coders.row_coder registry',
    'coders.coders':
        'Base64PickleCoder BooleanCoder BytesCoder Coder DeterministicFastPrimitivesCoder '
        'DeterministicMapCoder FakeDeterministicFastPrimitivesCoder FastPrimitivesCoder FloatCoder '
        'GlobalWindowCoder IntervalWindowCoder IterableCoder LengthPrefixCoder ListCoder MapCoder '
        'NullableCoder PickleCoder SingletonCoder StrUtf8Coder TimestampCoder ToBytesCoder TupleCoder '
        'TupleSequenceCoder VarIntCoder',
    'coders.row_coder': 'RowCoder',
    'coders.typecoders': 'CoderRegistry registry',
    'error': 'BeamError PipelineError RuntimeValueProviderError TransformError',
    'io': '@io.textio Read Write',
    'io.fileio':
        'EmptyMatchTreatment FileMetadata FileResult FileSink MatchAll MatchContinuously MatchFiles '
        'ReadMatches ReadableFile TextSink WriteToFiles default_file_naming destination_prefix_naming '
        'prefix_naming single_file_naming',
    'io.filesystem': 'BeamIOError CompressionTypes FileMetadata MatchResult',
    'io.filesystems': 'CompressionTypes FileSystems',
    'io.iobase': 'Read Write',
    'io.textio':
        'ReadAllFromText ReadAllFromTextContinuously ReadFromCsv ReadFromJson ReadFromText '
        'ReadFromTextWithFilename WriteToCsv WriteToJson WriteToText',
    'metrics': 'Metrics MetricsFilter',
    'metrics.cells': 'DistributionResult GaugeResult',
    'metrics.execution': 'MetricKey MetricResult',
    'metrics.metric': 'Lineage MetricResults Metrics MetricsFilter',
    'metrics.metricbase': 'BoundedTrie Counter Distribution Gauge Metric MetricName StringSet',
    'options': '',
    'options.pipeline_options':
        'DebugOptions DirectOptions GoogleCloudOptions OptionsContext PipelineOptions PortableOptions '
        'ProfilingOptions SetupOptions StandardOptions StreamingOptions TestOptions TypeOptions '
        'WorkerOptions',
    'options.pipeline_options_context': 'get_pipeline_options scoped_pipeline_options',
    'options.value_provider':
        'NestedValueProvider RuntimeValueProvider StaticValueProvider ValueProvider check_accessible',
    'pipeline': 'Pipeline PipelineOptions',
    'pvalue':
        'AsDict AsIter AsList AsMultiMap AsSideInput AsSingleton DoOutputsTuple EmptySideInput PBegin '
        'PCollection PDone PValue Row TaggedOutput',
    'runners': 'DirectRunner PipelineRunner PipelineState PrismRunner create_runner',
    'runners.dask': '',
    'runners.dask.dask_runner': 'DaskOptions DaskRunner DaskRunnerResult',
    'runners.direct': 'DirectRunner',
    'runners.direct.direct_runner': 'BundleBasedDirectRunner DirectRunner SwitchingDirectRunner',
    'runners.portability': '',
    'runners.portability.fn_api_runner': 'FnApiRunner',
    'runners.portability.prism_runner': 'PrismRunner',
    'runners.runner': 'PipelineResult PipelineRunner PipelineState create_runner',
    'testing': '',
    'testing.test_pipeline': 'TestPipeline',
    'testing.test_stream': 'ElementEvent Event ProcessingTimeEvent TestStream WatermarkEvent',
    'testing.util':
        'AssertThat BeamAssertException SortLists TestWindowedValue assert_that contains_in_any_order '
        'equal_to equal_to_approx equal_to_per_window has_at_least_one is_empty is_not_empty matches_all '
        'open_shards row_namedtuple_equals_fn',
    'transforms':
        '@transforms.core @transforms.ptransform @transforms.stats @transforms.timeutil @transforms.util',
    'transforms.combiners':
        'CombinerWithoutDefaults Count CountCombineFn Largest Latest LatestCombineFn Mean MeanCombineFn '
        'Sample SampleCombineFn SingleInputTupleCombineFn Smallest ToDict ToDictCombineFn ToList '
        'ToListCombineFn ToSet ToSetCombineFn Top TopCombineFn TupleCombineFn',
    'transforms.core':
        'CombineFn CombineGlobally CombinePerKey CombineValues Create DeadLetter DoFn Filter FlatMap '
        'FlatMapTuple Flatten FlattenWith GroupBy GroupByKey Impulse Map MapTuple PTransform ParDo '
        'Partition PartitionFn Read Select WindowInto Windowing Write',
    'transforms.deduplicate': 'Deduplicate DeduplicatePerKey',
    'transforms.display': 'DisplayData DisplayDataItem HasDisplayData',
    'transforms.error_handling': 'CollectingErrorHandler ErrorHandler',
    'transforms.periodicsequence': 'PeriodicImpulse PeriodicSequence RebaseMode',
    'transforms.ptransform': 'PTransform label_from_callable ptransform_fn',
    'transforms.resources':
        'AcceleratorHint CpuCountHint MaxActiveBundlesPerWorkerHint MinRamHint ResourceHint '
        'merge_resource_hints parse_resource_hints resource_hints_from_options',
    'transforms.sideinputs': 'default_window_mapping_fn',
    'transforms.stats':
        'ApproximateQuantiles ApproximateQuantilesCombineFn ApproximateUnique ApproximateUniqueCombineFn',
    'transforms.trigger':
        'AccumulationMode AfterAll AfterAny AfterCount AfterEach AfterProcessingTime AfterWatermark '
        'Always DataLossReason DefaultTrigger OrFinally Repeatedly TriggerFn',
    'transforms.timeutil': 'TimeDomain',
    'transforms.userstate':
        'AccumulatingRuntimeState BagRuntimeState BagStateSpec BaseTimer CombiningValueRuntimeState '
        'CombiningValueStateSpec MapRuntimeState MapStateSpec OrderedListRuntimeState OrderedListStateSpec '
        'ReadModifyWriteRuntimeState ReadModifyWriteStateSpec RuntimeState RuntimeTimer SetRuntimeState '
        'SetStateSpec StateSpec TimeDomain TimerSpec get_dofn_specs is_stateful_dofn on_timer '
        'on_window_expiration validate_stateful_dofn',
    'transforms.util':
        'BatchElements CoGroupByKey Distinct GroupIntoBatches Keys KvSwap LogElements Regex Reify '
        'RemoveDuplicates Reshuffle SortAndBatchElements Tee ToString Values WaitOn WithKeys '
        'WithLengthBucketKey',
    'transforms.window':
        'BoundedWindow Duration FixedWindows GlobalWindow GlobalWindows IntervalWindow MAX_TIMESTAMP '
        'MIN_TIMESTAMP NonMergingWindowFn Sessions SlidingWindows Timestamp TimestampCombiner '
        'TimestampedValue WindowFn WindowedValue',
    'typehints': '@typehints.decorators @typehints.typehints',
    'typehints.decorators':
        'GeneratorWrapper IOTypeHints TypeCheckError WithTypeHints get_signature get_type_hints '
        'getcallargs_forhints with_input_types with_output_types',
    'typehints.native_type_compatibility':
        'convert_to_beam_type convert_to_beam_types convert_to_python_type convert_to_python_types',
    'typehints.sharded_key_type': 'ShardedKeyType',
    'typehints.typehints':
        'Any Collection Dict FrozenSet Generator Iterable Iterator KV List Mapping Optional Sequence Set '
        'Tuple TypeVariable Union WindowedValue=bourne.sdk.typehints:WindowedValue is_consistent_with '
        'key_value_types normalize',
    'utils': '',
    'utils.sharded_key': 'ShardedKey',
    'utils.timestamp': 'Duration MAX_TIMESTAMP MIN_TIMESTAMP Timestamp',
    'utils.windowed_value': 'PANE_INFO_UNKNOWN PaneInfo PaneInfoTiming WindowedValue',
    'version': '__version__',
}

#: What Beam has and bourne does not yet: names by Beam's module, which can be imported all the same.
NOT_YET = {
    '': '@pipeline @transforms',
    'coders': '@coders.coders AvroGenericCoder',
    'coders.avro_record': 'AvroRecord',
    'coders.coders':
        'AvroGenericCoder BigIntegerCoder ByteCoder CloudpickleCoder DecimalCoder DillCoder PaneInfoCoder '
        'ParamWindowedValueCoder ProtoCoder ProtoPlusCoder ShardedKeyCoder SinglePrecisionFloatCoder '
        'WindowedValueCoder',
    'io':
        '@io.avroio @io.iobase @io.parquetio @io.range_trackers @io.tfrecordio ReadFromBigQuery '
        'ReadFromMongoDB ReadFromPubSub WriteToBigQuery WriteToMongoDB WriteToPubSub',
    'io.avroio':
        'ReadAllFromAvro ReadAllFromAvroContinuously ReadFromAvro WriteToAvro avro_schema_to_beam_schema '
        'beam_schema_to_avro_schema',
    'io.filesystem': 'CompressedFile FileSystem',
    'io.iobase':
        'BoundedSource RangeTracker RestrictionProgress RestrictionTracker Sink SourceBase SourceBundle '
        'WatermarkEstimator Writer',
    'io.parquetio':
        'ReadAllFromParquet ReadAllFromParquetBatched ReadFromParquet ReadFromParquetBatched '
        'WriteToParquet WriteToParquetBatched',
    'io.range_trackers':
        'LexicographicKeyRangeTracker OffsetRangeTracker OrderedPositionRangeTracker '
        'UnsplittableRangeTracker',
    'io.restriction_trackers': 'OffsetRange OffsetRestrictionTracker UnsplittableRestrictionTracker',
    'io.tfrecordio': 'ReadAllFromTFRecord ReadFromTFRecord WriteToTFRecord',
    'io.unbounded_source': 'CheckpointMark ReadFromUnboundedSource UnboundedCountingSource UnboundedSource',
    'io.utils': 'CountingSource',
    'io.watch': 'PollFn PollResult Watch after_total_of never',
    'io.watermark_estimators':
        'ManualWatermarkEstimator MonotonicWatermarkEstimator WalltimeWatermarkEstimator',
    'metrics.cells': 'MetricCell MetricCellFactory',
    'metrics.metricbase': 'Histogram',
    'options.pipeline_options': 'AzureOptions HadoopFileSystemOptions S3Options',
    'pipeline': 'AppliedPTransform PTransformOverride PipelineVisitor transform_annotations',
    'testing.test_stream': 'ReverseTestStream WindowedValueHolder',
    'transforms': '@transforms.core @transforms.ptransform @transforms.util',
    'transforms.core': 'CallableWrapperDoFn RestrictionProvider WatermarkEstimatorProvider',
    'transforms.ptransform': 'annotate_yaml',
    'transforms.sideinputs': 'SideInputMap',
    'transforms.userstate': 'Timer UserStateContext',
    'transforms.util': 'GcpHsmGeneratedSecret GcpSecret GroupByEncryptedKey ReshufflePerKey Secret',
    'typehints': '@typehints.batch',
    'typehints.batch': 'BatchConverter N NumpyArray',
    'typehints.row_type': 'GeneratedClassRowTypeConstraint RowTypeConstraint',
    'typehints.schemas':
        'LogicalType PRIMITIVE_TO_ATOMIC_TYPE ParameterizedTimestamp ParameterizedTimestampRepresentation '
        'ParameterizedTimestampShortRepresentation named_fields_from_schema named_fields_to_schema '
        'named_tuple_from_schema named_tuple_to_schema typing_from_runner_api typing_to_runner_api',
    'utils.shared': 'Shared',
    'utils.windowed_value': 'HomogeneousWindowedBatch WindowedBatch',
}

#: Beam's modules and packages of which bourne has nothing yet, by the package that they are in.
ABSENT = {
    '': 'dataframe internal ml portability yaml',
    'io':
        'aws azure components concat_source debezium external filebasedsink filebasedsource flink gcp '
        'hadoopfilesystem jdbc kafka kinesis mongodbio requestresponse snowflake',
    'options': 'pipeline_options_validator',
    'runners': 'dataflow interactive render',
    'runners.dask': 'overrides transform_evaluator',
    'runners.portability': 'flink_runner portable_runner spark_runner',
    'testing':
        'extra_assertions metric_result_matchers pipeline_verifiers synthetic_pipeline test_utils',
    'transforms':
        'async_dofn enrichment enrichment_handlers environments external managed sql xlang',
    'typehints': 'arrow_type_compatibility pandas_type_compatibility',
    'utils': 'annotations multi_process_shared python_callable',
}

#: Beam's modules under the other names by which programs reach them.
ALIASES = {
    **{name: f'transforms.{name}' for name in (
        'combiners', 'core', 'display', 'ptransform', 'resources', 'sideinputs', 'stats', 'timeutil', 'trigger',
        'userstate', 'util', 'window')},
    'transforms.combiners.core': 'transforms.core',
}

# A package without a directory: its submodules come from the finder below.
__path__: list[str] = []
_PREFIX = f'{__name__}.'


def find(module: str, name: str) -> Any:
    """What a module of Beam's has under a name.

    Args:
      module: Beam's module without ``apache_beam.``; ``''`` for the package itself.
      name: the name in it: of a class, function, constant or submodule.

    Raises:
      AttributeError: if bourne does not have it; says whether Beam does.
    """
    target = names(module).get(name)
    if target is not None:
        home, _, attribute = target.partition(':')
        return getattr(importlib.import_module(home), attribute)
    if _is_module(path := _join(module, name)):
        return importlib.import_module(_PREFIX + path)
    raise AttributeError(_missing(module, name), name=name)


@functools.cache
def names(module: str) -> dict[str, str]:
    """The names in a module of Beam's that bourne has, each with its place, ``module:name``."""
    found: dict[str, str] = {}
    for word in MODULES.get(module, '').split():
        if word.startswith('@'):
            found.update(names(word[1:]))
        else:
            name, _, place = word.partition('=')
            found[name] = place or _homes()[name]
    return dict(sorted(found.items()))


@functools.cache
def _homes() -> dict[str, str]:
    pairs = ((module, word.partition('=')) for module, words in HOMES.items() for word in words.split())
    return {name: f'{module}:{other or name}' for module, (name, _, other) in pairs}


@functools.cache
def not_yet(module: str) -> frozenset[str]:
    """The names in a module of Beam's that bourne does not have yet, as far as it knows them."""
    found: set[str] = set()
    for word in NOT_YET.get(module, '').split():
        found |= not_yet(word[1:]) if word.startswith('@') else {word}
    return frozenset(found) - names(module).keys()


def _join(module: str, name: str) -> str:
    return f'{module}.{name}' if module else name


def _is_module(path: str) -> bool:
    return path in MODULES or path in NOT_YET or path in ALIASES


def _missing(module: str, name: str) -> str:
    """Why there is no such name."""
    path = _join(module, name)
    parts = path.split('.')
    if any(part in ABSENT.get('.'.join(parts[:place]), '').split() for place, part in enumerate(parts)):
        return (f'bourne does not have the module apache_beam.{path} yet, nor what is in it; '
                f'docs/beam.md lists what is missing')
    where = _join('apache_beam', module) if module else 'apache_beam'
    if name in not_yet(module):
        return f'bourne does not have {name!r} of {where} yet; docs/beam.md lists what is missing'
    return (f'nobody knows {name!r} in {where}: bourne does not have it, and as far as bourne knows, neither does '
            f'Apache Beam{_suggestion(module, name)}')


def _suggestion(module: str, name: str) -> str:
    elsewhere = [other for other in MODULES if other and name in names(other)]
    if elsewhere:
        return f'. It is in {" and ".join(f"apache_beam.{other}" for other in elsewhere[:2])}'
    import difflib

    close = difflib.get_close_matches(name, names(module), n=1)
    return f'. Did you mean {close[0]!r}?' if close else ''


class _Door(MetaPathFinder, Loader):
    """Finds and makes the modules ``bourne.beam.*``."""

    def find_spec(self, fullname: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if not fullname.startswith(_PREFIX):
            return None
        if _is_module(beam_path := fullname.removeprefix(_PREFIX)):
            return ModuleSpec(fullname, self, origin=__name__, is_package=True)
        # Python also comes here for `from bourne.beam.io import Nothing`, where `Nothing` might be a module.
        module, _, name = beam_path.rpartition('.')
        raise ImportError(_missing(module, name), name=fullname)

    def exec_module(self, module: ModuleType) -> None:
        path = module.__name__.removeprefix(_PREFIX)
        if path in ALIASES:
            sys.modules[module.__name__] = importlib.import_module(_PREFIX + ALIASES[path])
            return
        module.__doc__ = f'The names of ``apache_beam.{path}``, as bourne has them.'
        vars(module).update(_hooks(path, vars(module)))


def _hooks(path: str, namespace: dict[str, Any]) -> dict[str, Any]:
    """The functions by which a module of the door finds its names."""

    def __getattr__(name: str) -> Any:
        if name == '__all__':
            return [name for name in names(path) if not name.startswith('__')]
        if name.startswith('__') and name not in names(path):
            raise AttributeError(f'module {namespace["__name__"]!r} has no attribute {name!r}', name=name)
        found = namespace[name] = find(path, name)
        return found

    def __dir__() -> list[str]:
        inner = f'{path}.' if path else ''
        modules = {other[len(inner):].partition('.')[0] for other in (*MODULES, *NOT_YET, *ALIASES)
                   if other.startswith(inner)}
        return sorted({*filter(_is_special, namespace), *names(path), *modules} - {''})

    return {'__getattr__': __getattr__, '__dir__': __dir__}


def _is_special(name: str) -> bool:
    return name.startswith('__') and name.endswith('__')


vars().update(_hooks('', vars()))
sys.meta_path.append(_Door())
