-- `duckdb -init queries/init.sql` opens the views and macros over the snapshots of ./data (or DATA_DIR). Run it in
-- the folder that contains queries/; from any other folder use `duckdb -init /path/to/data/init.sql`.
SET VARIABLE snapshots_dir = coalesce(nullif(getenv('DATA_DIR'), ''), 'data') || '/snapshots';
.read queries/lib/snapshots.sql
.read queries/lib/views.sql
.read queries/lib/coverage.sql
