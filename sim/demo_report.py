"""The end of a demo in figures: the latency budget of one trace, and whether every event arrived once."""

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from rich.table import Table

from fleet.api.models import NodeView, TraceView
from fleet.hops import NODE_HOPS, OUR_HOPS

WORDS = {
    "decode": "decode the frame",
    "queue": "wait for the detector",
    "detect": "detect (letterbox, network, boxes)",
    "track": "track",
    "locate": "locate on the ground",
    "rule": "rule",
    "outbox": "outbox (durable)",
    "broker": "broker",
    "ingest": "ingest (durable)",
    "decision": "decision",
    "gate": "gate",
    "mavlink_ack": "MAVLink command to acknowledgement",
}


def budget_table(trace: TraceView) -> Table:
    """Hop by hop, from the frame to the vehicle's acknowledgement. A hop that was not measured is a dash."""
    table = Table("hop", "ms", title=f"latency budget of trace {trace.trace_id}", title_justify="left")
    table.columns[1].justify = "right"
    for hop in (*NODE_HOPS, *OUR_HOPS):
        took_us = trace.hops_us.get(hop)
        table.add_row(WORDS.get(hop, hop), "–" if took_us is None else f"{took_us / 1000:.1f}")
    measured_us = sum(trace.hops_us.values())
    but_inference_us = measured_us - trace.hops_us.get("detect", 0)
    table.add_section()
    table.add_row("all of these", f"{measured_us / 1000:.1f}")
    table.add_row("all but inference", f"{but_inference_us / 1000:.1f}")
    return table


def accounting(store_path: Path, nodes: Sequence[NodeView]) -> Iterator[str]:
    """For each node: what its outbox numbered, and what of it is stored, doubled, missing and still waiting."""
    with closing(sqlite3.connect(f"file:{store_path}?mode=ro", uri=True)) as store:
        rows = store.execute(
            "SELECT node, count(*), count(DISTINCT sequence), max(sequence) FROM messages GROUP BY node, outbox_id"
        ).fetchall()
    waiting = {node.id: node.outbox_rows for node in nodes}
    for node, stored, numbers, highest in sorted(rows):
        rest = waiting.get(node)
        yield (
            f"{node}: {highest} messages numbered, {stored} stored, {highest - numbers} missing, "
            f"{stored - numbers} doubled, {'unknown' if rest is None else rest} not yet acknowledged"
        )
