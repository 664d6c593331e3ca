"""Env steps per second on LIBERO: `vvla-eval` beside vla-eval 0.8.0 and LeRobot's LiberoEnv, and beside the simulator.

    python benchmarks/side_by_side/measure.py --assets FOLDER_OF_OFFICIAL_ASSETS [--processes 2] [--chunks 1 8]

Each harness lives in a virtual environment of its own, made at the first call (`--venvs`, some GB), with the same
MuJoCo, robosuite, hf-libero and official assets. All run the same tasks and recorded initial states by the zero policy,
to the same step limit, drawing in software (`--renderer egl` for a GPU), with the same number of processes. A harness
is run twice, with few and with more episodes of each task: steps over time of the difference, so that start-up cancels
and resets count. Rounds take turns; medians are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
SIMULATOR = ("mujoco==3.3.2", "robosuite==1.4.0", "hf-libero==0.1.4", "six", "torch")
PACKAGES = {
    "ours": (*SIMULATOR, f"{REPOSITORY}[libero]"),
    "vla-eval": (*SIMULATOR, "vla-eval==0.8.0"),
    "LeRobot": (*SIMULATOR, "lerobot"),
}
STEPS = {"libero_spatial": 220, "libero_object": 280, "libero_goal": 300, "libero_10": 520}
PORT = 8713
START_SECONDS = 60.0


@dataclass(frozen=True)
class Conditions:
    """What all harnesses do.

    Attributes:
        suite: as LIBERO names it.
        tasks: the first so many.
        processes: environments at the same time.
        renderer: value of `MUJOCO_GL`.
        assets: folder of the official assets.
        venvs: where environments are.
    """

    suite: str
    tasks: int
    processes: int
    renderer: str
    assets: Path
    venvs: Path

    def python(self, harness: str) -> Path:
        """The harness's interpreter."""
        return self.venvs / harness / "bin" / "python"

    def environment(self, harness: str) -> dict[str, str]:
        """Environment variables for it."""
        return {
            **os.environ,
            "MUJOCO_GL": self.renderer,
            "PYOPENGL_PLATFORM": self.renderer,
            "LIBERO_CONFIG_PATH": str(self.venvs / harness / "libero-config"),
            "VVLA_CACHE": str(self.venvs / "cache"),
            "OMP_NUM_THREADS": "1",
        }

    def run(self, harness: str, commands: Sequence[Sequence[str]], folder: Path) -> None:
        """Runs commands at the same time, each `python ARGUMENTS`, until all have ended well."""
        running = [
            subprocess.Popen(  # noqa: S603 - our own commands
                [str(self.python(harness)), *command],
                env=self.environment(harness), cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            )
            for command in commands
        ]  # fmt: skip
        printed = [process.communicate()[1] for process in running]
        for process, text in zip(running, printed, strict=True):
            if process.returncode:
                sys.exit(f"{harness} ended with {process.returncode}:\n{text[-2000:]}")


def prepare(conditions: Conditions, harness: str) -> None:
    """Makes the environment of a harness, if it is not there."""
    python = conditions.python(harness)
    done = python.parent.parent / "done"
    if done.exists():
        return
    print(f"making the environment of {harness} ...", flush=True)
    environment = {**os.environ, "CMAKE_POLICY_VERSION_MINIMUM": "3.5"}
    subprocess.run([sys.executable, "-m", "venv", str(python.parent.parent)], check=True)  # noqa: S603
    install = [str(python), "-m", "pip", "install", "--quiet", *PACKAGES[harness]]
    subprocess.run(install, check=True, env=environment)  # noqa: S603
    where = "import importlib.util as u; print(list(u.find_spec('libero').submodule_search_locations)[0])"
    found = subprocess.run([str(python), "-c", where], check=True, capture_output=True, text=True)  # noqa: S603
    root = Path(found.stdout.strip()) / "libero"
    (root / "assets").symlink_to(conditions.assets.resolve())  # hf-libero looks here before it asks a hub
    config = Path(conditions.environment(harness)["LIBERO_CONFIG_PATH"])
    config.mkdir()
    folders = {"benchmark_root": ".", "bddl_files": "bddl_files", "init_states": "init_files", "assets": "assets",
               "datasets": "../datasets"}  # fmt: skip
    lines = [f"{key}: {root / folder}\n" for key, folder in folders.items()]
    (config / "config.yaml").write_text("".join(lines), encoding="utf-8")
    if harness == "ours":
        command = [str(python.with_name("vvla")), "assets", "import", "libero", str(conditions.assets)]
        subprocess.run(command, check=True, env=conditions.environment(harness))  # noqa: S603
    done.touch()


# --- the harnesses: run so many episodes of each task, with chunks of so many actions ---------------------------------


def ours(conditions: Conditions, episodes: int, chunk: int) -> None:
    """`vvla-eval`."""
    suite = {"libero_10": "libero_long"}.get(conditions.suite, conditions.suite)
    with tempfile.TemporaryDirectory() as name:
        arguments = ["--policy", "zero_policy:Zero", "--option", f"chunk={chunk}", "--suite", suite]
        arguments += ["--tasks", f"0-{conditions.tasks - 1}", "--episodes", str(episodes), "--protocol", "openvla"]
        arguments += ["--workers", str(conditions.processes), "--assets", "official", "--out", name]
        code = "from vvla_policies.cli.evaluate import main; main()"
        conditions.run("ours", [["-c", code, *arguments]], HERE)


def vla_eval(conditions: Conditions, episodes: int, chunk: int) -> None:
    """Its server, and a shard for each process."""
    entry = {
        "benchmark": "vla_eval.benchmarks.libero.benchmark:LIBEROBenchmark",
        "episodes_per_task": episodes,
        "max_tasks": conditions.tasks,
        "params": {"suite": conditions.suite, "env_seed": 0},
    }
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        config = Path(name, "config.yaml")
        config.write_text(json.dumps({"benchmarks": [entry], "output_dir": name}), encoding="utf-8")  # JSON is YAML
        server = subprocess.Popen(  # noqa: S603 - our own command
            [str(conditions.python("vla-eval")), str(HERE / "zero_server.py"), str(PORT), str(chunk)],
            env=conditions.environment("vla-eval"), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        stack.callback(server.wait)
        stack.callback(server.terminate)
        _wait_for_port(PORT)
        render = "cpu" if conditions.renderer == "osmesa" else "gpu"
        client = ["-c", "from vla_eval.cli.main import main; main()", "run", "--config", str(config), "--no-docker"]
        client += ["--no-save", "--render", render, "--server-url", f"ws://127.0.0.1:{PORT}"]
        parts = conditions.processes
        shards = [["--shard-id", str(k), "--num-shards", str(parts)] for k in range(parts)] if parts > 1 else [[]]
        conditions.run("vla-eval", [[*client, *shard] for shard in shards], Path(name))


def lerobot(conditions: Conditions, episodes: int, chunk: int) -> None:
    """Its environment draws every step, whatever the chunk."""
    del chunk
    numbers = [conditions.tasks, episodes, STEPS[conditions.suite]]
    commands = [
        [str(HERE / "lerobot_loop.py"), conditions.suite, *map(str, [*numbers, part, conditions.processes])]
        for part in range(conditions.processes)
    ]
    conditions.run("LeRobot", commands, HERE)


HARNESSES: dict[str, Callable[[Conditions, int, int], None]] = {"ours": ours, "vla-eval": vla_eval, "LeRobot": lerobot}


def rate(conditions: Conditions, harness: str, chunk: int, few: int, many: int) -> float:
    """Env steps per second, resets included, from two runs."""
    taken = []
    for episodes in (few, many):
        start = time.perf_counter()
        HARNESSES[harness](conditions, episodes, chunk)
        taken.append(time.perf_counter() - start)
    return (many - few) * conditions.tasks * STEPS[conditions.suite] / (taken[1] - taken[0])


def floor(conditions: Conditions) -> dict[str, float]:
    """What `vvla bench` measures: seconds of bare physics for a step, and of bare drawing for an observation."""
    with tempfile.TemporaryDirectory() as name:
        code = "from vvla_policies.cli.main import app; app()"
        suite = {"libero_10": "libero_long"}.get(conditions.suite, conditions.suite)
        arguments = ["bench", "--policy", "zero_policy:Zero", "--suite", suite, "--assets", "official"]
        conditions.run("ours", [["-c", code, *arguments, "--out", f"{name}/costs.json"]], HERE)
        found: dict[str, float] = json.loads(Path(name, "costs.json").read_text(encoding="utf-8"))
        return found


def _wait_for_port(port: int) -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        with socket.socket() as knocking:
            if not knocking.connect_ex(("127.0.0.1", port)):
                return
        time.sleep(0.2)
    sys.exit("vla-eval's server does not start")


def main() -> None:
    """Prints the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--assets", type=Path, required=True, help="LIBERO's official asset folder")
    parser.add_argument("--venvs", type=Path, default=Path.home() / ".cache" / "vvla-side-by-side")
    parser.add_argument("--suite", default="libero_object", choices=STEPS)
    parser.add_argument("--tasks", type=int, default=2)
    parser.add_argument("--processes", type=int, default=1)
    parser.add_argument("--chunks", type=int, nargs="+", default=[1, 8])
    parser.add_argument("--episodes", type=int, nargs=2, default=[1, 3], metavar=("FEW", "MANY"), help="of each task")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--renderer", default="osmesa", choices=("osmesa", "egl"))
    parser.add_argument("--harnesses", nargs="+", default=list(HARNESSES), choices=HARNESSES)
    given = parser.parse_args()
    conditions = Conditions(
        given.suite, given.tasks, given.processes, given.renderer, given.assets, given.venvs.resolve()
    )
    for harness in given.harnesses:
        prepare(conditions, harness)
    for chunk in given.chunks:
        found: dict[str, list[float]] = {harness: [] for harness in given.harnesses}
        for _ in range(given.rounds):
            for harness in given.harnesses:
                found[harness].append(rate(conditions, harness, chunk, *given.episodes))
        rates = {harness: statistics.median(values) for harness, values in found.items()}
        print(f"\n{given.suite}, chunks of {chunk}, {given.processes} processes, {given.renderer}, resets included")
        for harness, value in rates.items():
            print(
                f"  {harness:9} {value:7.1f} steps/s   ours: {rates.get('ours', value) / value:5.2f} times", flush=True
            )
        if "ours" in rates:
            costs = floor(conditions)
            least = costs["floor_step"] + costs["floor_draw"] / chunk
            takes = costs["step"] + costs["draw"] / chunk
            print(f"  simulator alone {1 / least:7.1f} steps/s in one process; our environment takes "
                  f"{takes / least:.2f} times as long")  # fmt: skip


if __name__ == "__main__":
    main()
