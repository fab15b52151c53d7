"""`vedette-models`: what models there are, fetch one, bring one's own."""

import os
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.table import Table

from contract.clock import SystemClock
from detectors.bench import frames_of, noise
from detectors.bench_report import run_bench
from detectors.building.commands import build, person, validate, verify
from detectors.engines import SUFFIX, add_engine, known_engines
from detectors.errors import DetectorError, Disagreement, DownloadError, ModelError
from detectors.licence import show_licence
from detectors.manifest import read_manifest, shipped_manifests
from detectors.nano.commands import evaluate, export, label, train
from detectors.opening import open_file
from detectors.progress import download_with_bar
from detectors.registry import (
    DEFAULT_MODEL,
    Downloader,
    ModelFile,
    add_model,
    find_model,
    model_cache,
    model_folders,
    read_model,
    sha256_of,
)
from detectors.signing import check_trust, make_key, read_key, sign

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help=(
        "Models of Vedette. A name is looked up in the folders of VEDETTE_MODELS (separated by ':'), then in the cache "
        "(VEDETTE_CACHE, else ~/.cache/vedette/models); 'pull' fetches the ones Vedette knows. Every file is checked "
        "against its sha256. Exit codes: 0 done, 1 it could not be fetched or falls behind, 2 wrong usage, "
        "model or manifest."
    ),
)


app.command()(build)
app.command()(verify)
app.command()(train)
app.command()(export)
app.command()(evaluate)
app.command()(label)
app.command()(validate)


@app.command("list")
def list_models() -> None:
    """Show every model Vedette knows, and whether it is on this machine."""
    table = Table("name", "here", "licence", "MB", "input", "added", "file")
    known = shipped_manifests()
    for folder in (*model_folders(os.environ), model_cache(os.environ)):
        known |= {path.stem: read_manifest(path) for path in sorted(folder.glob("*.yaml"))}
    for name, manifest in sorted(known.items()):
        size = f"{manifest.input.width_px}x{manifest.input.height_px}" if manifest.input else "as the file"
        try:
            here, where = "yes", str(_find(name).path)
        except DownloadError:
            here, where = "no", ""
        except ModelError as err:
            here, where = "wrong", str(err)
        default = " (default)" if name == DEFAULT_MODEL else ""
        megabytes = f"{manifest.size_bytes / 1e6:.1f}"
        added = _added(manifest.added_by, manifest.added_at_us)
        table.add_row(name + default, here, manifest.licence, megabytes, size, added, where)
    Console().print(table)
    for name, manifest in sorted(known.items()):
        if manifest.compares:
            Console().print(f"{name}: {manifest.compares}", highlight=False, soft_wrap=True)
    if engines := known_engines(model_cache(os.environ)):
        table = Table("engine of", "for", "TensorRT", "precision", "batch", "added", "file")
        for engine in engines:
            record, key = engine.record, engine.record.key
            added = _added(record.added_by, record.added_at_us)
            batch = str(key.profile.most)
            table.add_row(record.model, key.device, key.tensorrt, key.precision, batch, added, str(engine.path))
        Console().print(table)


@app.command()
def pull(name: Annotated[str, typer.Argument(help="A name from 'vedette-models list'.")] = DEFAULT_MODEL) -> None:
    """Fetch a model into the cache; a broken download is continued by the next pull."""
    file = _find(name, download_with_bar(Console(stderr=True)))
    typer.echo(f"{name}: {file.path}")


@app.command()
def add(
    file: Annotated[
        Path,
        typer.Argument(help="An ONNX file, one input [1, 3, height, width]; or an engine that 'build' made elsewhere."),
    ],
    name: Annotated[str | None, typer.Option(help="What to call it; the file's name when left out.")] = None,
    manifest: Annotated[
        Path | None, typer.Option(help="Its manifest (YAML); when left out, COCO classes are assumed.")
    ] = None,
    licence: Annotated[
        str | None, typer.Option(help="The licence its weights come under, for whoever asks later.")
    ] = None,
    by: Annotated[str | None, typer.Option(help="Who lets it in; who is logged in if left out.")] = None,
) -> None:
    """Copy a model of your own into the cache, with its sha256, a manifest, who let it in and when.

    Example: vedette-models add ./fence.onnx --name fence-v2 --licence Apache-2.0
    """
    cache, added_by, added_at_us = model_cache(os.environ), by or person(), SystemClock().wall_us()
    if file.suffix == SUFFIX:
        engine = add_engine(file, cache, added_by=added_by, added_at_us=added_at_us)
        typer.echo(f"{engine.record.model}: {engine.path}: for {engine.record.key.device}")
        return
    found = read_model(file.resolve())
    described = read_manifest(manifest) if manifest else found.manifest
    said = {"added_by": added_by, "added_at_us": added_at_us} | ({"licence": licence} if licence else {})
    ready = replace(found, manifest=described.model_copy(update=said))
    check_trust(ready.manifest, manifest or file, (*model_folders(os.environ), cache))
    open_file(ready)  # what cannot be opened is not taken in
    stored = add_model(ready, name=name or described.name, cache=cache)
    if found.note and not manifest:
        typer.echo(found.note, err=True)
    typer.echo(f"{stored.manifest.name}: {stored.path}")


@app.command()
def bench(
    models: Annotated[
        list[str] | None, typer.Argument(help="Names or paths of models; the default model if none.")
    ] = None,
    *,
    backend: Annotated[
        list[str] | None,
        typer.Option(help="A backend, or one in a precision: openvino/bf16. May be given again; every one if none is."),
    ] = None,
    frames: Annotated[Path | None, typer.Option(help="A recording to look at; noise of 1920x1080 if none.")] = None,
    rounds: Annotated[int, typer.Option(min=1, max=10_000, help="How often each step is timed.")] = 40,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Threads of one inference.")] = 2,
    plot: Annotated[Path | None, typer.Option(help="Draw the result into this PNG.")] = None,
) -> None:
    """Time models on backends, in turns within one run: compare the lines of one table, never two tables.

    Example: vedette-models bench yolox-nano --backend onnxruntime --backend openvino --plot bench.png
    """
    run_bench(
        [_find(name) for name in models or [DEFAULT_MODEL]],
        backends=backend or (),
        frames=frames_of(frames) if frames else noise(),
        rounds=rounds,
        threads=threads,
        cache=model_cache(os.environ),
        plot=plot,
    )


@app.command()
def key(file: Annotated[Path, typer.Argument(help="A new file for the private key.")]) -> None:
    """Make a key to sign models with, and print its public half: a line for 'trusted.keys' beside a site's models.

    Example: vedette-models key ~/vedette-signing.pem >> models/trusted.keys
    """
    typer.echo(make_key(file))


@app.command("sign")
def sign_model(
    model: Annotated[Path, typer.Argument(help="An ONNX file with its manifest (.yaml) beside it.")],
    *,
    by: Annotated[Path, typer.Option(help="The private key that 'key' made.")],
) -> None:
    """Answer for a model: its manifest gets a signature over its bytes and how they are to be read.

    Example: vedette-models sign models/fence-v2.onnx --by ~/vedette-signing.pem
    """
    described = model.with_suffix(".yaml")
    promised, sha256 = read_manifest(described).sha256, sha256_of(model)
    if sha256 != promised:
        raise ModelError(f"{model}: expected sha256 {promised} as {described.name} says, got {sha256}")
    manifest = sign(described, read_key(by))
    typer.echo(f"{manifest.name}: signed")


@app.command()
def licence() -> None:
    """Show what the extra 'ultralytics' asks of whoever uses it; without that it does not start."""
    typer.echo(show_licence(model_cache(os.environ)), nl=False)


def main() -> None:
    try:
        app()
    except (DownloadError, Disagreement) as err:
        _end(err, code=1)
    except DetectorError as err:
        _end(err, code=2)


def _find(name: str, downloader: Downloader | None = None) -> ModelFile:
    return find_model(name, folders=model_folders(os.environ), cache=model_cache(os.environ), download=downloader)


def _added(by: str | None, at_us: int | None) -> str:
    if by is None or at_us is None:
        return ""
    return f"{by}, {datetime.fromtimestamp(at_us / 1e6, timezone.utc):%Y-%m-%d}"


def _end(err: Exception, *, code: int) -> NoReturn:
    typer.echo(f"vedette-models: {err}", err=True)
    raise SystemExit(code)


if __name__ == "__main__":
    main()
