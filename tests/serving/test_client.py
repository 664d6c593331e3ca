"""The policy behind an address: same episodes as in this process, patience, and servers that misbehave."""

import contextlib
import threading
import time

import numpy as np
import pytest
from websockets.sync.server import serve

from tests.fakes import Remembering, errors, outcomes, request
from tests.serving.served import served
from vvla_policies.errors import PolicyError
from vvla_policies.evaluation.rollouts.evaluate import evaluate
from vvla_policies.policy import PolicyCard, check_policy, sample_observation
from vvla_policies.registry import load_policy
from vvla_policies.serving import client
from vvla_policies.serving.client import RemotePolicy
from vvla_policies.serving.server import Settings
from vvla_policies.serving.wire import decode, encode


@contextlib.contextmanager
def foreign(answer, greeting=None, port=0):
    """A server of someone else: `answer` takes a request and gives a reply, text, or None to hang up."""
    requests = []

    def handle(connection):
        connection.send(encode(greeting if greeting is not None else {"made_by": "openpi"}))
        for message in connection:
            requests.append(decode(message))
            reply = answer(requests[-1])
            if reply is None:
                connection.close()
                return
            connection.send(reply if isinstance(reply, str | bytes) else encode(reply))

    with serve(handle, "127.0.0.1", port, compression=None, max_size=None) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}", requests
        server.shutdown()
        thread.join(10)


@pytest.mark.parametrize(
    ("policy", "options", "workers"), [("Counting", {"chunk": 2}, 0), ("Looker", {}, 0), ("Expert", {"noise": 0.9}, 2)]
)
def test_episodes_are_those_of_this_process(policy, options, workers, tmp_path):
    here = evaluate(request(tmp_path / "here", policy, policy_options=options))
    with served(policy, **options) as url:
        there = evaluate(request(tmp_path / "there", url, workers=workers, batch_size=2))
    assert outcomes(there) == outcomes(here)
    assert not errors(there)
    assert there.manifest.policy["card"]["name"] == here.manifest.policy["card"]["name"]


def test_it_keeps_the_rules_of_policies():
    with served(Remembering.__name__) as url:
        policy = load_policy(url)
        check_policy(policy)
        policy.close()


def test_requests_of_a_batch_are_answered_in_one_call():
    Remembering.batches.clear()
    with served("Remembering", Settings(port=0, batch_seconds=0.2)) as url:
        policy = load_policy(url)
        memories = [policy.initial_memory(seed) for seed in range(4)]
        obs = [sample_observation(policy.card, k) for k in range(4)]
        for _ in range(3):
            answers = policy.act_batch(obs, [""] * 4, memories)
        policy.close()
    assert [round(float(a[0, 3]) * 100) for a in answers] == [3] * 4
    assert Remembering.batches[-1] > 1


def test_connections_are_used_again():
    with served("Remembering") as url:
        policy = load_policy(url)
        for _ in range(3):
            memory = policy.initial_memory(1)
            policy.act_batch([sample_observation(policy.card)], [""], [memory])
            del memory
        assert len(policy._all) == 1
        policy.close()


# --- servers of others --------------------------------------------------------------------------------------------


def test_an_openpi_server_gets_openpis_keys_and_is_cut_to_its_steps():
    chunk = np.tile(np.arange(7, dtype=np.float64) / 10, (10, 1))
    with foreign(lambda _: {"actions": chunk, "server_timing": {"infer_ms": 1.0}}) as (url, requests):
        policy = load_policy(url)
        assert (policy.card.name, policy.card.chunk, policy.card.benchmarks) == ("openpi", 5, ("libero",))
        obs = sample_observation(policy.card)
        actions = np.asarray(policy.act(obs, "stack the bowls"))
        assert load_policy(url, steps=3).card.chunk == 3
        policy.close()
    assert actions.shape == (5, 7)
    np.testing.assert_allclose(actions[0], [0, 0.1, 0.2, 0.3, 0.4, 0.5, -0.6], atol=1e-6)
    assert requests[0]["prompt"] == "stack the bowls"
    assert requests[0]["observation/image"].shape == (224, 224, 3)
    assert np.array_equal(requests[0]["observation/state"], obs["state"])


def test_a_server_may_say_what_it_is_and_which_pictures_it_wants():
    greeting = {"card": PolicyCard("theirs", chunk=2).to_json(), "image_size": None}
    with foreign(lambda _: {"actions": np.zeros((2, 7))}, greeting) as (url, requests):
        policy = load_policy(url)
        assert policy.card == PolicyCard("theirs", chunk=2)
        policy.act(sample_observation(policy.card), "")
        policy.close()
    assert requests[0]["observation/image"].shape == (256, 256, 3)


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        ("Traceback\n  line 3\nValueError: no such camera\n", "answered: ValueError: no such camera"),
        ({"action": 1}, "without actions"),
        ([1], "without actions"),
        (b"\xc1", "without actions"),
        ({"actions": "none"}, "without actions"),
    ],
)
def test_answers_that_are_none(reply, why):
    with foreign(lambda _: reply) as (url, _):
        policy = load_policy(url)
        with pytest.raises(PolicyError, match=why):
            policy.act(sample_observation(policy.card), "")
        policy.close()


def test_no_server_is_one_line_soon():
    start = time.monotonic()
    with pytest.raises(PolicyError, match=r"no policy answers at ws://127\.0\.0\.1:9"):
        RemotePolicy("ws://127.0.0.1:9", patience=0.5)
    assert time.monotonic() - start < 5


@pytest.mark.parametrize("url", ["ws://", "http://127.0.0.1:1", "ws:127.0.0.1"])
def test_what_is_no_address(url):
    with pytest.raises(PolicyError, match="no address"):
        RemotePolicy(url)


def test_a_wrong_token_is_not_tried_again(monkeypatch):
    with served("Remembering", Settings(port=0, token="right")) as url:
        monkeypatch.setenv(client.TOKEN, "wrong")
        with pytest.raises(PolicyError, match="HTTP 401 send the header"):
            load_policy(url)
        monkeypatch.setenv(client.TOKEN, "right")
        policy = load_policy(url)
        policy.act(sample_observation(policy.card), "")
        policy.close()


def test_a_server_that_starts_late_is_waited_for():
    with served("Remembering") as url:
        port = int(url.rsplit(":", 1)[1])

    def later():
        time.sleep(0.6)
        with served("Remembering", Settings(port=port)):
            done.wait(20)

    done = threading.Event()
    thread = threading.Thread(target=later)
    thread.start()
    policy = load_policy(url, patience=20)
    policy.act(sample_observation(policy.card), "")
    policy.close()
    done.set()
    thread.join(30)


def test_episodes_are_begun_again_when_the_server_was_lost(tmp_path):
    """The server hangs up twice in the middle; the run comes out as if it had not."""
    here = evaluate(request(tmp_path / "here", "Looker", tasks=(0,)))
    asked = 0
    with served("Looker") as url:
        backend = load_policy(url)

        def answer(message):
            nonlocal asked
            asked += 1
            if asked in (3, 9):
                return None
            if message.pop("reset", False):
                backend.reset(message.pop("seed"))
            return {"actions": np.asarray(backend.act(message, message.pop("prompt")))}

        with foreign(answer, {"format": "vvla", "card": backend.card.to_json()}) as (proxy, _):
            there = evaluate(request(tmp_path / "there", proxy, tasks=(0,)))
        backend.close()
    assert outcomes(there) == outcomes(here)


def test_a_server_that_always_hangs_up_is_given_up(tmp_path):
    with foreign(lambda _: None, {"format": "vvla", "card": PolicyCard("rude", reads=("state",)).to_json()}) as (
        url,
        _,
    ):
        run = evaluate(request(tmp_path, url, tasks=(0,), episodes=1))
    assert set(errors(run).values()) == {"PolicyError"}
