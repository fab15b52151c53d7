"""`vedette-sim`: the whole stack on one machine, replays, simulated vehicles."""

import sys

import typer

app = typer.Typer(no_args_is_help=True, pretty_exceptions_enable=False, add_completion=False)
COMMANDS = {  # and the module whose `register` adds it
    "demo": "sim.demo",
    "run": "sim.run_command",
    "score": "sim.score.command",
    "compare": "sim.compare",
    "replay": "sim.replay",
    "record": "sim.record",
    "import": "sim.import_tape",
    "bench": "sim.bench",
    "fuzz": "sim.fuzz",
    "autopilot": "sim.autopilot.command",
    "dock": "sim.dock_command",
    "show": "sim.show",
    "dataset": "sim.dataset.command",
}


@app.callback()
def vedette_sim() -> None:
    """The whole stack on one machine, replays, simulated vehicles."""
    # Without a callback typer takes a lone command's name for an argument.


def main() -> None:
    """Import only the chosen command: a replay needs no broker, a demo no plots."""
    from importlib import import_module  # noqa: PLC0415

    chosen = sys.argv[1:2] if sys.argv[1:2] and sys.argv[1] in COMMANDS else COMMANDS
    try:
        for name in chosen:
            import_module(COMMANDS[name]).register(app)
        app()
    except KeyboardInterrupt:  # where no command answers it: the imports alone take a second
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
