"""The examples, run as a newcomer runs them."""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.clusters import cluster

EXAMPLES = Path(__file__).resolve().parent.parent / 'examples'


def run(example: str, directory: Path, *options: str) -> list[str]:
    """The lines that an example prints; it runs in ``directory``, where its default output goes."""
    done = subprocess.run([sys.executable, EXAMPLES / f'{example}.py', *options], capture_output=True, text=True,
                          cwd=directory, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ''
    return done.stdout.splitlines()


def lines_of(directory: Path, pattern: str) -> list[str]:
    """The lines of all files that match."""
    return [line for path in sorted(directory.glob(pattern)) for line in path.read_text().splitlines()]


def test_wordcount(tmp_path: Path) -> None:
    (tmp_path / 'docs').mkdir()
    (tmp_path / 'docs' / 'a.md').write_text('To be, or not to be:\nthat is the question\n')
    (tmp_path / 'docs' / 'b.md').write_bytes('Être être'.encode() + b'\xff no42')
    printed = run('wordcount', tmp_path, '--input=docs/*.md', '--output=build/counts', '--most=3', '--runner=local')
    assert sorted(line.split() for line in printed[:3]) == [['2', 'be'], ['2', 'to'], ['2', 'être']]
    expected = Counter(['to', 'be', 'or', 'not', 'to', 'be', 'that', 'is', 'the', 'question', 'être', 'être', 'no'])
    assert sorted(lines_of(tmp_path, 'build/counts*')) == sorted(f'{word}: {count}' for word, count in expected.items())
    assert printed[3:5] == ['', 'all counts: build/counts*.txt']
    assert printed[-1].startswith('3 lines, 13 words, 10 different ones; 0.0 MB in ')
    assert printed[-1].endswith(' MB/s')


def test_wordcount_reads_the_standard_library_by_default(tmp_path: Path) -> None:
    # Only what it reads: its whole text takes seconds.
    program = 'import wordcount; print(wordcount.WordCountOptions([]).input)'
    pattern = subprocess.check_output([sys.executable, '-c', program], text=True, cwd=EXAMPLES).strip()
    assert pattern == f'{Path(json.__file__).parent.parent}/[!s]*/**/*.py'
    assert any(Path(json.__file__).parent.glob('*.py'))


def test_wordcount_can_be_explained(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, '-m', 'bourne', 'explain', EXAMPLES / 'wordcount.py', '--plan'],
                          capture_output=True, text=True, cwd=tmp_path, check=True)
    assert done.stdout.startswith('stage 1: read +')
    assert 'by key: count/' in done.stdout
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(('options', 'expected'), [
    ((), ['09:00 blue 7', '09:00 red 7', '10:00 blue 8', '10:00 red 2', '11:00 green 10', '11:00 red 6']),
    (('--minutes=180',), ['09:00 blue 15', '09:00 green 10', '09:00 red 15']),
])
def test_team_scores(tmp_path: Path, options: tuple[str, ...], expected: list[str]) -> None:
    assert run('team_scores', tmp_path, *options) == []
    header, *rows = lines_of(tmp_path, 'build/team_scores/scores*')
    assert header == 'start,team,points'
    found = [row.replace('2026-03-01T', '').replace('+00:00', '').replace(',', ' ') for row in rows]
    assert sorted(found) == expected


def test_join(tmp_path: Path) -> None:
    assert run('join', tmp_path) == ['order 1004 names the customer 9, who is unknown']
    header, *rows = lines_of(tmp_path, 'build/join/spent*')
    assert header == 'name,country,orders,spent'
    assert sorted(rows) == ['"Dee, Ltd.",IE,1,12.0', 'Ada,GB,2,24.75', 'Bo,SE,2,5.75', 'Cy,GR,0,0']


def test_dead_letters(tmp_path: Path) -> None:
    assert run('dead_letters', tmp_path) == []
    assert sorted(lines_of(tmp_path, 'build/dead_letters/means*')) == ['cellar: 13.50', 'roof: 12.00']
    letters = [json.loads(line) for line in lines_of(tmp_path, 'build/dead_letters/bad*')]
    assert sorted((letter['line'], letter['error'].partition('(')[0]) for letter in letters) == [
        ('not JSON at all', 'JSONDecodeError'),
        ('{"sensor": "cellar"}', 'KeyError'),
        ('{"sensor": "roof", "celsius": "n/a"}', 'ValueError')]


def test_too_many_dead_letters_fail_the_run_and_leave_nothing(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, EXAMPLES / 'dead_letters.py', '--threshold=0.1'], capture_output=True,
                          text=True, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert 'ExceptionThresholdError' in done.stderr
    assert not lines_of(tmp_path, 'build/dead_letters/*')


def objects(directory: Path, pattern: str) -> list[dict[str, Any]]:
    """The JSON objects in all files that match, a line each."""
    return [json.loads(line) for line in lines_of(directory, pattern)]


#: A batch and a stream, inline and in worker processes.
WAYS = [(), ('--streaming',), ('--streaming', '--workers=2')]


@pytest.fixture(scope='module')
def events(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with files of events."""
    directory = tmp_path_factory.mktemp('events')
    assert run('events', directory, '--directory=.', '--count=3000', '--seed=5') == [
        'game.jsonl', 'clicks.jsonl', 'payments.jsonl']
    return directory


def test_the_same_seed_gives_the_same_events(tmp_path: Path, events: Path) -> None:
    run('events', tmp_path, '--directory=.', '--count=3000', '--seed=5')
    run('events', tmp_path, '--directory=others', '--count=3000', '--seed=6')
    for kind in ('game.jsonl', 'clicks.jsonl', 'payments.jsonl'):
        assert (tmp_path / kind).read_text() == (events / kind).read_text() != (tmp_path / 'others' / kind).read_text()
        times = [event['time'] for event in objects(events, kind)]
        assert len(times) == 3000
        assert times != sorted(times)


@pytest.mark.parametrize('options', WAYS, ids=' '.join)
def test_leaderboard(tmp_path: Path, events: Path, options: tuple[str, ...]) -> None:
    printed = run('leaderboard', tmp_path, f'--input={events}/game.jsonl', '--every=20', *options)
    game = objects(events, 'game.jsonl')
    users: Counter[str] = Counter()
    teams: Counter[tuple[str, str]] = Counter()
    for event in game:
        users[event['user']] += event['points']
        hour = datetime.fromtimestamp(event['time'] // 3600 * 3600, UTC).isoformat(timespec='minutes')
        teams[hour, event['team']] += event['points']
    last = {}
    for result in objects(tmp_path, 'build/leaderboard/users*'):
        last[result['name']] = max(last.get(result['name'], (-1, 0)), (result['pane'], result['points']))
    assert {name: points for name, (_, points) in last.items()} == users
    last = {}
    for result in objects(tmp_path, 'build/leaderboard/teams*'):
        key = result['hour'], result['name']
        last[key] = max(last.get(key, (-1, 0)), (result['pane'], result['points']))
    assert {key: points for key, (_, points) in last.items()} == teams
    assert printed[0] == f'{max(users.values()):>7,}  {max(users, key=users.__getitem__)}'
    assert (' late' in printed[-1]) == ('--streaming' in options)
    assert ' early' in printed[-1]


@pytest.mark.parametrize('options', WAYS, ids=' '.join)
def test_click_sessions(tmp_path: Path, events: Path, options: tuple[str, ...]) -> None:
    printed = run('click_sessions', tmp_path, f'--input={events}/clicks.jsonl', '--pause=900', *options)
    clicks: dict[str, list[tuple[float, str]]] = {}
    for event in objects(events, 'clicks.jsonl'):
        clicks.setdefault(event['visitor'], []).append((event['time'], event['page']))
    expected = []
    for visitor, way in clicks.items():
        visits: list[list[tuple[float, str]]] = []
        for click in sorted(way):
            if not visits or click[0] - visits[-1][-1][0] >= 900:
                visits.append([])
            visits[-1].append(click)
        expected += [(visitor, round(visit[-1][0] - visit[0][0]), [page for _, page in visit]) for visit in visits]
    found = [(visit['visitor'], visit['seconds'], visit['pages'])
             for visit in objects(tmp_path, 'build/click_sessions/visits*')]
    assert sorted(found) == sorted(expected)
    assert printed[0].startswith(f'{len(expected):,} visits of ')


@pytest.mark.parametrize('options', WAYS, ids=' '.join)
def test_fraud(tmp_path: Path, events: Path, options: tuple[str, ...]) -> None:
    printed = run('fraud', tmp_path, f'--input={events}/payments.jsonl', *options)
    tried: dict[str, tuple[float, float]] = {}
    expected = []
    for event in sorted(objects(events, 'payments.jsonl'), key=lambda event: event['time']):
        card, amount, time = event['card'], event['amount'], event['time']
        if amount < 1:
            tried[card] = time, amount
        elif amount > 300 and card in tried:
            before, tiny = tried.pop(card)
            if time < before + 600:
                expected.append((card, tiny, amount))
    found = [(warning['card'], warning['tried with'], warning['amount'])
             for warning in objects(tmp_path, 'build/fraud/warnings*')]
    assert sorted(found) == sorted(expected)
    assert printed[0] == f'{len(expected)} warnings'
    assert len(expected) > 5


def test_a_stream_without_input_writes_its_own(tmp_path: Path) -> None:
    assert run('fraud', tmp_path, '--streaming', '--events=500')[0].endswith(' warnings')
    assert len(objects(tmp_path, 'build/events/payments-500-1.jsonl')) == 500


@pytest.mark.parametrize('path', sorted(EXAMPLES.glob('*.py')), ids=lambda path: path.stem)
def test_an_example_says_how_it_is_run(path: Path) -> None:
    assert f'\n    python examples/{path.name}\n' in path.read_text(encoding='utf-8')


def test_wordcount_on_a_dask_cluster(tmp_path: Path) -> None:
    (tmp_path / 'text').write_text('to be or\nnot to be\n')
    # What workers print does not come here.
    printed = run('wordcount', tmp_path, f'--input={tmp_path}/text', f'--output={tmp_path}/counts', '--most=2',
                  '--runner=dask', f'--dask_scheduler={cluster().scheduler_address}')
    assert printed[-1].startswith('2 lines, 6 words, 4 different ones; ')
    assert sorted(lines_of(tmp_path, 'counts*')) == ['be: 2', 'not: 1', 'or: 1', 'to: 2']
