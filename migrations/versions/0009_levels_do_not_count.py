"""An index counts as dear by the rows that it leads to, not by its levels, in the plans of PostgreSQL's functions.

A plan made while the tables are small, which a connection may keep, would else read all open records by the index that is for sweeps, because
it has a level less. With what is compared for nothing both cost the same, and the order asked for decides.

The functions are put there anew first: an earlier 0008 may have left others.
"""

from pathlib import Path

from alembic import op

revision: str = "0009"
down_revision: str | None = "0008"
branch_labels = None
depends_on = None

FUNCTIONS = {"add_messages": "0006", "finish_replies": "0006", "claim_replies": "0007", "read_conversations": "0007"}
"""And which revision has their text."""

PLANNERS = (
    "add_messages(text[], text[], json)",
    "claim_replies(text[], timestamptz, double precision, integer)",
    "finish_replies(text[], text[], json)",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for name, of_revision in FUNCTIONS.items():
            source = Path(__file__).parents[1] / "functions" / of_revision / f"{name}.sql"
            op.get_bind().exec_driver_sql(source.read_text(encoding="utf-8").replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION"))
        for function in PLANNERS:
            op.execute(f"ALTER FUNCTION {function} SET cpu_operator_cost = 0")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for function in PLANNERS:
            op.execute(f"ALTER FUNCTION {function} RESET cpu_operator_cost")
