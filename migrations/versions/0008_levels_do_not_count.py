"""No plan of the functions takes another index because it has a level less, as in small tables, in PostgreSQL."""

from pathlib import Path

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None

FUNCTIONS = {"add_messages": "0006", "finish_replies": "0006", "claim_replies": "0007", "read_conversations": "0007"}
"""And which revision made the one before."""


def upgrade() -> None:
    for name in FUNCTIONS:
        _put(name, revision)


def downgrade() -> None:
    for name, before in FUNCTIONS.items():
        _put(name, before)


def _put(name: str, of_revision: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        source = (Path(__file__).parents[1] / "functions" / of_revision / f"{name}.sql").read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(source.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
