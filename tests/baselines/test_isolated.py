"""Policies in environments of their own: the launcher, the endpoint, the adapters, the scripts."""

import ast
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from packaging.requirements import Requirement
from vvla_policies.baselines import isolated, lerobot, octo, openpi, openvla
from vvla_policies.baselines.isolated import IsolatedPolicy, libero_card
from vvla_policies.baselines.servers import endpoint

from vvla_policies.errors import PolicyError
from vvla_policies.policy import check_policy, sample_observation
from vvla_policies.registry import load_policy
from vvla_policies.serving import wire

FAKE = Path(__file__).parent / "serve_fake.py"
SCRIPTS = sorted(isolated.SERVERS.glob("serve_*.py"))
CARD = libero_card("fake", "nowhere", 1, ("image", "state"))


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("VVLA_CACHE", str(tmp_path))


def start(**changes):
    given = {"card": CARD, "script": FAKE, "arguments": {"checkpoint": "here"}, "python": sys.executable}
    return IsolatedPolicy(**{**given, **changes})


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return "Z" not in Path(f"/proc/{pid}/stat").read_text().split()[2]


def test_a_script_is_started_asked_and_ended():
    policy = start()
    assert (policy.card.chunk, policy.card.weights) == (4, "0123")  # as the server says
    obs = sample_observation(policy.card)
    memories = [policy.initial_memory(seed) for seed in (1, 2)]
    for _ in range(2):
        answers = policy.act_batch([obs, obs], ["a", "b"], memories)
    # calls and seeds are each episode's own; the gripper has been turned to this package's sign
    expected = [[0.02, seed, 0.256, 0, 0, 0, 1] for seed in (0.001, 0.002)]
    np.testing.assert_allclose([answer[0] for answer in answers], expected, atol=1e-6)
    check_policy(policy)
    with pytest.raises(PolicyError, match="answered: ValueError: the network exploded"):
        policy.act_batch([obs], ["explode"], [policy.initial_memory(0)])
    policy.act_batch([obs], ["again"], [policy.initial_memory(0)])
    pid = policy._server._process.pid
    policy.close()
    assert not alive(pid)


def test_steps_cut_the_chunk():
    policy = start(steps=2)
    assert np.shape(policy.act(sample_observation(policy.card), "")) == (2, 7)
    policy.close()


def test_a_script_that_ends_is_one_line_with_its_last_words():
    with pytest.raises(
        PolicyError, match=r"'fake': its server ended: cannot reach the hub: no such checkpoint; see .*log"
    ):
        start(arguments={"checkpoint": "missing"})


def test_a_script_that_takes_too_long_is_ended():
    with pytest.raises(PolicyError, match="does not answer after 0 s"):
        start(start_seconds=0.0)


def test_an_interpreter_that_is_not_there_is_one_line():
    with pytest.raises(PolicyError, match="cannot start /no/python: No such file"):
        start(python="/no/python")


def test_no_uv_is_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(PolicyError, match="pip install uv, or name one that has its packages: --option python=PATH"):
        load_policy("vvla_policies.baselines.openpi:pi05")


def test_the_script_ends_with_a_process_that_is_killed(tmp_path):
    code = (
        "import os, sys; from pathlib import Path; from tests.baselines.test_isolated import start\n"
        "p = start(); print(p._server._process.pid, flush=True); os.kill(os.getpid(), 9)"
    )
    env = {**os.environ, "VVLA_CACHE": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, cwd=FAKE.parents[2], capture_output=True, check=False)
    pid = int(done.stdout)
    for _ in range(100):
        if not alive(pid):
            break
        time.sleep(0.1)
    assert not alive(pid)


# --- the endpoint -------------------------------------------------------------------------------------------------


def test_the_endpoint_writes_what_we_read():
    message = {"observation/image": np.zeros((2, 3, 3), np.uint8), "x": np.float32(1.5), "prompt": "p"}
    assert endpoint.pack(message) == wire.encode(message)
    back = endpoint.unpack(wire.encode(message))
    assert np.array_equal(back["observation/image"], message["observation/image"])
    assert back["x"] == 1.5
    with pytest.raises(TypeError, match="expected a map"):
        endpoint.unpack("text")


def test_an_openpi_client_asks_the_endpoint():
    client = pytest.importorskip("openpi_client.websocket_client_policy", reason="pip install --no-deps openpi-client")
    with endpoint.listen(lambda seed: lambda request: np.full((3, 7), 0.5), {"a": 1}, 0) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        policy = client.WebsocketClientPolicy("ws://127.0.0.1", server.socket.getsockname()[1])
        assert policy.get_server_metadata() == {"a": 1}
        assert policy.infer({"prompt": "x"})["actions"].shape == (3, 7)
        policy._ws.close()
        server.shutdown()
        thread.join(10)


# --- adapters and scripts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("build", "options", "script", "expected"),
    [
        (openpi.pi0, {}, "serve_openpi.py", {"config": "pi0_libero", "chunk": 5}),
        (openpi.pi0_fast, {}, "serve_openpi.py", {"config": "pi0_fast_libero", "chunk": 5}),
        (openpi.pi05, {"steps": 10}, "serve_openpi.py", {"config": "pi05_libero", "chunk": 10}),
        (openvla.openvla, {"suite": "libero_long"}, "serve_openvla.py", {"reads": ("image",), "chunk": 1}),
        (openvla.openvla_oft, {"suite": "libero_goal"}, "serve_openvla_oft.py", {"chunk": 8}),
        (octo.octo, {"checkpoint": "folder"}, "serve_octo.py", {"chunk": 4}),
        (lerobot.lerobot, {"checkpoint": "org/act"}, "serve_lerobot.py", {"trained_on": None}),
        (lerobot.smolvla, {}, "serve_lerobot.py", {"trained_on": "official"}),
    ],
)
def test_adapters(build, options, script, expected, monkeypatch):
    """Each starts its script with arguments that the script takes, under a card that says what was not tried."""
    seen = {}

    def instead(card, script, arguments, python=None, steps=None):
        seen.update(card=card, script=script, arguments=arguments)

    for module in (openpi, openvla, octo, lerobot):
        monkeypatch.setattr(module, "IsolatedPolicy", instead)
    build(**options)
    card, source = seen["card"], (isolated.SERVERS / script).read_text() + Path(endpoint.__file__).read_text()
    assert seen["script"] == script
    assert "never opened" in card.notes["tried"]
    assert card.weights == seen["arguments"]["checkpoint"]
    assert all(f'"--{option}"' in source for option in seen["arguments"])
    found = {**card.to_json(), "reads": card.reads, **seen["arguments"]}
    assert {key: found[key] for key in expected} == expected


def test_the_folder_that_lerobot_trained_into_will_do(monkeypatch, tmp_path):
    """Its last checkpoint is served; the folder's name stands in tables."""
    last = tmp_path / "act" / "checkpoints" / "last" / "pretrained_model"
    last.mkdir(parents=True)
    seen = []
    monkeypatch.setattr(lerobot, "IsolatedPolicy", lambda card, _, arguments, *rest: seen.append((card, arguments)))
    for given in (tmp_path / "act", last):
        lerobot.lerobot(str(given))
    assert [arguments["checkpoint"] for _, arguments in seen] == [str(last)] * 2
    assert Path(seen[0][0].notes["checkpoint"]).name == "act"


def test_openvla_wants_a_suite_it_has_weights_for():
    with pytest.raises(PolicyError, match="no OpenVLA weights for 'libero_90'"):
        openvla.openvla("libero_90")


def test_an_option_that_is_needed_is_asked_for():
    with pytest.raises(PolicyError, match=r"needs --option suite=\.\.\."):
        load_policy("vvla_policies.baselines.openvla:openvla")


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.stem)
def test_scripts_say_what_they_need(script):
    text = script.read_text()
    block = re.search(r"(?m)^# /// script\n((?:#.*\n)+?)# ///$", text)
    assert block, "no inline metadata"
    lines = "\n".join(line[2:] for line in block[1].splitlines())
    packages = ast.literal_eval(re.search(r"(?s)dependencies = (\[.*?\])$", lines, re.MULTILINE)[1])
    names = {Requirement(package).name for package in packages}
    assert {"websockets", "msgpack"} <= names
    assert all("@" in p.partition("git+")[2] for p in packages if "git+" in p), "a repository without a commit"
    run = subprocess.run([sys.executable, script, "--help"], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    assert "--checkpoint" in run.stdout
