"""An index counts as dear by the rows that it leads to, not by its levels, in the plans of PostgreSQL's functions.

A plan made while the tables are small, which a connection may keep, would else read all open records by the index that is for sweeps, because
it has a level less. With what is compared for nothing both cost the same, and the order asked for decides.
"""

from alembic import op

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None

PLANNERS = (
    "add_messages(text[], text[], json)",
    "claim_replies(text[], timestamptz, double precision, integer)",
    "finish_replies(text[], text[], json)",
)


def upgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for function in PLANNERS:
            op.execute(f"ALTER FUNCTION {function} SET cpu_operator_cost = 0")


def downgrade() -> None:
    if op.get_bind().dialect.name == "postgresql":
        for function in PLANNERS:
            op.execute(f"ALTER FUNCTION {function} RESET cpu_operator_cost")
