"""MessageStore on SQLite, PostgreSQL and MySQL or MariaDB: SQLAlchemy Core, group commit, Alembic."""
