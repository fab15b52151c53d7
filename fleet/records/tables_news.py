"""Tables of what other systems are told, in the order in which it happened, and how far each has heard it."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from fleet.records.tables import METADATA

NEWS = Table(
    "news",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("news_id", String(36), nullable=False),  # derived: the same news has the same one
    Column("at_us", BigInteger, nullable=False, index=True),
    Column("event", String(32), nullable=False),
    Column("document", Text, nullable=False),
)

WEBHOOK_PLACES = Table(
    "webhook_places",
    METADATA,
    Column("receiver", String(64), primary_key=True),
    Column("told", BigInteger, nullable=False),  # NEWS.id of the last that is done with
)
