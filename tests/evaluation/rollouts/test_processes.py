"""Whatever kills a run: no process and no shared memory is left, and the run can be gone on with."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import fakes
from vvla_policies.evaluation.records.runs import EPISODES, load_run
from vvla_policies.evaluation.rollouts.evaluate import evaluate

REPOSITORY = Path(__file__).parents[3]
SCRIPT = """
import sys, json
from pathlib import Path
from tests import fakes
from vvla_policies.evaluation.rollouts import transport
from vvla_policies.evaluation.rollouts.evaluate import evaluate

settings = json.loads(sys.argv[1])
out = Path(settings.pop("out"))
limit = settings.pop("limit", None)
made = transport.SharedMemory

def noted(*args, **keywords):
    memory = made(*args, **keywords)
    with (out.parent / "segments").open("a") as file:
        file.write(memory.name + "\\n")
    return memory

transport.SharedMemory = noted
if limit:
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
evaluate(fakes.request(out, **settings))
"""

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="reads /proc")


class Started:
    """A run in a process of its own."""

    def __init__(self, folder: Path, faults: fakes.Faults = fakes.Faults(), **settings: Any) -> None:  # noqa: B008
        self.out = folder / "run"
        self.pids = folder / "pids"
        self.segments = folder / "segments"
        self.pids.mkdir()
        faults = fakes.Faults(**{**faults.__dict__, "pids": str(self.pids)})
        environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), **dict([faults.item()])}
        arguments = json.dumps({"out": str(self.out), **settings})
        self.process = subprocess.Popen(
            [sys.executable, "-c", SCRIPT, arguments],
            env=environment,
            stderr=subprocess.PIPE,
            start_new_session=True,
            text=True,
        )

    def recorded(self) -> int:
        path = self.out / EPISODES
        return path.read_bytes().count(b"\n") if path.exists() else 0

    def workers(self) -> list[int]:
        return [int(path.name) for path in self.pids.iterdir()]

    def end(self) -> tuple[int, str]:
        """Exit code and what was printed; also waits for the workers' and the segments' end."""
        _, printed = self.process.communicate(timeout=60)
        wait_for(lambda: not any(map(_alive, self.workers())))
        assert self.workers()
        wait_for(lambda: not [n for n in self.segments.read_text().split() if Path("/dev/shm", n).exists()])
        return self.process.returncode, printed


def wait_for(condition: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def _alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_killed_can_be_resumed(tmp_path: Path, number: signal.Signals) -> None:
    run = Started(tmp_path, fakes.Faults(step_seconds=0.01), episodes=4, workers=2)
    wait_for(lambda: run.recorded() >= 3)
    if number == signal.SIGINT:
        os.killpg(run.process.pid, number)  # as a terminal does
    else:
        run.process.send_signal(number)
    code, printed = run.end()
    assert code == {signal.SIGTERM: 143}.get(number, -number)
    assert "vvla-worker" not in printed
    if number != signal.SIGKILL:
        assert "leaked" not in printed
        (session,) = load_run(run.out).manifest.sessions
        assert session.episodes == len(load_run(run.out).records)
    listener = fakes.Listener()
    resumed = evaluate(fakes.request(run.out, episodes=4), listener)
    assert 3 <= len(resumed.records) - len(listener.records) < 12
    assert fakes.outcomes(resumed) == fakes.outcomes(evaluate(fakes.request(tmp_path / "whole", episodes=4)))
    first, second = resumed.manifest.sessions
    assert first.seconds is not None
    assert first.episodes + second.episodes == 12


def test_a_hanging_worker_ends_with_its_parent(tmp_path: Path) -> None:
    faults = fakes.Faults(at={"fake-t00-i00": {"kind": "hang", "step": 1}})
    run = Started(tmp_path, faults, episodes=1, tasks=[0], workers=1)
    wait_for(lambda: bool(run.workers()))
    time.sleep(0.3)
    run.process.kill()
    run.end()


def test_a_run_prints_nothing(tmp_path: Path) -> None:
    run = Started(tmp_path, episodes=1, workers=2, policy="Looker")
    assert run.end() == (0, "")
    assert len(run.segments.read_text().split()) == 2


@pytest.mark.parametrize("workers", [0, 2])
def test_a_full_disk_is_one_clear_line(tmp_path: Path, workers: int) -> None:
    run = Started(tmp_path, episodes=4, workers=workers, limit=4096)
    run.segments.touch()
    code, printed = run.end()
    assert code == 1
    last = printed.strip().splitlines()[-1]
    assert "RecordError: cannot write" in last
    assert "recorded episodes are kept" in last
    kept = load_run(run.out)
    assert 3 < len(kept.records) < 12
    assert not kept.warnings
    resumed = evaluate(fakes.request(run.out, episodes=4))
    assert fakes.outcomes(resumed) == fakes.outcomes(evaluate(fakes.request(tmp_path / "whole", episodes=4)))
