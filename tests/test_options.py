"""Pipeline options: declaration, views, flags, what is unknown or has no effect, values known at run time."""

from __future__ import annotations

import argparse
import copy
import gc
import json
import pickle
import subprocess
import sys
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bourne.errors import OptionsError
from bourne.sdk import options_parser
from bourne.sdk.options import (
    DaskOptions,
    DebugOptions,
    GoogleCloudOptions,
    LocalOptions,
    OptionsContext,
    OptionsWarning,
    PipelineOptions,
    PortableOptions,
    SetupOptions,
    StandardOptions,
    TypeOptions,
    WorkerOptions,
    get_pipeline_options,
    runner_name,
    scoped_pipeline_options,
)
from bourne.sdk.sizes import parse_size
from bourne.sdk.value_provider import (
    NestedValueProvider,
    RuntimeValueProvider,
    RuntimeValueProviderError,
    StaticValueProvider,
    check_accessible,
)


class SampleOptions(PipelineOptions):
    """Options of these tests."""

    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument('--to_flag', action='store_true')
        parser.add_argument('--to_text', help='a text')
        parser.add_argument('--to_number', type=int, default=7)
        parser.add_argument('--to_many', action='append', default=['first'])
        parser.add_argument('--to_json', type=json.loads, default={})
        parser.add_argument('--to-dashed', '-d', dest='to_named')


class BaseOptions(PipelineOptions):
    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument('--to_derived', type=int, default=7)
        parser.add_argument('--to_base')


class DerivedOptions(BaseOptions):
    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_argument('--to_derived', type=int, default=8)
        parser.add_argument('--to_more')


class ProviderOptions(PipelineOptions):
    @classmethod
    def _add_argparse_args(cls, parser):
        parser.add_value_provider_argument('--to_late', type=int, default=3)


def test_views_share_their_values():
    options = PipelineOptions(['--to_text=a', '--to_many=b', '--runner', 'dask'])
    view = options.view_as(SampleOptions)
    other = options.view_as(TypeOptions).view_as(SampleOptions)
    view.to_text = 'changed'
    view.to_many.append('c')
    view.to_flag = True
    assert (other.to_text, other.to_many, other.to_flag) == ('changed', ['first', 'b', 'c'], True)
    assert options.view_as(SampleOptions).to_number == 7
    assert view.view_as(StandardOptions).runner == 'dask'
    assert options.get_all_options()['to_text'] == 'changed'


def test_a_default_list_belongs_to_one_pipeline():
    PipelineOptions([]).view_as(SampleOptions).to_many.append('x')
    PipelineOptions([]).view_as(StandardOptions).resource_hints.append('x')
    assert PipelineOptions([]).view_as(SampleOptions).to_many == ['first']
    assert PipelineOptions([]).view_as(StandardOptions).resource_hints == []


def test_keywords_win_over_flags():
    options = PipelineOptions(['--to_text=flag'], to_text='keyword')
    assert options.view_as(SampleOptions).to_text == 'keyword'


def test_a_derived_class_replaces_an_option_of_its_base():
    assert (BaseOptions([]).to_derived, DerivedOptions([]).to_derived) == (7, 8)
    options = DerivedOptions(['--to_derived=1', '--to_more=2', '--to_base=3'])
    assert (options.to_derived, options.to_more, options.to_base) == (1, '2', '3')
    options.check()
    assert options.to_dict() == {'to_base': '3', 'to_derived': 1, 'to_more': '2'}


def test_a_class_sees_only_its_own_options():
    options = PipelineOptions(['--to_text=a'])
    with pytest.raises(AttributeError) as error:
        _ = options.to_text
    assert 'options.view_as(SampleOptions).to_text' in str(error.value)
    with pytest.raises(AttributeError) as error:
        options.view_as(StandardOptions).runnr = 'local'
    assert "StandardOptions has no option 'runnr'  (did you mean runner?)" in str(error.value)
    assert 'runner' in dir(options.view_as(StandardOptions))
    assert not hasattr(options, 'runner')


def test_the_recorder_agrees_with_argparse():
    class AnyOptions(PipelineOptions):
        @classmethod
        def _add_argparse_args(cls, parser):
            parser.add_argument('--to_a', '-a', '--to-b')
            parser.add_argument('-o')
            parser.add_argument('--to_off', action='store_false')
            parser.add_argument('--to_none', action='store_true', default=None)
            parser.add_argument('--to_const', action='store_const', const=4)
            parser.add_argument('--to_count', action='count')
            parser.add_argument('--to_text', type=str, default='text')
            parser.add_argument_group('more').add_argument('--to_group', nargs='*', choices=['x'])

    # Other tests have options of their own, which are theirs to check.
    own = [cls for cls in PipelineOptions.__subclasses__() if cls.__module__.startswith(('bourne.', __name__))]
    for cls in [AnyOptions, *own]:
        recorded = options_parser.declare([cls])
        parsed = options_parser._declared_by(options_parser._parser([cls]))
        if cls is not ProviderOptions:
            assert recorded.defaults == parsed.defaults, cls
        assert recorded.flags == parsed.flags, cls


def test_what_the_recorder_does_not_know_goes_to_argparse():
    class RichOptions(PipelineOptions):
        @classmethod
        def _add_argparse_args(cls, parser):
            parser.add_argument('to_input')
            parser.add_argument('--to_level', type=int, default='5')
            parser.add_argument('--to_switch', action=argparse.BooleanOptionalAction, default=True)
            parser.set_defaults(to_level=6)
            group = parser.add_mutually_exclusive_group(required=True)
            group.add_argument('--to_left')
            group.add_argument('--to_right')

    with pytest.raises(OptionsError, match='RichOptions requires to_input; got the flags'):
        RichOptions([])
    options = RichOptions(['in.txt', '--to_left=1', '--no-to_switch'])
    assert (options.to_input, options.to_left, options.to_switch) == ('in.txt', '1', False)
    assert options.to_level == 6
    # Its argument without a flag would take any stray argument of the other tests.
    del RichOptions, options
    gc.collect()


def test_without_flags_argparse_is_not_even_imported():
    code = ('import sys; from bourne.sdk.options import *; o = PipelineOptions([]);'
            'o.view_as(StandardOptions).runner; o.check(); o.to_dict(); o.view_as(TypeOptions);'
            'print("argparse" in sys.modules)')
    ran = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, check=True)
    assert ran.stdout == 'False\n'


def test_a_required_option():
    class NeedyOptions(PipelineOptions):
        @classmethod
        def _add_argparse_args(cls, parser):
            parser.add_argument('--to_need', required=True)

    options = PipelineOptions(['--runner=local'])
    with pytest.raises(OptionsError) as error:
        options.view_as(NeedyOptions)
    assert str(error.value) == "NeedyOptions requires --to_need; got the flags ['--runner=local']"
    with pytest.raises(OptionsError, match='NeedyOptions requires --to_need'):
        NeedyOptions([])
    # Nobody who does not look at the class needs the option.
    options.check()
    assert options.get_all_options()['to_need'] is None
    assert NeedyOptions([], to_need='x').to_need == 'x'


@pytest.mark.parametrize(('flags', 'message'), [
    (['--workers=x'], "argument --workers: invalid whole number value: 'x'"),
    (['--workers=-1'], "argument --workers: invalid whole number value: '-1'"),
    (['--bundle_size=0'], "argument --bundle_size: invalid positive number value: '0'"),
    (['--memory_budget=x'], "argument --memory_budget: invalid size (such as 512MiB or 4GB) value: 'x'"),
    (['--memory_budget'], 'argument --memory_budget: expected one argument'),
])
def test_a_value_that_cannot_be_read(flags, message):
    options = PipelineOptions(flags)
    for read in (lambda: options.view_as(LocalOptions), options.check, options.to_dict):
        with pytest.raises(OptionsError) as error:
            read()
        assert str(error.value) == f'cannot read the pipeline options: {message}'


def test_a_task_that_would_take_nothing():
    with pytest.raises(OptionsError, match=r"--task_size: invalid size above 0 \(such as 16MB\) value: '0'"):
        PipelineOptions(['--task_size=0']).view_as(DaskOptions)


def test_flags_must_be_a_list_of_strings():
    with pytest.raises(OptionsError, match='must be a list of strings, not one string'):
        PipelineOptions('--runner=local')
    with pytest.raises(OptionsError, match=r'flags must be strings, got 4 \(int\)'):
        PipelineOptions(['--workers', 4])
    with pytest.raises(OptionsError, match='view_as takes a subclass of PipelineOptions'):
        PipelineOptions([]).view_as(int)


def test_unknown_options_are_all_reported_when_the_pipeline_runs():
    options = PipelineOptions(['--runer=x', '--job-name', 'a', '--to_text=b', '-q', '--zzzzzz'], wrkers=3)
    with pytest.raises(OptionsError) as error:
        options.check()
    assert str(error.value).splitlines()[:6] == [
        'unknown pipeline options:',
        '  --runer=x  (did you mean --runner?)',
        '  --job-name a  (did you mean --job_name?)',
        '  -q',
        '  --zzzzzz',
        '  wrkers=3  (did you mean workers?)',
    ]
    assert 'declared in a subclass of PipelineOptions' in str(error.value)


def test_an_option_may_be_declared_after_the_flags_were_given():
    options = PipelineOptions(['--to_later=1'], to_latest=2)

    class LaterOptions(PipelineOptions):
        @classmethod
        def _add_argparse_args(cls, parser):
            parser.add_argument('--to_later')
            parser.add_argument('--to_latest')

    options.check()
    assert (options.view_as(LaterOptions).to_later, options.view_as(LaterOptions).to_latest) == ('1', 2)


def test_the_arguments_of_the_program_may_be_meant_for_the_program(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['program', 'tests', '-q', '--runner=dask', '--to_nmber=3'])
    options = PipelineOptions()
    assert options.view_as(StandardOptions).runner == 'dask'
    with pytest.warns(OptionsWarning, match='(?s)-q.*to_nmber=3  .did you mean --to_number') as caught:
        options.check()
    assert len(caught) == 1


def test_arguments_that_are_no_options_are_reported(monkeypatch):
    monkeypatch.setattr(sys, 'argv', ['program.py'])
    with pytest.warns(OptionsWarning, match="not options and change nothing: 'runner=local'"):
        PipelineOptions(['program.py', 'runner=local', '']).check()
    PipelineOptions(['']).check()


def test_options_without_effect_say_so():
    options = PipelineOptions(['--save_main_session', '--machine_type=n1', '--workers=2', '--job_name=x'])
    with pytest.warns(OptionsWarning) as caught:
        options.check(ignored={'workers': 'everything runs in one process here'})
    message, = (str(item.message) for item in caught)
    assert message.splitlines()[0] == 'these pipeline options have no effect here:'
    assert [line.split(':')[0].strip() for line in message.splitlines()[1:]] == [
        '--save_main_session', '--worker_machine_type', '--workers']
    assert '--save_main_session: it is not needed: functions and classes of the main program travel' in message
    assert 'everything runs in one process here' in message
    options.view_as(SetupOptions).save_main_session = None
    options.view_as(WorkerOptions).machine_type = None
    options.view_as(LocalOptions).workers = 1
    options.check()
    PipelineOptions([]).check(ignored={'bundle_size': 'not set'})
    with pytest.warns(OptionsWarning, match='--bundle_size: not here'):
        PipelineOptions(['--bundle_size=4']).check(ignored={'bundle_size': 'not here'})


def test_an_option_that_the_program_declares_itself_is_its_own():
    class OwnOptions(PipelineOptions):
        @classmethod
        def _add_argparse_args(cls, parser):
            parser.add_argument('--subnetwork', type=int)

    options = OwnOptions(['--subnetwork=4'])
    options.check()
    assert options.subnetwork == 4


def test_an_option_must_not_hide_a_method():
    class HidingOptions(PipelineOptions):
        @classmethod
        def _add_argparse_args(cls, parser):
            if hiding:
                parser.add_argument('--check')

    hiding = True
    with pytest.raises(OptionsError, match=r"declares an option 'check'.*dest='check_option'"):
        HidingOptions([])
    # The class lives on until it is collected, and would break every test that looks at all classes.
    hiding = False


def test_all_options():
    options = PipelineOptions(['--to_text=a', '--more', '1', '--more=2', '--other'])

    def add(parser):
        parser.add_argument('--more', action='append')

    assert options.get_all_options(add_extra_args_fn=add)['more'] == ['1', '2']
    changed = options.get_all_options(drop_default=True)
    assert changed['to_text'] == 'a'
    assert 'runner' not in changed
    assert 'other' not in changed
    assert set(options.view_as(StandardOptions).get_all_options(current_only=True)) == {
        'runner', 'streaming', 'job_name', 'resource_hints', 'auto_unique_labels', 'no_wait_until_finish'}
    with pytest.warns(OptionsWarning, match='(?s)--more 1.*--other'):
        options.get_all_options(display_warnings=True)


@pytest.mark.parametrize(('flags', 'kept'), [
    (['--to_x', 'value'], {'to_x': 'value'}),
    (['--to_x=value'], {'to_x': 'value'}),
    (['--to_x=a = "2 + 2"'], {'to_x': 'a = "2 + 2"'}),
    (['--to_x'], {'to_x': True}),
    (['--to_x', '--to_y'], {'to_x': True, 'to_y': True}),
    (['-i'], {'i': True}),
    (['-i', 'value'], {}),
    (['stray'], {}),
])
def test_unknown_options_can_be_kept(flags, kept):
    known = PipelineOptions([]).get_all_options()
    found = PipelineOptions(flags).get_all_options(retain_unknown_options=True)
    assert {name: value for name, value in found.items() if name not in known} == kept


def test_options_from_a_dictionary_are_read_as_flags():
    options = PipelineOptions.from_dictionary({
        'to_number': '5', 'to_flag': True, 'to_many': ['a', 'b'], 'to_json': {'k': [1]}, 'to_named': 'n',
        'to_text': None, 'streaming': False, 'no_pipeline_type_check': True, 'no_wait_until_finish': False})
    view = options.view_as(SampleOptions)
    assert (view.to_number, view.to_flag, view.to_many) == (5, True, ['first', 'a', 'b'])
    assert (view.to_json, view.to_named, view.to_text) == ({'k': [1]}, 'n', None)
    assert options.view_as(TypeOptions).pipeline_type_check is False
    options.check()
    again = PipelineOptions.from_dictionary(PipelineOptions(['--no_pipeline_type_check']).get_all_options())
    again.check()
    assert again.view_as(TypeOptions).pipeline_type_check is False


values = st.none() | st.booleans() | st.integers() | st.text()


@given(text=values, number=values, many=st.none() | st.lists(st.text()),
       data=st.dictionaries(st.text(), values))
def test_options_travel_as_plain_data(text, number, many, data):
    options = PipelineOptions([], to_text=text, to_number=number, to_many=many, to_json=data)
    plain = json.loads(json.dumps(options.to_dict()))
    again = PipelineOptions.from_dict(plain)
    assert again.to_dict() == plain
    assert again.view_as(SampleOptions).get_all_options(current_only=True) == \
        options.view_as(SampleOptions).get_all_options(current_only=True)


def test_only_what_was_set_travels():
    assert PipelineOptions([]).to_dict() == {}
    assert PipelineOptions(['--runner=dask']).to_dict() == {'runner': 'dask'}
    options = PipelineOptions([])
    options.view_as(SampleOptions).to_text = date(2024, 2, 1)
    options.view_as(SampleOptions).to_many = {'b', 'a'}
    assert options.to_dict() == {'to_text': '2024-02-01', 'to_many': ['a', 'b']}


def test_pickle_and_copy():
    options = PipelineOptions(['--to_text=a', '--to_many=x']).view_as(SampleOptions)
    options.to_number = 3
    for made in (pickle.loads(pickle.dumps(options)), copy.deepcopy(options)):
        assert (made.to_text, made.to_number, made.view_as(StandardOptions).runner) == ('a', 3, 'local')
        made.to_many.append('y')
        assert options.to_many == ['first', 'x']


def test_a_class_with_its_own_init():
    class InitOptions(PipelineOptions):
        def __init__(self, flags=None, **kwargs):
            super().__init__(flags, **kwargs)
            self._seen = True

        @classmethod
        def _add_argparse_args(cls, parser):
            parser.add_argument('--to_init')

    view = PipelineOptions(['--to_init=1'], to_text='t').view_as(InitOptions)
    assert (view._seen, view.to_init, view.view_as(SampleOptions).to_text) == (True, '1', 't')


def test_repr():
    assert repr(PipelineOptions(['--runner=x'], a=1)) == "PipelineOptions(['--runner=x'], a=1)"
    assert "runner='x'" in repr(PipelineOptions(['--runner=x']).view_as(StandardOptions))


def test_help(capsys):
    with pytest.raises(SystemExit) as stop:
        PipelineOptions(['--help'])
    assert stop.value.code == 0
    shown = capsys.readouterr().out
    assert 'SampleOptions: Options of these tests.' in shown
    assert '--to_text TO_TEXT     a text' in shown
    assert '--runner' in shown
    assert '--subnetwork' not in shown.split('OwnOptions')[0]


@pytest.mark.parametrize(('given_', 'experiments'), [
    (['--experiment=a', '--experiments=b'], ['a', 'b']),
    (['--experiments=a,b'], ['a', 'b']),
    (['--experiments=a, k=v,b'], ['a', 'k=v', 'b']),
    (['--experiments=a,master=k1=v1,k2=v2'], ['a', 'master=k1=v1,k2=v2']),
    ([], None),
])
def test_experiments(given_, experiments):
    assert PipelineOptions(given_).view_as(DebugOptions).experiments == experiments


def test_experiments_are_looked_up():
    flags = ['--experiment=a,key=value', '--experiment=m=k1=v1,k2=v2']
    options = PipelineOptions(flags).view_as(DebugOptions)
    options.add_experiment('late')
    options.add_experiment('a')
    assert options.experiments == ['a', 'key=value', 'm=k1=v1,k2=v2', 'late']
    found = [options.lookup_experiment(key, 'no') for key in ('a', 'key', 'm', 'late', 'ke')]
    assert found == [True, 'value', 'k1=v1,k2=v2', True, 'no']
    assert PipelineOptions([]).view_as(DebugOptions).lookup_experiment('a') is None
    portable = PipelineOptions([]).view_as(PortableOptions)
    portable.add_environment_option('image=x')
    assert portable.lookup_environment_option('image') == 'x'


@pytest.mark.parametrize(('given_', 'name'), [
    (None, 'local'), ('local', 'local'), ('DirectRunner', 'local'), ('direct', 'local'), ('Runner', 'local'),
    ('BundleBasedDirectRunner', 'local'), ('FnApiRunner', 'local'), ('PrismRunner', 'local'),
    ('InProcessPipelineRunner', 'local'), ('apache_beam.runners.direct.direct_runner.DirectRunner', 'local'),
    ('DaskRunner', 'dask'), ('dask', 'dask'), ('FlinkRunner', 'flink'), ('my.MyRunner', 'my.MyRunner'),
])
def test_names_of_runners(given_, name):
    assert runner_name(given_) == name
    assert runner_name(PipelineOptions([], runner=given_)) == name


def test_a_runner_is_named():
    with pytest.raises(OptionsError, match=r"'runner' must be a name, got 3 \(int\)"):
        runner_name(PipelineOptions([], runner=3))


def test_what_other_runners_take_is_parsed():
    options = PipelineOptions(['--region=r', '--labels=a=b', '--label=c=d', '--dataflow_service_options=x,y',
                               '--num_workers=3', '--transform_name_mapping={"from": "to"}'])
    cloud = options.view_as(GoogleCloudOptions)
    assert (cloud.region, cloud.labels, cloud.dataflow_service_options) == ('r', ['a=b', 'c=d'], ['x', 'y'])
    assert cloud.transform_name_mapping == {'from': 'to'}
    assert options.view_as(WorkerOptions).num_workers == 3
    cloud.job_name = 'one'
    assert options.view_as(StandardOptions).job_name == 'one'


def test_options_context():
    @OptionsContext(runner='inner')
    def decorated():
        return OptionsContext.augment_options(PipelineOptions([])).view_as(StandardOptions).runner

    with OptionsContext(runner='outer', streaming=True):
        options = OptionsContext.augment_options(PipelineOptions(['--runner=x'])).view_as(StandardOptions)
        assert (options.runner, options.streaming, decorated()) == ('outer', True, 'inner')
    assert OptionsContext.augment_options(PipelineOptions([])).view_as(StandardOptions).streaming is False
    with OptionsContext(sreaming=True), pytest.raises(OptionsError, match='did you mean streaming'):
        OptionsContext.augment_options(PipelineOptions([])).check()


def test_the_options_of_the_pipeline_at_hand():
    options = PipelineOptions([])
    assert get_pipeline_options() is None
    with scoped_pipeline_options(options):
        assert get_pipeline_options() is options
        with scoped_pipeline_options(None):
            assert get_pipeline_options() is None
        assert get_pipeline_options() is options
    assert get_pipeline_options() is None


@pytest.fixture
def runtime(monkeypatch):
    monkeypatch.setattr(RuntimeValueProvider, 'runtime_options', None)


@pytest.mark.usefixtures('runtime')
def test_values_known_at_run_time():
    late = ProviderOptions([]).to_late
    nested = NestedValueProvider(late, lambda value: value + 1)
    assert not late.is_accessible()
    assert not nested.is_accessible()
    with pytest.raises(RuntimeValueProviderError, match=r'to_late.*known only when the pipeline runs'):
        late.get()
    RuntimeValueProvider.set_runtime_options({'to_late': '0'})
    assert (late.get(), nested.get()) == (0, 1)
    RuntimeValueProvider.set_runtime_options(ProviderOptions([]).get_all_options())
    assert late.get() == 3
    RuntimeValueProvider.set_runtime_options({})
    assert late.get() == 3
    assert str(late) == 'RuntimeValueProvider(option: to_late, type: int, default_value: 3)'


@pytest.mark.usefixtures('runtime')
def test_values_known_already():
    known = ProviderOptions(['--to_late=5']).to_late
    assert isinstance(known, StaticValueProvider)
    assert (known.get(), known.is_accessible(), known == 5, str(known)) == (5, True, True, '5')
    assert known == StaticValueProvider(int, '5')
    assert hash(known) == hash(5)
    options = ProviderOptions(['--to_late=5'])
    assert options.to_dict() == {'to_late': 5}
    assert PipelineOptions.from_dict({'to_late': 5}).view_as(ProviderOptions).to_late.get() == 5
    again = PipelineOptions.from_dictionary(options.get_all_options())
    assert again.view_as(ProviderOptions).to_late.get() == 5
    assert ProviderOptions([]).to_dict() == {}
    with pytest.raises(OptionsError, match="argument --to_late: invalid int value: 'x'"):
        ProviderOptions(['--to_late=x'])


@pytest.mark.usefixtures('runtime')
def test_a_method_that_needs_its_providers():
    class Reader:
        path = RuntimeValueProvider('to_path', str, None)

        @check_accessible(['path'])
        def read(self):
            return self.path.get()

    with pytest.raises(RuntimeValueProviderError, match=r'Reader.read needs path, .* not accessible yet'):
        Reader().read()
    RuntimeValueProvider.set_runtime_options({'to_path': 'a.txt'})
    assert Reader().read() == 'a.txt'


@pytest.mark.parametrize(('text', 'size'), [
    ('0', 0), ('12', 12), (12, 12), ('7B', 7), ('2KB', 2000), ('2 KiB', 2048), ('1.5GB', 1_500_000_000),
    ('.5mib', 1 << 19), ('9007199254740993', 9007199254740993), ('1PiB', 1 << 50),
])
def test_sizes(text, size):
    assert parse_size(text) == size


@pytest.mark.parametrize('text', ['', 'GB', '4 XB', '-1', -1, '1e3', True, None, 1.5, '4GBs', '٣KB'])
def test_what_is_no_size(text):
    with pytest.raises(ValueError) as error:
        parse_size(text)
    assert f"such as '4GB' or '512MiB'; got {text!r}" in str(error.value)
