"""`vedette-fleet report incident|shift`: a report from the store, with or without a coordinator; nothing is changed."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Annotated, NoReturn
from zoneinfo import ZoneInfo

import typer
from sqlalchemy import Connection

from contract.clock import SystemClock
from contract.site import Site
from fleet.errors import NotFound, Refused, SetUpError, StoreError
from fleet.records.cases import case_of, shift_of
from fleet.records.store import open_for_reading
from fleet.reports.document import Report
from fleet.reports.incident import incident_report, pictured
from fleet.reports.shift import shift_report
from fleet.reports.writing import ReportForm, stored_pictures, written
from fleet.settings import FleetSettings, load_settings, load_site, load_store

NO, WRONG_USAGE, WRONG_CONFIGURATION = 1, 2, 78
report_app = typer.Typer(no_args_is_help=True, help="Reports from the store, as HTML, PDF or CSV; nothing is changed.")
Config = Annotated[Path, typer.Argument(help="the coordinator's YAML file")]
Out = Annotated[Path, typer.Option(help="the file to write; it ends in .html, .pdf or .csv")]
Maker = Callable[[Connection, Site, FleetSettings], Report]


@report_app.command()
def incident(config: Config, incident_id: Annotated[uuid.UUID, typer.Argument()], *, out: Out) -> None:
    """Of one incident: timeline, alarms, tasks, evidence and what persons ordered."""

    def made(connection: Connection, site: Site, settings: FleetSettings) -> Report:
        case = case_of(connection, incident_id)
        pictures = stored_pictures(pictured(case), lambda sha256: settings.evidence_folder / sha256)
        return incident_report(site, replace(case, pictures=pictures))

    _write(config, out, made)


@report_app.command()
def shift(
    config: Config,
    *,
    since: Annotated[str, typer.Option("--from", help="ISO 8601; without an offset on the site's clock")],
    until: Annotated[str, typer.Option(help="ISO 8601; without an offset on the site's clock; not any more")],
    out: Out,
) -> None:
    """Of a shift: what came, how soon it was answered, what was out of order, who was on."""

    def made(connection: Connection, site: Site, _: FleetSettings) -> Report:
        from_us, until_us = (_us(text, site) for text in (since, until))
        return shift_report(site, shift_of(connection, from_us=from_us, until_us=until_us))

    _write(config, out, made)


def _write(config: Path, out: Path, made: Maker) -> None:
    forms = {f".{form.value}": form for form in ReportForm}
    form = forms.get(out.suffix.lower())
    if form is None:
        _stop(f"--out {out}: expected a file that ends in {', '.join(forms)}", WRONG_USAGE)
    try:
        settings = load_settings(config)
        site = load_site(settings)
        with open_for_reading(load_store(settings)) as store, store.reading() as connection:
            report = made(connection, site, settings)
        out.write_bytes(written(report, form, at_us=SystemClock().wall_us()))
    except (SetUpError, StoreError) as err:
        _stop(str(err), WRONG_CONFIGURATION)
    except NotFound as err:
        _stop(str(err), NO)
    except Refused as err:
        _stop(str(err), WRONG_USAGE)
    except OSError as err:
        _stop(f"--out {out}: {err.strerror}", WRONG_USAGE)
    typer.echo(f"{out}: {report.title}")


def _us(text: str, site: Site) -> int:
    """Raises Refused."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError as err:
        raise Refused(f"'{text[:80]}': expected a time as 2026-01-31T22:00 or 2026-01-31T22:00+01:00") from err
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=ZoneInfo(site.time_zone))
    return round(moment.timestamp() * 1e6)


def _stop(reason: str, code: int) -> NoReturn:
    typer.echo(f"vedette-fleet: {reason}", err=True)
    raise typer.Exit(code)
