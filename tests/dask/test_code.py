"""The user's code on workers that cannot import it, what it logs there, and clusters with TLS."""

from __future__ import annotations

import importlib
import logging
import pickle
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue
from types import ModuleType
from typing import Any

import dask
import pytest
from distributed import Client
from distributed.security import Security

from bourne.errors import OptionsError
from bourne.runners.dask import DaskRunner
from bourne.runners.dask.code import by_value, install, pickled
from bourne.runners.dask.logs import _forget, shown, topic
from bourne.runners.dask.topics import listening
from bourne.sdk.options import PipelineOptions
from bourne.sdk.testing.pipeline import TestPipeline
from bourne.sdk.testing.util import assert_that, equal_to
from bourne.sdk.transforms.create import Create
from bourne.sdk.transforms.pardo import Map
from bourne.sdk.transforms.read import Read
from tests.clusters import client as clients
from tests.clusters import shared_runner
from tests.dask.faults import own_cluster
from tests.dask.outside import outside


@pytest.fixture(scope='module')
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A cluster that cannot import what the tests make."""
    with outside(tmp_path_factory.mktemp('elsewhere'), count=1) as cluster, \
            Client(scheduler_file=str(cluster.file), set_as_default=False) as client:
        client.wait_for_workers(1)
        yield client


def made(folder: Path, monkeypatch: pytest.MonkeyPatch, name: str, files: dict[str, str]) -> ModuleType:
    """Writes files and imports a module of them."""
    for file, text in files.items():
        path = folder / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    monkeypatch.syspath_prepend(folder)
    importlib.invalidate_caches()
    module = importlib.import_module(name)
    for loaded in [one for one in sys.modules if one.partition('.')[0] == name.partition('.')[0]]:
        monkeypatch.delitem(sys.modules, loaded)
        monkeypatch.setitem(sys.modules, loaded, module if loaded == name else importlib.import_module(loaded))
    return sys.modules[name]


def check(client: Client, module: ModuleType, *flags: str) -> None:
    with TestPipeline(DaskRunner(client=client), PipelineOptions(list(flags))) as p:
        assert_that(p | Create([1, 2]) | Map(module.double), equal_to([2, 4]))


def knows(client: Client, name: str) -> bool:
    """Whether the worker can import a module."""
    def find() -> bool:
        import importlib.util

        return importlib.util.find_spec(name) is not None

    found, = client.run(find).values()
    assert isinstance(found, bool)
    return found


def test_own_modules_travel_with_the_functions(elsewhere: Client, tmp_path: Path,
                                               monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(tmp_path, monkeypatch, 'by_value', {
        'by_value.py': 'import by_value_too\ndef double(x):\n    return by_value_too.times(x, 2)\n',
        'by_value_too.py': 'def times(x, y):\n    return x * y\n'})
    check(elsewhere, module)
    assert not knows(elsewhere, 'by_value')


def test_a_module_is_uploaded(elsewhere: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(tmp_path, monkeypatch, 'uploaded_module', {
        'uploaded_module.py': 'def double(x):\n    import uploaded_module\n    return uploaded_module.FACTOR * x\n'
                              'FACTOR = 2\n'})
    check(elsewhere, module, f'--upload={tmp_path / "uploaded_module.py"}')
    assert knows(elsewhere, 'uploaded_module')


@pytest.mark.parametrize('slash', ['', '/'])
def test_a_package_is_uploaded(elsewhere: Client, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slash: str) -> None:
    name = f'uploaded_package_{len(slash)}'
    module = made(tmp_path / 'tests', monkeypatch, f'{name}.inner.deep', {
        f'{name}/__init__.py': '', f'{name}/inner/__init__.py': '', f'{name}/factor.txt': '2',
        f'{name}/inner/deep.py': f'from {name}.other import factor\ndef double(x):\n    return factor() * x\n',
        f'{name}/other.py': 'from pathlib import Path\ndef factor():\n'
                            '    return int(Path(__file__).with_name("factor.txt").read_text())\n'})
    check(elsewhere, module, f'--upload={tmp_path / "tests" / name}{slash}')
    assert knows(elsewhere, name)


CIRCLE = {
    'circle_one.py': """
import circle_two
from bourne.sdk.model.source import BoundedReader, Source

class Split:
    def __init__(self, number):
        self.number = number
    def doubled(self):
        return circle_two.times(self.number, 2)

class Numbers(Source):
    def splits(self, desired=1):
        return [Split(1), Split(2)]
    def open(self, split, position=None):
        return BoundedReader([split.doubled()], None, position or 0)

class Odd(Exception):
    def __init__(self, x, *, why):
        super().__init__(f'{x} is odd: {why}')
        self.why = why

def double(x):
    return circle_two.times(x, 2)

def refuse(x):
    raise Odd(x, why='it is')
""",
    'circle_two.py': 'import circle_one\ndef times(x, y):\n    assert circle_one.Split\n    return x * y\n'}


def test_modules_that_import_each_other_travel_and_so_do_their_classes(elsewhere: Client, tmp_path: Path,
                                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(tmp_path, monkeypatch, 'circle_one', CIRCLE)
    check(elsewhere, module)
    with TestPipeline(DaskRunner(client=elsewhere)) as p:
        assert_that(p | Read(module.Numbers()) | Map(module.double), equal_to([4, 8]))
    failing = TestPipeline(DaskRunner(client=elsewhere))
    failing | Create([1]) | Map(module.refuse)
    with pytest.raises(module.Odd, match='1 is odd: it is') as caught:
        failing.run()
    assert caught.value.why == 'it is'
    assert not knows(elsewhere, 'circle_one')


def test_a_module_that_is_there_by_two_names(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(tmp_path, monkeypatch, 'named_once', {'named_once.py': 'def double(x):\n    return 2 * x\n'})
    monkeypatch.setitem(sys.modules, 'named_twice', module)  # as multiprocessing does it with the main module
    data = pickled(module.double, ())
    monkeypatch.delitem(sys.modules, 'named_once')
    assert pickle.loads(data)(2) == 4


def test_two_threads_take_the_same_module_along(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module = made(tmp_path, monkeypatch, 'taken', {'taken.py': 'def double(x):\n    return 2 * x\n'})
    with ThreadPoolExecutor() as pool:
        with by_value(()):
            found = pool.submit(pickled, module.double, ())
        data = found.result()
    assert b'co_filename' in data or b'taken.py' in data  # its code, and not only its name


def test_what_cannot_be_uploaded(elsewhere: Client, tmp_path: Path) -> None:
    p = TestPipeline(DaskRunner(client=elsewhere), PipelineOptions([f'--upload={tmp_path / "nothing"}']))
    p | Create([1])
    with pytest.raises(OptionsError, match=r'--upload=.*nothing: this is no directory, and no file that'):
        p.run()


class Installing:
    """A client that is asked to have something installed."""

    lines: Sequence[str] | None = None

    def register_plugin(self, plugin: Any) -> None:
        self.lines = plugin._install_fn.packages


def installed(folder: Path, **files: str) -> Sequence[str] | None:
    for name, text in files.items():
        (folder / f'{name}.txt').write_text(text)
    client = Installing()
    install(client, str(folder / 'all.txt'))  # type: ignore[arg-type]
    return client.lines


def test_requirements_are_as_pip_reads_them(tmp_path: Path) -> None:
    assert installed(tmp_path, all='# nothing\n\n') is None
    found = installed(tmp_path, more='a @ git+https://here/a#subdirectory=x\nb==1 \\\n    --hash=sha256:00\n',
                      all='--only-binary :all:  # ours\n-r more.txt\n-rhttps://here/x.txt\n'
                          '--require-hashes\n')
    assert found == ['--only-binary :all:  # ours', 'a @ git+https://here/a#subdirectory=x', 'b==1 \\',
                     '    --hash=sha256:00', '-rhttps://here/x.txt', '--require-hashes']


@pytest.mark.parametrize(('line', 'said'), [
    ('-c versions.txt', r"the workers do not have the file that '-c versions.txt' in .*all.txt is about"),
    ('--constraint=versions.txt', "that '--constraint=versions.txt' in"),
    ('-r all.txt', 'all.txt is part of itself'), ('-r nothing.txt', r'No such file or directory: .*nothing.txt')])
def test_requirements_that_workers_cannot_have(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(OptionsError, match=f'--requirements_file=.*all.txt: .*{said}'):
        installed(tmp_path, all=line)


def test_logs_arrive_with_the_label(caplog: pytest.LogCaptureFixture) -> None:
    def tell(x: int) -> int:
        logging.getLogger('mine').warning('got %d', x)
        return x

    with caplog.at_level(logging.INFO), TestPipeline(shared_runner()) as p:
        assert_that(p | Create([7]) | 'step' >> Map(tell), equal_to([7]))
    record, = (one for one in caplog.records if one.name == 'mine')
    assert record.getMessage() == '[step] got 7'
    assert record.levelno == logging.WARNING
    assert record.bourne_transform == 'step'  # type: ignore[attr-defined]
    assert record.bourne_worker.startswith('tcp://')  # type: ignore[attr-defined]


def test_the_programs_own_levels_say_what_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    def tell(x: int) -> int:
        logging.getLogger('mine.chatty').info('of interest')
        logging.getLogger('mine.quiet').info('of none')
        return x

    with caplog.at_level(logging.WARNING, 'mine.quiet'), caplog.at_level(logging.INFO, 'mine.chatty'), \
            TestPipeline(shared_runner()) as p:
        assert_that(p | Create([7]) | 'step' >> Map(tell), equal_to([7]))
    assert [one.getMessage() for one in caplog.records if one.name.startswith('mine')] == ['[step] of interest']


def test_logs_with_names_of_files_that_are_no_text(caplog: pytest.LogCaptureFixture) -> None:
    def tell(x: int) -> int:
        logging.getLogger('mine').warning('read %s', 'a\udcff.txt')
        return x

    with TestPipeline(shared_runner()) as p:
        assert_that(p | Create([7]) | 'step' >> Map(tell), equal_to([7]))
    assert [one.getMessage() for one in caplog.records if one.name == 'mine'] == ['[step] read a\\udcff.txt']


def test_a_wrong_call_of_a_logger_does_not_fail_the_run(caplog: pytest.LogCaptureFixture) -> None:
    def tell(x: int) -> int:
        logging.getLogger('mine').warning('%d items', 'abc')
        logging.getLogger('mine').warning('%d items', x)
        return x

    with TestPipeline(shared_runner()) as p:
        assert_that(p | Create([7]) | 'step' >> Map(tell), equal_to([7]))
    assert [one.getMessage() for one in caplog.records if one.name == 'mine'] == ['[step] 7 items']


def test_logs_of_workers_in_this_process_appear_once(caplog: pytest.LogCaptureFixture) -> None:
    def tell(x: int) -> int:
        logging.getLogger('mine').warning('got %d', x)
        return x

    with own_cluster(workers=1, processes=False) as client, TestPipeline(DaskRunner(client=client)) as p:
        assert_that(p | Create([7]) | 'step' >> Map(tell), equal_to([7]))
    assert [one.getMessage() for one in caplog.records if one.name == 'mine'] == ['got 7']


def test_several_who_are_shown_the_logs_of_a_run(caplog: pytest.LogCaptureFixture) -> None:
    came: SimpleQueue[str] = SimpleQueue()

    client = clients()

    def log(text: str) -> None:
        client.log_event(topic('many'), {'name': 'mine', 'level': logging.WARNING, 'text': text, 'label': '', 'line': 1,
                                         'path': '', 'worker': '', 'created': 0.0})
        assert came.get(timeout=60) == text

    with shown(client, 'many'), listening(client, topic('many'), lambda event: came.put(event[1]['text'])):
        with shown(client, 'many'):
            log('to two')
        log('to one who stays')
        client.run_on_scheduler(_forget, topic('many'), 'another client that has waited')
        log('to one who still stays')
    assert [record.getMessage() for record in caplog.records if record.name == 'mine'] == [
        'to two', 'to one who stays', 'to one who still stays']


@pytest.mark.skipif(shutil.which('openssl') is None, reason='openssl makes the certificate')
def test_a_cluster_with_tls(tmp_path: Path) -> None:
    key, certificate = tmp_path / 'key.pem', tmp_path / 'certificate.pem'
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '1', '-subj', '/CN=bourne',
                    '-keyout', key, '-out', certificate], check=True, capture_output=True)
    flags = ['--tls-ca-file', str(certificate), '--tls-cert', str(certificate), '--tls-key', str(key),
             '--protocol', 'tls']
    security = Security(tls_ca_file=str(certificate), tls_client_cert=str(certificate), tls_client_key=str(key),
                        require_encryption=True)
    with outside(tmp_path, *flags, count=1) as cluster:
        assert cluster.address.startswith('tls://')
        with Client(cluster.address, security=security, set_as_default=False) as client, \
                TestPipeline(DaskRunner(client=client)) as p:
            assert_that(p | Create([1, 2]) | Map(str), equal_to(['1', '2']))
        configured = {'distributed.comm.tls.ca-file': str(certificate), 'distributed.comm.require-encryption': True,
                      'distributed.comm.tls.client.cert': str(certificate),
                      'distributed.comm.tls.client.key': str(key)}
        with dask.config.set(configured), \
                TestPipeline(DaskRunner(), PipelineOptions([f'--dask_scheduler={cluster.address}'])) as p:
            assert_that(p | Create([1, 2]) | Map(str), equal_to(['1', '2']))
