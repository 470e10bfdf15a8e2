"""The benchmarks on inputs of next to no size: contenders agree, measuring measures, the page shows it."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import data, page, results, run
from benchmarks.measure import ContenderFailed, Measure, compare, measure
from benchmarks.peers import by_hand, on_bourne, on_dask
from benchmarks.peers.environments import PEERS, Peer, prepare
from benchmarks.peers.jobs import Job, jobs
from benchmarks.peers.program import checksum
from benchmarks.workload import BOURNE, HAND, Goal, Workload, cpu_ratio, speedup
from benchmarks.workloads import workloads

SCALE = 0.001


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, 'FOLDER', tmp_path)
    monkeypatch.setenv('BENCHMARK_DATA', str(tmp_path))


def taken(cpu: float, wall: float = 1, memory: float = 10, result: str = 'r') -> Measure:
    return Measure(cpu, wall, memory, 0.1, 0.0, result)


@pytest.mark.parametrize('work', workloads(SCALE).values(), ids=lambda work: work.name)
def test_contenders_agree(work: Workload) -> None:
    given = work.prepare()
    found = {name: str(contender(given)) for name, contender in work.contenders.items()}
    assert set(found.values()) == {found[HAND]}
    assert next(iter(found)) == HAND
    assert len(found[HAND]) > 2


def test_inputs_are_made_once() -> None:
    assert data.kept('numbers', lambda: [1, 2]) == data.kept('numbers', lambda: [3]) == [1, 2]
    assert data.text_file('text', lambda: iter(['a\n'])) == data.text_file('text', lambda: iter(['b\n']))


def test_a_contender_is_measured_in_a_process_of_its_own() -> None:
    measured = measure(run.command('chain', BOURNE, SCALE))
    given = workloads(SCALE)['chain'].prepare()
    assert measured.result == str(workloads(SCALE)['chain'].contenders[HAND](given))
    assert measured.cpu > 0
    assert measured.wall > 0
    assert measured.start > 0
    assert measured.memory > 5
    assert measured.others >= 0


def program(tmp_path: Path, text: str) -> list[str]:
    path = tmp_path / 'program.py'
    path.write_text(text)
    return [sys.executable, str(path)]


def test_memory_and_cpu_time_of_children_count(tmp_path: Path) -> None:
    child = 'import time; x = bytes(range(256)) * 400_000; [*iter(lambda: time.process_time() < 0.3, False)]'
    measured = measure(program(tmp_path, f"""
import subprocess, sys
print('noise'); print('ready', flush=True); sys.stdin.readline()
subprocess.run([sys.executable, '-c', {child!r}])
print('done', flush=True); print('{{"result": "42", "memory": 5}}', flush=True); sys.stdin.readline()
"""))
    assert measured.result == '42'
    assert measured.cpu >= 0.25
    assert measured.memory > 100


def test_a_contender_without_an_answer_says_why(tmp_path: Path) -> None:
    with pytest.raises(ContenderFailed, match=r'^ModuleNotFoundError: .*no_such_peer'):
        measure(program(tmp_path, 'import no_such_peer'))


def test_contenders_run_in_turn_and_the_best_counts() -> None:
    order = []
    times = {'a': iter([3, 2]), 'b': iter([5, 7])}

    def contender(name: str) -> Any:
        def one() -> Measure:
            order.append(name)
            return taken(next(times[name]), memory=len(order))
        return one

    best, failed = compare({name: contender(name) for name in times}, rounds=2)
    assert order == ['a', 'b', 'a', 'b']
    assert best == {'a': taken(2, memory=3), 'b': taken(5, memory=4)}
    assert not failed


def test_those_that_fail_or_disagree_are_named() -> None:
    def broken() -> Measure:
        raise ContenderFailed('no memory')

    best, failed = compare({HAND: lambda: taken(1), 'broken': broken, 'wrong': lambda: taken(1, result='s')}, rounds=2)
    assert [*best] == [HAND]
    assert failed == {'broken': 'no memory', 'wrong': 'another result: s, not r'}


def test_goals() -> None:
    both = {HAND: taken(2, wall=4), BOURNE: taken(3, wall=2)}
    assert cpu_ratio(1.4).check(both) == {
        'what': 'CPU time, in that by hand', 'measured': '1.5', 'bound': 'at most 1.4', 'reached': False}
    assert speedup(BOURNE, HAND, 1.9).check(both)['reached']
    assert not speedup(BOURNE, HAND, 2.1).check(both)['reached']
    assert Goal('peak', lambda taken: 1234.5, 2000, 'MB').check(both)['measured'] == '1234 MB'


@pytest.mark.parametrize('job', jobs(SCALE), ids=lambda job: job.name)
@pytest.mark.parametrize('flags', [[], ['--workers=2']], ids=['inline', 'workers'])
def test_jobs_of_the_peers_agree(job: Job, flags: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_bourne, 'FLAGS', flags)
    inputs, found = [str(path) for path in job.inputs()], []
    for program in (by_hand, on_bourne):
        folder = data.fresh(program.__name__)
        program.JOBS[job.name](inputs, str(folder))
        found.append(checksum(folder))
    assert found[0] == found[1]
    assert not found[0].startswith('0 lines')


def test_a_job_without_a_program_says_why(tmp_path: Path) -> None:
    text = 'from benchmarks.peers.program import main; main({}, {"windows": "it has no windows"})'
    with pytest.raises(ContenderFailed, match=r'^it has no windows$'):
        measure([sys.executable, '-c', text, 'windows', str(tmp_path)])


def test_every_peer_has_a_program_and_says_what_it_needs() -> None:
    folder = Path(on_bourne.__file__).parent
    assert not [peer for peer in PEERS if not (folder / f'{peer.program}.py').exists()]
    with pytest.raises(ContenderFailed, match=r'^needs no-such-command, which'):
        prepare(Peer('Slow', 'on_slow', 'slow', needs='no-such-command'))


def test_what_is_chosen() -> None:
    every = workloads(SCALE).values()

    def names(only: str) -> list[str]:
        return [work.name for work in every if run.chosen(work.name, work.section, only)]

    assert len(names('')) == len(every)
    assert names('nexmark-q') == [f'nexmark-q{number}' for number in range(9)]
    assert names('q5, core') == ['wordcount', 'chain', 'windows', 'join', 'nexmark-q5', 'streams-q5']


def test_a_run_renews_its_rows_and_leaves_the_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(results, 'FILE', tmp_path / 'results.json')
    monkeypatch.setattr(page, 'PAGE', tmp_path / 'page.md')
    monkeypatch.setattr(run, 'workloads', lambda scale: workloads(SCALE))
    about: dict[str, Any] = {'unit': 'M', 'amount': 1, 'goals': []}
    join = results.row({HAND: taken(1), BOURNE: taken(2)}, {}, title='an old join', section='The core', **about)
    top = results.row({}, {'Slow': 'see https://example.org/x in /var/tmp/log | or not'}, title='an old top',
                      versions={'Slow': '1.0'}, **about)
    kept = {'bench': {'join': join}, 'peers': {'top': top}}
    results.save(kept)
    monkeypatch.setattr(run, 'measure', lambda command: taken(1))
    assert run.main(['--only', 'chain', '--rounds', '1']) == 0
    renewed = results.load()
    assert [*renewed['bench']] == ['chain', 'join']
    assert renewed['bench']['join'] == kept['bench']['join']
    assert renewed['peers'] == kept['peers']
    text = (tmp_path / 'page.md').read_text()
    assert '| an old join | M | 1 | 0.5 | 1 | 1 | 2.00 | 10 | 10 |' in text
    assert '| an old top | Slow | see ... in ... / or not | ' in text


def test_the_page_is_what_the_results_say() -> None:
    assert page.PAGE.read_text(encoding='utf-8') == page.page(results.load())


def test_the_results_tell_nothing_of_one_machine() -> None:
    text = json.dumps(results.load())
    assert not re.findall(r'\w+://|/(?:tmp|usr|var|home)/', text)


def test_dask_bag_has_partitions_for_all_cores(tmp_path: Path) -> None:
    path = tmp_path / 'lines'
    path.write_bytes(b'line\n' * 1000)
    assert on_dask._read(str(path)).npartitions >= 2 * on_dask.CPU_COUNT
