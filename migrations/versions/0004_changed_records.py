"""An index that leads to what changed for a user since some time."""

from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"
branch_labels = None
depends_on = None

INDEX = "ix_ai_chat_records_user_id_updated_at"


def upgrade() -> None:
    op.create_index(INDEX, "ai_chat_records", ["user_id", "updated_at"])


def downgrade() -> None:
    op.drop_index(INDEX, "ai_chat_records")
