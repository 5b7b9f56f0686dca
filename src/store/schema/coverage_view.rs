//! The view `coverage` of a part of the record. What it says of a channel depends on others, because a channel that was
//! not read to its end reaches as far as any channel was read; so a part has to be worked out from its own channels.

/// The migration that has defined the view last. What DuckDB tells of a view is not used: it writes the query anew, and
/// what it has written is not always a query with the same meaning where tables are replaced.
const DEFINED: &str = include_str!("migrations/007_observed.sql");

/// The beginning of the definition.
const CREATE: &str = "CREATE OR REPLACE VIEW coverage AS";

/// The query of the view.
fn query() -> &'static str {
    let query = DEFINED.split_once(CREATE).map_or("", |(_, query)| query);
    // It has no semicolon within.
    query.split_once(';').map_or("", |(query, _)| query)
}

/// The query of the coverage of the channels that meet a condition; `record` is the schema of the tables. Names in the
/// view's query mean the tables of this query, which have the same names.
pub(crate) fn of_channels(record: &str, condition: &str) -> String {
    format!(
        "WITH channels AS (FROM {record}.channels WHERE {condition}), \
         coverage_ranges AS (FROM {record}.coverage_ranges \
         WHERE channel_id IN (SELECT channel_id FROM channels)), \
         gateway_sessions AS (FROM {record}.gateway_sessions), \
         record_state AS (FROM {record}.record_state) \
         SELECT * FROM ({})",
        query()
    )
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn no_later_migration_defines_the_view() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/store/schema/migrations");
        let files = std::fs::read_dir(folder).unwrap();
        let mut files: Vec<_> = files.map(|file| file.unwrap().path()).collect();
        files.sort();
        let text = |path: &Path| std::fs::read_to_string(path).unwrap();
        let last = files
            .iter()
            .rfind(|path| text(path).contains("VIEW coverage AS"));
        assert_eq!(text(last.unwrap()), DEFINED);
        assert!(query().trim_start().starts_with("WITH places AS"));
        assert!(
            query()
                .trim_end()
                .ends_with("JOIN places USING (channel_id)")
        );
    }
}
