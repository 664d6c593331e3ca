from __future__ import annotations

import hashlib
import json
import pickle
from importlib.resources import files

import numpy as np
import pytest
from vvla_policies.envs.libero import suites
from vvla_policies.envs.suite import expand, load_suite

from vvla_policies.errors import SimulatorError, UnknownNameError

pytestmark = pytest.mark.libero

SIZES = {"libero_spatial": 10, "libero_object": 10, "libero_goal": 10, "libero_long": 10, "libero_90": 90}


@pytest.mark.parametrize(("name", "size"), SIZES.items())
def test_suites_have_their_tasks(name, size):
    suite = load_suite(name)
    assert len(suite.tasks) == size
    assert all(task.init_states == 50 for task in suite.tasks)
    assert all(suite.bddl_file(task.index).is_file() for task in suite.tasks)


def test_names_orders_and_instructions_equal_the_benchmark(monkeypatch, capsys):
    pytest.importorskip("torch")
    from vvla_policies.envs.libero.simulator import load_libero

    load_libero()
    from libero.libero.benchmark import get_benchmark

    for name in SIZES:
        original = get_benchmark(suites.FOLDERS[name])()
        ours = load_suite(name).tasks
        assert [t.name for t in ours] == [t.name for t in original.tasks]
        assert [t.instruction for t in ours] == [t.language for t in original.tasks]


def test_init_states_equal_the_benchmark():
    torch = pytest.importorskip("torch")
    for name in SIZES:
        suite = load_suite(name)
        task = suite.tasks[-1]
        path = suites.libero_root() / "init_files" / suites.FOLDERS[name] / f"{task.name}.pruned_init"
        assert np.array_equal(suite.init_states(task.index), torch.load(path, weights_only=False))


def test_aliases():
    assert load_suite("libero_10").name == "libero_long"
    assert len(expand(["libero"])) == 4
    with pytest.raises(UnknownNameError, match="libero_goal"):
        load_suite("libero_gaol")


def test_changed_init_states_are_refused(monkeypatch, tmp_path):
    suite = load_suite("libero_goal")
    key = f"libero_goal/{suite.tasks[0].name}"
    path = tmp_path / "init_files" / f"{key}.pruned_init"
    path.parent.mkdir(parents=True)
    path.write_bytes(b"not what it was")
    monkeypatch.setattr(suites, "libero_root", lambda: tmp_path)
    suites._read_init_states.cache_clear()
    with pytest.raises(SimulatorError, match="force-reinstall"):
        suites._read_init_states(key)


def test_the_unpickler_makes_arrays_only():
    import io
    import os

    class Evil:
        def __reduce__(self):
            return os.system, ("true",)

    with pytest.raises(pickle.UnpicklingError, match="arrays only"):
        suites._ArrayUnpickler(io.BytesIO(pickle.dumps(Evil()))).load()


def test_shipped_hashes_are_those_of_the_package():
    table = json.loads(files("vvla_policies.envs.libero").joinpath("init_states.json").read_text())
    assert len(table) == 130
    for key, told in list(table.items())[::13]:
        content = (suites.libero_root() / "init_files" / f"{key}.pruned_init").read_bytes()
        assert hashlib.sha256(content).hexdigest() == told["sha256"]
