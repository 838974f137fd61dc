"""A claim leaves sessions that it has no lock on, in PostgreSQL: of one made while it waited for others' locks, two had the first reply."""

from pathlib import Path

from alembic import op

revision: str = "0011"
down_revision: str | None = "0010"
branch_labels = None
depends_on = None

FUNCTIONS = Path(__file__).parents[1] / "functions"


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.get_bind().exec_driver_sql((FUNCTIONS / "0011" / "claim_replies.sql").read_text(encoding="utf-8"))


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        before = (FUNCTIONS / "0007" / "claim_replies.sql").read_text(encoding="utf-8")
        op.get_bind().exec_driver_sql(before.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
        op.execute("ALTER FUNCTION claim_replies(text[], timestamptz, double precision, integer) SET cpu_operator_cost = 0")
