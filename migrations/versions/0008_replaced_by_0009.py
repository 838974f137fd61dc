"""Nothing: what stood here was changed before any release. Databases that had it come to the same functions as all others by 0009."""

revision: str = "0008"
down_revision: str | None = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None: ...


def downgrade() -> None: ...
