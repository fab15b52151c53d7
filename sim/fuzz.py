"""`vedette-sim fuzz`: hostile MAVLink by the million against our receiving side, played again from any seed and block.

Exit codes: 0 nothing was found, 1 something was: the line says how to play it again.
"""

from dataclasses import dataclass
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from contract.clock import SystemClock
from sim.soak.siege import BLOCK_MESSAGES, Broken, Siege, quietly

TOLD_EACH_MESSAGES = 100_000  # where there is no terminal to draw a bar on


@dataclass(slots=True)
class Fuzzed:
    """What came of it. found: None when everything held."""

    messages: int = 0
    heard: int = 0
    sent: int = 0
    writes: int = 0
    transfers: int = 0
    failed_transfers: int = 0
    found: str | None = None
    found_in_block: int = 0


def register(app: typer.Typer) -> None:
    app.command("fuzz")(fuzz)


def fuzz(
    *,
    messages: Annotated[int, typer.Option(min=1, help="How many, in blocks of 10 000.")] = 1_000_000,
    seed: Annotated[int, typer.Option(min=0, help="Equal seeds send the same.")] = 1,
    from_block: Annotated[int, typer.Option(min=0, help="Where to begin; each block stands alone.")] = 0,
) -> None:
    """Send hostile MAVLink to links, vehicles and a transfer under way, and look whether everything holds.

    No crash, no vehicle with a key moved by what it did not sign, no value that cannot be, no command caused.
    """
    clock, console = SystemClock(), Console(highlight=False)
    began_us = clock.monotonic_us()
    typer.echo(f"seed {seed}, from block {from_block}: {messages} messages")
    result = fuzzed(messages=messages, seed=seed, from_block=from_block, console=console)
    took_s = (clock.monotonic_us() - began_us) / 1e6
    typer.echo(
        f"{result.messages} hostile messages in {took_s:.0f} s; {result.heard} frames heard as a vehicle's, "
        f"{result.sent} sent, {result.writes} of them part of {result.transfers + result.failed_transfers} transfers"
    )
    if result.found is not None:
        again = f"vedette-sim fuzz --seed {seed} --from-block {result.found_in_block} --messages {BLOCK_MESSAGES}"
        typer.echo(f"vedette-sim fuzz: block {result.found_in_block}: {result.found}; again: {again}", err=True)
        raise typer.Exit(1)
    typer.echo("everything held")


def fuzzed(*, messages: int, seed: int, from_block: int, console: Console) -> Fuzzed:
    """Until all were sent or something is found."""
    total = Fuzzed()
    with quietly(), Progress(console=console, transient=True) as bar:
        task = bar.add_task(f"seed {seed}", total=messages)
        block = from_block
        while total.messages < messages and total.found is None:
            count = min(BLOCK_MESSAGES, messages - total.messages)
            siege = Siege(seed, block)
            try:
                siege.play(count)
            except Exception as err:  # noqa: BLE001 - whatever it is: that is what is looked for
                total.found, total.found_in_block = _words(err), block
            _add(total, siege, count)
            bar.update(task, advance=count, description=f"seed {seed}, block {block}")
            block += 1
            if not console.is_terminal and total.messages % TOLD_EACH_MESSAGES == 0:
                console.print(f"seed {seed}: {total.messages} messages, next block {block}")
    return total


def _words(err: BaseException) -> str:
    """Of the first that was raised, inside whatever group it came in."""
    while (inside := getattr(err, "exceptions", ())) and len(inside):
        err = inside[0]
    return str(err) if isinstance(err, Broken) else f"{type(err).__name__}: {err}"


def _add(total: Fuzzed, siege: Siege, count: int) -> None:
    told = siege.told
    total.messages += count
    total.heard += told.heard
    total.sent += told.sent
    total.writes += told.writes
    total.transfers += told.transfers
    total.failed_transfers += told.failed_transfers
