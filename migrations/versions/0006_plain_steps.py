"""Functions in PostgreSQL: sends, claims and ends of replies in one round trip each."""

from pathlib import Path

from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"
branch_labels = None
depends_on = None

FUNCTIONS = ("add_messages", "claim_replies", "finish_replies")


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in FUNCTIONS:
            source = Path(__file__).parents[1] / "functions" / "0006" / f"{name}.sql"
            op.get_bind().exec_driver_sql(source.read_text(encoding="utf-8"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in FUNCTIONS:
            op.execute(f"DROP FUNCTION {name}")
