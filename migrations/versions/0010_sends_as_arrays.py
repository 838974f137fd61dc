"""What a send stores is given as arrays, in PostgreSQL. The function that took a document stays, for processes that were not replaced yet."""

from pathlib import Path

from alembic import op

revision: str = "0010"
down_revision: str | None = "0009"
branch_labels = None
depends_on = None

PARAMETERS = "text[], text[], text[], text[], text[], timestamptz[], integer, integer, integer"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        source = Path(__file__).parents[1] / "functions" / "0010" / "add_messages.sql"
        op.get_bind().exec_driver_sql(source.read_text(encoding="utf-8"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP FUNCTION add_messages({PARAMETERS})")
