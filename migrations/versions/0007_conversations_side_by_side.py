"""A claim reads its conversation from rows that lie side by side, in PostgreSQL."""

from pathlib import Path

from alembic import op

revision: str = "0007"
down_revision: str | None = "0006"
branch_labels = None
depends_on = None

FUNCTIONS = {
    "read_conversations": "text[], bigint[], integer",
    "read_far_conversation": "text, bigint, integer",
    "claim_replies": "text[], timestamptz, double precision, integer",
}


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name in FUNCTIONS:
            source = Path(__file__).parents[1] / "functions" / "0007" / f"{name}.sql"
            op.get_bind().exec_driver_sql(source.read_text(encoding="utf-8"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name, parameters in FUNCTIONS.items():
            op.execute(f"DROP FUNCTION {name}({parameters})")
