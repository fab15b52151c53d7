"""The table of the site file's versions: whole documents as they were written, never changed."""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from fleet.records.tables import METADATA

SITE_VERSIONS = Table(
    "site_versions",
    METADATA,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("sha256", String(64), nullable=False, index=True),  # of the text
    Column("kind", String(16), nullable=False),  # fleet.site_versions.VersionKind
    Column("by", String(120), nullable=False),
    Column("at_us", BigInteger, nullable=False),
    Column("why", Text, nullable=False),
    Column("based_on", Integer, nullable=True),
    Column("chosen_by", String(120), nullable=True),  # who put it to work last
    Column("chosen_at_us", BigInteger, nullable=True),
    Column("began_at_us", BigInteger, nullable=True),  # last start with it
    Column("text", Text, nullable=False),
)
