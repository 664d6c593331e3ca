"""`vvla serve`: a policy behind a websocket, for this harness, openpi's clients, or a robot."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from typing import Annotated

import typer

from vvla_policies.cli.console import err, guarded, say, see_working_folder
from vvla_policies.cli.parsing import parse_policy_options

WHAT, WHERE, HOW = "What to serve", "To whom", "Speed and limits"


@guarded
def serve(
    policy: Annotated[
        str, typer.Option(help="An installed policy, or your own: package.module:Class.", rich_help_panel=WHAT)
    ],
    checkpoint: Annotated[str | None, typer.Option(help="Weights for the policy.", rich_help_panel=WHAT)] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(help="An option of the policy, repeated.", metavar="KEY=VALUE", rich_help_panel=WHAT),
    ] = None,
    device: Annotated[
        str | None, typer.Option(help="For the policy: cpu, cuda, cuda:1 ...", rich_help_panel=WHAT)
    ] = None,
    host: Annotated[
        str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine's.", rich_help_panel=WHERE)
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for a free one.", rich_help_panel=WHERE)] = 8000,
    token: Annotated[
        str | None,
        typer.Option(
            envvar="VVLA_TOKEN",
            help="Clients must send it (Authorization: Api-Key TOKEN); better given by the environment.",
            rich_help_panel=WHERE,
        ),
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="Most requests in one call.", rich_help_panel=HOW)] = 16,
    batch_wait: Annotated[
        float, typer.Option(min=0, help="Milliseconds a call waits for other clients.", rich_help_panel=HOW)
    ] = 5.0,
    max_megabytes: Annotated[float, typer.Option(min=0.001, help="Largest request.", rich_help_panel=HOW)] = 16.0,
    max_clients: Annotated[int, typer.Option(min=1, help="Most connections.", rich_help_panel=HOW)] = 64,
) -> None:
    """Serve a policy over a websocket, in openpi's protocol.

    Any openpi client can ask it, with openpi's LIBERO keys or with this package's; so can this harness. Each connection
    is an episode, until a request says [bold]reset[/] or [bold]seed[/]. http://HOST:PORT/healthz answers OK.

    [bold]Examples[/]

    vvla serve --policy random --port 8000

    vvla-eval --policy ws://127.0.0.1:8000 --suite libero_goal --episodes 2
    """
    from vvla_policies.evaluation.rollouts.hosting import PolicyHost
    from vvla_policies.serving.server import LOOPBACK, Settings, serve_policy

    see_working_folder(policy)
    settings = Settings(host, port, token or "", max_megabytes, max_clients, batch_size, batch_wait / 1000)
    if host not in (LOOPBACK, "localhost", "::1") and not token:
        err.print("warning: anyone who reaches this machine can use the policy; set VVLA_TOKEN to ask for a token")
    hosted = PolicyHost(policy, parse_policy_options(option or [], checkpoint=checkpoint, device=device))

    def ready(listening: int) -> None:
        say(f"Serving {hosted.card.name} at ws://{host}:{listening}; Ctrl-C stops it")

    asyncio.run(_until_terminated(serve_policy(hosted, settings, ready)))


async def _until_terminated(serving: Coroutine[None, None, None]) -> None:
    """Serves until SIGTERM or Ctrl-C."""
    task = asyncio.create_task(serving)
    if os.name == "posix":
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    try:
        await task
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None
