-- duckdb -init queries/init.sql: the views and the reports' macros over the snapshots of ./data (or DATA_DIR),
-- in the folder that holds queries/. From any other: duckdb -init /path/to/data/init.sql.
SET VARIABLE snapshots_dir = coalesce(nullif(getenv('DATA_DIR'), ''), 'data') || '/snapshots';
.read queries/lib/snapshots.sql
.read queries/lib/views.sql
.read queries/lib/coverage.sql
