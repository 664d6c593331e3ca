"""What all subcommands share: the two consoles, exit codes, and how errors reach the user."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NoReturn, TypeVar

import typer
from rich.console import Console
from rich.markup import escape

from vvla_policies.errors import VvlaError

OK, USER_ERROR, EPISODE_ERRORS, INTERRUPTED = 0, 1, 3, 130

out = Console(highlight=False)
err = Console(stderr=True, highlight=False)

Command = TypeVar("Command", bound=Callable[..., None])


def fail(message: str, code: int = USER_ERROR) -> NoReturn:
    """Ends the command with one line on stderr."""
    err.print(f"[bold red]error:[/] {escape(message)}", soft_wrap=True)
    raise typer.Exit(code)


def stop(message: str) -> NoReturn:
    """Ends an interrupted command with one line on stderr."""
    err.print(escape(message), soft_wrap=True)
    raise typer.Exit(INTERRUPTED)


def say(message: str) -> None:
    """One plain line on stdout, never broken by the width of the terminal."""
    out.print(escape(message), soft_wrap=True)


def guarded(command: Command) -> Command:
    """Turns a `VvlaError` into one line on stderr and exit code 1; everything else is a bug and keeps its traceback."""

    @functools.wraps(command)
    def run(*args: object, **kwargs: object) -> None:
        try:
            with _warnings_on_stderr():
                command(*args, **kwargs)
        except VvlaError as error:
            fail(str(error))
        except KeyboardInterrupt:
            stop("stopped")
        except BrokenPipeError:
            # the reader (`| head`) has gone: nothing is wrong, and nothing more can be said
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(OK) from None

    return run  # type: ignore[return-value]


def see_working_folder(*names: str) -> None:
    """Makes modules of the current folder importable if one of the names is a place, "package.module:Name".

    Worker processes inherit the path. Not done for plain names: a stray `random.py` in the folder would be imported.
    """
    here = str(Path.cwd())
    if any(":" in name for name in names) and here not in sys.path:
        sys.path.insert(0, here)


class _ToConsole(logging.Handler):
    """Log records of this package as one line each, through the console so that a live display stays whole."""

    def emit(self, record: logging.LogRecord) -> None:
        style = "yellow" if record.levelno < logging.ERROR else "bold red"
        label = "warning" if record.levelno < logging.ERROR else "error"
        err.print(f"[{style}]{label}:[/] {escape(record.getMessage())}", soft_wrap=True)


@contextmanager
def _warnings_on_stderr() -> Iterator[None]:
    logger, handler = logging.getLogger("vvla_policies"), _ToConsole(level=logging.WARNING)
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
