"""The server: protocol, memory by connection, batches, limits, and clients that misbehave."""

import asyncio
import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

import numpy as np
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus

from tests.fakes import Expert
from tests.serving.served import ask, dial, observation, served
from vvla_policies.errors import VvlaError
from vvla_policies.evaluation.rollouts.hosting import PolicyHost
from vvla_policies.policy import BatchedPolicy, Memory, Policy, PolicyCard, sample_observation
from vvla_policies.serving.batching import Batcher
from vvla_policies.serving.server import Settings, serve_policy
from vvla_policies.serving.wire import decode, encode

REMEMBERING = "tests.fakes:Remembering"


class Slow(BatchedPolicy):
    """Takes as long for a batch as for one, and counts calls in each memory."""

    batches: list[int] = []  # noqa: RUF012 - read by the tests

    def __init__(self, seconds: float = 0.03) -> None:
        self.card = PolicyCard("slow", reads=("state",), chunk=2)
        self.seconds = seconds

    def initial_memory(self, seed):
        memory = Memory(seed)
        memory.calls = 0
        return memory

    def act_batch(self, obs, instructions, memories):
        self.batches.append(len(obs))
        time.sleep(self.seconds)
        if "explode" in instructions:
            raise ValueError("the network\nexploded")
        for memory in memories:
            memory.calls += 1
        return [np.full((2, 7), memory.calls / 1000 + memory.seed / 10, np.float32) for memory in memories]


class Plain(Policy):
    """Not batched, with a state of its own."""

    built = 0
    card = PolicyCard("plain", reads=("state",))

    def __init__(self) -> None:
        type(self).built += 1
        self.calls = 0

    def reset(self, seed=None):
        self.calls = 0

    def act(self, obs, instruction):
        self.calls += 1
        return np.full(7, self.calls / 100)


class Sighted(Expert):
    """Reads a picture of one size."""

    def __init__(self) -> None:
        super().__init__()
        self.card = PolicyCard("sighted", reads=("image",), image_sizes={"image": (8, 8)})


SLOW, PLAIN, SIGHTED = (f"tests.serving.test_server:{name}" for name in ("Slow", "Plain", "Sighted"))


def value(reply):
    return round(float(reply["actions"][0, 0]), 4)


def error_of(connection):
    """What the server says before it hangs up."""
    text = connection.recv(timeout=10)
    assert isinstance(text, str)
    with pytest.raises(ConnectionClosed):
        connection.recv(timeout=10)
    return text


# --- protocol ---------------------------------------------------------------------------------------------------------


def test_greeting_reply_and_memory():
    with served(REMEMBERING) as url:
        connection, greeting = dial(url)
        assert greeting["format"] == "vvla"
        assert greeting["card"]["name"] == "remembering"
        replies = [ask(connection, {**observation(), "prompt": "x", "seed": 5}), ask(connection, observation())]
        assert [r["actions"].shape for r in replies] == [(1, 7)] * 2
        assert [round(float(r["actions"][0, 3]) * 100) for r in replies] == [1, 2]
        assert replies[1]["server_timing"]["infer_ms"] >= 0
        assert replies[1]["server_timing"]["prev_total_ms"] > 0
        again = ask(connection, {**observation(), "prompt": "x", "seed": 5})
        assert np.array_equal(again["actions"], replies[0]["actions"])
        fresh, _ = dial(url)
        other = ask(fresh, observation())  # as a plain openpi client: no reset, no seed
        assert round(float(other["actions"][0, 3]) * 100) == 1


def test_an_openpi_client():
    client = pytest.importorskip("openpi_client.websocket_client_policy", reason="pip install --no-deps openpi-client")
    with served("vvla_policies.baselines.random:RandomPolicy", chunk=10) as url:
        policy = client.WebsocketClientPolicy(url)
        assert policy.get_server_metadata()["card"]["chunk"] == 10
        request = {
            "observation/image": np.zeros((224, 224, 3), np.uint8),
            "observation/wrist_image": np.zeros((224, 224, 3), np.uint8),
            "observation/state": np.zeros(8),
            "prompt": "put the bowl on the plate",
        }
        actions = [policy.infer(request)["actions"] for _ in range(3)]
    assert all(a.shape == (10, 7) for a in actions)
    assert not np.array_equal(actions[0], actions[1])


def test_replies_have_the_gripper_sign_of_the_request():
    with served("vvla_policies.baselines.noop:NoopPolicy") as url:
        connection, _ = dial(url)
        assert ask(connection, observation())["actions"][0, 6] == 1.0
        assert ask(connection, {"observation/state": np.zeros(8)})["actions"][0, 6] == -1.0


def test_health_needs_no_token_and_a_policy_does():
    with served(REMEMBERING, Settings(port=0, token="secret")) as url:
        with urllib.request.urlopen(url.replace("ws", "http") + "/healthz", timeout=10) as answer:
            assert (answer.status, answer.read()) == (200, b"OK\n")
        for headers in ({}, {"Authorization": "Api-Key wrong"}, {"Authorization": "secret"}):
            with pytest.raises(InvalidStatus) as refused:
                dial(url, **headers)
            assert refused.value.response.status_code == 401
        connection, _ = dial(url, Authorization="Api-Key secret")
        assert "actions" in ask(connection, observation())


def test_pages_in_a_browser_are_refused():
    with served(REMEMBERING) as url, pytest.raises(InvalidStatus) as refused:
        dial(url, Origin="https://example.org")
    assert refused.value.response.status_code == 403


# --- many clients -----------------------------------------------------------------------------------------------------


def test_requests_of_several_clients_go_into_one_call():
    Slow.batches.clear()
    with served(SLOW, Settings(port=0, batch_seconds=0.2)) as url:
        connections = [dial(url)[0] for _ in range(4)]
        for connection in connections:  # each is known to the server, so that it is waited for
            ask(connection, observation())
        Slow.batches.clear()
        for k, connection in enumerate(connections):
            connection.send(encode({**observation(), "seed": k}))
        replies = [decode(connection.recv(timeout=10)) for connection in connections]
    assert [value(r) for r in replies] == [0.001, 0.101, 0.201, 0.301]
    assert sum(Slow.batches) == 4
    assert max(Slow.batches) >= 3


def test_a_lone_client_does_not_wait_for_others():
    with served(REMEMBERING, Settings(port=0, batch_seconds=5.0)) as url:
        connection, _ = dial(url)
        start = time.perf_counter()
        ask(connection, observation())
        assert time.perf_counter() - start < 3


def test_plain_policies_have_an_instance_per_client_and_reuse_it():
    Plain.built = 0
    with served(PLAIN) as url:
        first, second = dial(url)[0], dial(url)[0]
        assert [value(ask(c, observation())) for c in (first, second, first)] == [0.01, 0.01, 0.02]
        assert Plain.built == 2
        first.close()
        third = dial(url)[0]
        time.sleep(0.2)
        assert value(ask(third, observation())) == 0.01
        assert Plain.built == 2


def test_a_killed_client_frees_its_place():
    with served(REMEMBERING, Settings(port=0, clients=1)) as url:
        code = f"import tests.serving.served as s, time; c = s.dial({url!r}); print(1, flush=True); time.sleep(60)"
        child = subprocess.Popen(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2], env=os.environ
        )
        assert child.stdout.readline() == b"1\n"
        with pytest.raises(InvalidStatus) as refused:
            dial(url)
        assert refused.value.response.status_code == 503
        child.send_signal(signal.SIGKILL)
        child.wait(10)
        for _ in range(100):
            with contextlib.suppress(InvalidStatus):
                connection, _ = dial(url)
                break
            time.sleep(0.05)
        assert "actions" in ask(connection, observation())


# --- clients that misbehave ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("message", "why"),
    [
        (b"\xc1garbage", "not a msgpack message"),
        ("text", "expected bytes"),
        (encode({"prompt": "x"}), "no observation"),
        (encode({"image": np.zeros((8, 8, 3), np.uint8)}), "reads state, which the request lacks"),
        (encode(observation())[:-3], "not a msgpack message"),
    ],
)
def test_what_is_malformed_gets_one_line(message, why):
    with served(REMEMBERING) as url:
        good, _ = dial(url)
        ask(good, observation())
        bad, _ = dial(url)
        bad.send(message)
        text = error_of(bad)
        assert text.startswith("error: ")
        assert why in text
        assert "\n" not in text
        assert round(float(ask(good, observation())["actions"][0, 3]) * 100) == 2


def test_pictures_of_another_size_are_refused_before_they_reach_a_batch():
    with served(SIGHTED) as url:
        connection, _ = dial(url)
        connection.send(encode({"image": np.zeros((9, 9, 3), np.uint8)}))
        assert "reads 'image' at (8, 8), the request has (9, 9)" in error_of(connection)


def test_oversized_requests():
    with served(REMEMBERING, Settings(port=0, megabytes=0.01)) as url:
        good, _ = dial(url)
        bad, _ = dial(url)
        with contextlib.suppress(ConnectionClosed):  # it may hang up before it has all
            bad.send(encode({**observation(), "image": np.zeros((256, 256, 3), np.uint8)}))
        with pytest.raises(ConnectionClosed) as closed:
            bad.recv(timeout=10)
        assert closed.value.rcvd.code == 1009
        assert "actions" in ask(good, observation())


def test_half_sent_requests():
    with served(REMEMBERING) as url:
        good, _ = dial(url)
        bad, _ = dial(url)
        frame = b"\x82\xfe\xff\xff" + bytes(4)  # binary, masked, 65535 bytes to come
        bad.socket.sendall(frame + b"only a little")
        port = int(url.rsplit(":", 1)[1])
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(b"GET / HT")
            assert "actions" in ask(good, observation())
            bad.socket.shutdown(socket.SHUT_RDWR)
        assert "actions" in ask(good, observation())


def test_a_policy_that_raises_ends_one_connection():
    with served(SLOW) as url:
        bad, good = dial(url)[0], dial(url)[0]
        ask(good, observation())
        bad.send(encode({**observation(), "prompt": "explode"}))
        assert error_of(bad) == "error: ValueError: the network exploded"
        assert value(ask(good, observation())) == 0.002


def test_after_a_failed_batch_the_culprit_fails_alone():
    with served(SLOW, Settings(port=0, batch_seconds=0.3)) as url:
        bad, good = dial(url)[0], dial(url)[0]
        for connection in (bad, good):
            ask(connection, observation())
        good.send(encode(observation()))
        bad.send(encode({**observation(), "prompt": "explode"}))
        assert "begin the episode again" in error_of(good)
        error_of(bad)
        bad, good = dial(url)[0], dial(url)[0]
        good.send(encode({**observation(), "seed": 3}))
        bad.send(encode({**observation(), "prompt": "explode"}))
        assert value(decode(good.recv(timeout=10))) == 0.301
        assert "exploded" in error_of(bad)


def test_eight_clients_of_which_one_is_killed_and_one_sends_garbage():
    with served(SLOW, seconds=0.005) as url:
        results: dict[int, list[float]] = {}

        def converse(k: int) -> None:
            connection, _ = dial(url)
            results[k] = []
            for step in range(12):
                if k == 0 and step == 4:
                    connection.socket.close()  # as if killed
                    return
                if k == 1 and step == 4:
                    connection.send(os.urandom(500))
                    assert isinstance(connection.recv(timeout=10), str)
                    return
                results[k].append(value(ask(connection, {**observation(k), **({"seed": k} if step == 0 else {})})))

        threads = [threading.Thread(target=converse, args=(k,)) for k in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    for k in range(2, 8):
        assert results[k] == [round((step + 1) / 1000 + k / 10, 4) for step in range(12)]


# --- the command --------------------------------------------------------------------------------------------------


def test_the_command_serves_until_it_is_told_to_stop(tmp_path):
    command = [sys.executable, "-c", "from vvla_policies.cli.main import app; app()", "serve", "--policy", "noop"]
    child = subprocess.Popen([*command, "--port", "0"], stdout=subprocess.PIPE, text=True, cwd=tmp_path)
    line = child.stdout.readline()
    assert line.startswith("Serving noop at ws://127.0.0.1:")
    connection, greeting = dial(line.split()[3].rstrip(";"))
    assert json.loads(json.dumps(greeting))["card"]["name"] == "noop"
    assert ask(connection, observation())["actions"].shape == (1, 7)
    child.send_signal(signal.SIGTERM)
    assert child.wait(20) == 130
    with pytest.raises(ConnectionClosed):
        connection.recv(timeout=10)


def test_a_port_that_is_taken_is_one_line():
    with served(REMEMBERING) as url:
        taken = Settings(port=int(url.rsplit(":", 1)[1]))
        with pytest.raises(VvlaError, match=r"cannot listen on 127\.0\.0\.1:.*; choose another --port"):
            asyncio.run(serve_policy(PolicyHost(REMEMBERING, {}), taken))


def test_sample_observations_of_any_policy_pass():
    with served("tests.fakes:Looker") as url:
        connection, greeting = dial(url)
        assert greeting["card"]["reads"] == ["image", "state"]
        sample = sample_observation(PolicyCard("x", reads=("image", "state"), image_sizes={"image": (16, 24)}))
        connection.send(encode({**sample, "seed": 1}))
        assert connection.recv(timeout=10)


def test_a_client_that_leaves_after_the_end_does_not_matter():
    async def leave_late() -> None:
        batcher = Batcher(PolicyHost("tests.fakes:Counting", {}), size=1, wait_seconds=0.0)
        answering = asyncio.create_task(batcher.run())
        await batcher.begin(0, seed=0)
        answering.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await answering
        await batcher.end(0)

    asyncio.run(leave_late())
