"""Bars: drawn now and then, cheap to tell of changes, gone when they are closed, and never in anybody's way."""

from __future__ import annotations

import asyncio
import threading
import time
from collections import Counter
from itertools import pairwise

import pytest

from quantumjobs.core.records import Progress
from quantumjobs.core.states import JobState as S
from quantumjobs.display.bars import Drawer, bars
from tests.display.helpers import Canvas, snapshot


def timers() -> list[asyncio.TimerHandle]:
    return [timer for timer in asyncio.get_running_loop()._scheduled if not timer.cancelled()]


def drawer(**facts) -> tuple[Drawer, Canvas]:
    canvas = Canvas(asyncio.get_running_loop().time, **facts)
    return Drawer(lambda: canvas), canvas


# --- when it is drawn -------------------------------------------------------------------
async def test_what_is_over_at_once_is_not_drawn():
    show, canvas = drawer()
    bar = show.job("bell", snapshot())
    await asyncio.sleep(0.2)
    bar.put(snapshot(S.COMPLETED))
    bar.close()
    await asyncio.sleep(5)
    assert (canvas.drawn, canvas.finished) == ([], [])


async def test_the_last_frame_stays():
    show, canvas = drawer()
    bar = show.job("bell", snapshot(S.QUEUED, queue_position=4))
    await asyncio.sleep(1)
    bar.put(snapshot(S.COMPLETED))
    bar.close()
    assert canvas.drawn == [(0.3, ["bell  queued         0:00  4 ahead"])]
    assert canvas.finished == [["bell  completed      0:01"]]


async def test_the_clock_goes_on_every_second():
    show, canvas = drawer()
    bar = show.job("bell", snapshot())
    await asyncio.sleep(60)
    bar.close()
    assert [lines[0].split()[-1] for _, lines in canvas.drawn] == [f"0:{second:02}" for second in range(60)]


async def test_a_change_is_drawn_soon_and_many_changes_not_too_often():
    show, canvas = drawer()
    bar = show.job("bell", snapshot(progress=Progress(0, 1000)))
    await asyncio.sleep(0.35)
    for done in range(1000):
        bar.put(snapshot(progress=Progress(done, 1000)))
        await asyncio.sleep(0.001)
    bar.close()
    moments = [moment for moment, _ in canvas.drawn]
    assert len(moments) == 11
    assert all(late - early >= 0.099 for early, late in pairwise(moments))


async def test_a_change_after_a_while_is_drawn_at_once():
    show, canvas = drawer()
    bar = show.job("bell", snapshot(S.QUEUED))
    await asyncio.sleep(0.7)
    bar.put(snapshot(S.RUNNING))
    await asyncio.sleep(0.01)
    assert canvas.drawn[-1] == (0.7, ["bell  running        0:00"])
    bar.close()


async def test_a_place_that_takes_long_gets_a_tenth_of_the_loop():
    show, canvas = drawer()
    loop = asyncio.get_running_loop()
    canvas.on_draw = lambda: setattr(loop, "_now", loop.time() + 0.5)
    bar = show.job("bell", snapshot())
    until = loop.time() + 100
    while loop.time() < until:
        bar.put(snapshot())
        await asyncio.sleep(0.05)
    bar.close()
    assert len(canvas.drawn) <= 21


async def test_nothing_is_left_behind():
    show, canvas = drawer()
    threads = threading.active_count()
    bars = [show.job(str(at), snapshot(id=str(at))) for at in range(50)] + [show.group("all")]
    await asyncio.sleep(3)
    assert len(timers()) == 1
    assert threading.active_count() == threads
    assert len(asyncio.all_tasks()) == 1
    for bar in bars:
        bar.close()
    assert timers() == []
    assert show._sheets == {}
    drawn = len(canvas.drawn)
    for bar in bars:  # late news are no news
        bar.close()
    bars[0].put(snapshot())
    bars[-1].update(1, 2)
    await asyncio.sleep(3)
    assert len(canvas.drawn) == drawn
    assert len(canvas.finished) == 1


# --- what is drawn ----------------------------------------------------------------------
async def test_each_job_and_group_has_a_line():
    show, canvas = drawer()
    job, group = show.job("bell", snapshot(progress=Progress(3, 10))), show.group("jobs")
    group.update(2, 8)
    await asyncio.sleep(0.4)
    assert canvas.drawn[-1][1] == [
        "bell  running        0:00  ██████░░░░░░░░░░░░░░  3/10",
        "jobs     0:00  █████░░░░░░░░░░░░░░░  2/8",
    ]
    job.wake()
    job.close()
    group.close()


async def test_a_closed_bar_keeps_its_line_and_its_clock_stands_still():
    show, canvas = drawer()
    first, second = show.job("a", snapshot(id="a")), show.job("b", snapshot(id="b"))
    await asyncio.sleep(2)
    first.put(snapshot(S.FAILED, id="a"))
    first.close()
    await asyncio.sleep(2.5)
    assert canvas.drawn[-1][1] == ["a  failed         0:02", "b  running        0:04"]
    second.close()
    assert canvas.finished == [["a  failed         0:02", "b  running        0:04"]]


async def test_waits_for_one_job_share_a_bar():
    show, canvas = drawer()
    waits = [show.job("bell", snapshot()) for _ in range(3)]
    await asyncio.sleep(1)
    waits[0].close()
    waits[1].put(snapshot(S.COMPLETED))
    waits[1].close()
    assert canvas.finished == []
    waits[2].close()
    assert canvas.finished == [["bell  completed      0:01"]]


async def test_a_second_wait_for_a_job_goes_on_in_its_line():
    show, canvas = drawer()
    first, other = show.job("a", snapshot(id="a")), show.job("b", snapshot(id="b"))
    await asyncio.sleep(1)
    first.close()
    again = show.job("a", snapshot(S.QUEUED, id="a"))
    await asyncio.sleep(0.2)
    assert [line.split()[:2] for line in canvas.drawn[-1][1]] == [["a", "queued"], ["b", "running"]]
    again.close()
    other.close()


async def test_many_jobs_are_some_lines_and_a_sum():
    show, canvas = drawer()
    bars = [show.job(str(at), snapshot(id=str(at))) for at in range(1000)]
    group = show.group("jobs")
    for at in range(500):
        bars[at].put(snapshot(S.COMPLETED, id=str(at)))
        bars[at].close()
    bars[500].put(snapshot(S.FAILED, id="500"))
    await asyncio.sleep(0.5)
    lines = canvas.drawn[-1][1]
    assert [line.split()[0] for line in lines[:-1]] == ["jobs", *map(str, range(501, 509))]
    assert lines[-1] == "██████████░░░░░░░░░░  501/1000 jobs over: 499 running, 500 completed, 1 failed"
    for bar in bars[500:]:
        bar.put(snapshot(S.COMPLETED, id=bar.snapshot.id))
        bar.close()
    group.close()
    assert canvas.finished == [["████████████████████  1000/1000 jobs over: 1000 completed"]]


async def test_where_there_are_few_lines_all_bars_still_count():
    show, canvas = drawer(height=3)
    bars = [show.job(str(at), snapshot(id=str(at))) for at in range(5)]
    await asyncio.sleep(0.5)
    assert [line.split()[0] for line in canvas.drawn[-1][1]][:2] == ["0", "1"]
    assert canvas.drawn[-1][1][2].endswith("0/5 jobs over: 5 running")
    for bar in bars:
        bar.close()
    assert len(canvas.finished[0]) == 5


async def test_groups_alone_are_never_a_sum():
    show, canvas = drawer(height=1)
    groups = [show.group(str(at)) for at in range(3)]
    await asyncio.sleep(0.5)
    assert len(canvas.drawn[-1][1]) == 1
    for group in groups:
        group.close()
    assert len(canvas.finished[0]) == 3


async def test_a_program_that_waits_for_ever_for_one_job_after_another_keeps_no_bar_of_them():
    show, canvas = drawer()
    endless = show.job("endless", snapshot(id="endless"))
    for at in range(2000):
        bar = show.job(str(at), snapshot(id=str(at)))
        await asyncio.sleep(0.4)
        bar.put(snapshot(S.COMPLETED, id=str(at)))
        bar.close()
    (sheet,) = show._sheets.values()
    assert len(sheet._kept) <= 10
    assert canvas.drawn[-1][1][-1].endswith(" completed")
    endless.close()


async def test_places_are_drawn_each_for_itself():
    canvases = [Canvas(key=1), Canvas(key=2)]
    found = iter([*canvases, canvases[0]])
    show = Drawer(lambda: next(found))
    bars = [show.job(name, snapshot(id=name)) for name in "abc"]
    await asyncio.sleep(1)
    assert [len(canvas.drawn[-1][1]) for canvas in canvases] == [2, 1]
    for bar in bars:
        bar.close()


# --- in nobody's way --------------------------------------------------------------------
@pytest.mark.parametrize(
    "error", [OSError(5, "gone"), ValueError("closed"), UnicodeEncodeError("ascii", "é", 0, 1, "no")]
)
async def test_a_place_that_breaks_is_left_alone(error):
    show, canvas = drawer()
    canvas.error = error
    bars = [show.job(str(at), snapshot(id=str(at))) for at in range(3)]
    await asyncio.sleep(10)
    bars[0].put(snapshot())
    assert len(canvas.drawn) == 1
    assert timers() == []
    for bar in bars:
        bar.close()
    assert canvas.finished == []
    canvas.error = None
    again = show.job("again", snapshot())  # the next ones may have more luck
    await asyncio.sleep(1)
    again.close()
    assert len(canvas.finished) == 1


async def test_no_place_is_no_bar():
    def nowhere():
        raise OSError(9, "closed")

    for find in (lambda: None, nowhere):
        show = Drawer(find)
        job, group = show.job("x", snapshot()), show.group("y")
        job.put(snapshot())
        group.update(1, 2)
        await asyncio.sleep(1)
        job.close()
        group.close()


async def test_a_hostile_label_is_one_short_line():
    show, canvas = drawer()
    bar = show.job("\x1b[2J\n" * 1_000_000, snapshot())
    await asyncio.sleep(1)
    bar.close()
    assert all(len(line) <= 80 and line.isprintable() for line in canvas.finished[0])
    assert len(bar.label) <= 200


def test_loops_of_several_threads_share_a_place():
    canvas = Canvas()
    show = Drawer(lambda: canvas)
    everybody = threading.Barrier(4)

    async def wait(name: str) -> None:
        bar = show.job(name, snapshot(id=name))
        everybody.wait(20)
        await asyncio.sleep(0.5)
        for done in range(100):
            bar.put(snapshot(id=name, progress=Progress(done, 100)))
            await asyncio.sleep(0)
        everybody.wait(20)
        bar.put(snapshot(S.COMPLETED, id=name))
        bar.close()

    threads = [threading.Thread(target=asyncio.run, args=(wait(name),)) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert max(len(lines) for _, lines in canvas.drawn) == 4
    assert len(canvas.finished) == 1
    assert Counter(line.split()[1] for line in canvas.finished[0]) == {"completed": 4}


def test_bars_of_a_loop_that_was_closed_under_them_are_swept_away():
    canvas = Canvas()
    show = Drawer(lambda: canvas)

    async def leave() -> None:
        show.job("left", snapshot(id="left"))

    async def stay() -> None:
        bar = show.job("stays", snapshot())
        await asyncio.sleep(0.4)
        bar.close()

    asyncio.run(leave())
    asyncio.run(stay())
    assert [line.split()[0] for line in canvas.finished[0]] == ["stays"]
    assert show._sheets == {}


@pytest.mark.alone
async def test_a_change_costs_next_to_nothing():
    show, _ = drawer()
    bars = [show.job(str(at), snapshot(id=str(at))) for at in range(1000)]
    await asyncio.sleep(1)
    bar, news = bars[0], snapshot()
    begun = time.perf_counter()
    for _ in range(20_000):
        bar.put(news)
    assert (time.perf_counter() - begun) / 20_000 < 20e-6  # measured: 0.1e-6
    for bar in bars:
        bar.close()


def test_there_is_one_drawer():
    assert bars() is bars()
