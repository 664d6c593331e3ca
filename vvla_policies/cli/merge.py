"""`vvla merge`: shards of a run, put together."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vvla_policies.cli.console import guarded, out, say


@guarded
def merge(
    run: Annotated[list[Path], typer.Argument(help="Run folders of the shards.", show_default=False)],
    out_folder: Annotated[Path, typer.Option("--out", help="The new run folder.")],
) -> None:
    """Put the shards of a run together: the same records as those of a run in one piece.

    [bold]Example[/]

    vvla merge results/part-1 results/part-2 --out results/whole
    """
    from vvla_policies.evaluation.records.merging import merge as put_together
    from vvla_policies.evaluation.reports import tables

    whole = put_together(run, out_folder)
    tables.write(whole)
    out.print(tables.render([whole], width=out.width), markup=False, soft_wrap=True)
    say(f"{len(whole.records)} of {whole.manifest.planned} episodes: {whole.folder}")
