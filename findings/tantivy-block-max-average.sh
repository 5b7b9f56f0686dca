#!/bin/sh
# tantivy 0.27.0: the best hit is missing from the top hits where segments have texts of different lengths.
#
# Seen: one word in 256 documents of short texts; a second segment has long texts without the word. By the scores of all
# hits, one document is the best; `TopDocs` with a limit of 1 returns another one, with a lower score. After a merge into
# one segment it returns the best.
# Guessed: that block-max pruning only saves time, as its bounds are never too low.
# Follows: for each block of 128 postings tantivy keeps the frequency and the length of the document that scores best by
# the average length of its own segment. Scores are computed by the average of the whole index, by which another document
# of the block can be better than the bound. Who walks over pages of hits, none of which may be left out, can't prune.
set -eu
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
mkdir src
cat > Cargo.toml <<'END'
[package]
name = "seen"
version = "0.1.0"
edition = "2024"
[dependencies]
tantivy = "=0.27.0"
END
cat > src/main.rs <<'END'
use tantivy::collector::{DocSetCollector, TopDocs};
use tantivy::query::{EnableScoring, Query, TermQuery};
use tantivy::schema::{IndexRecordOption, Schema, TEXT};
use tantivy::{DocAddress, Index, IndexWriter, Score, Term, doc};

/// A text of this many words, of which the first `hits` are the word that is looked for.
fn text(hits: usize, length: usize) -> String {
    (0..length).map(|at| if at < hits { "amber " } else { "other " }).collect()
}

fn main() -> tantivy::Result<()> {
    let mut schema = Schema::builder();
    let body = schema.add_text_field("body", TEXT);
    let index = Index::create_in_ram(schema.build());
    let mut writer: IndexWriter = index.writer_with_num_threads(1, 50_000_000)?;
    writer.set_merge_policy(Box::new(tantivy::merge_policy::NoMergePolicy));
    // A block of 128 with a good hit; a block with two candidates for its bound; and a hit after them.
    for at in 0..257 {
        let (hits, length) = match at {
            0 => (1, 1),
            1..128 => (1, 4),
            128 => (1, 2),
            129 => (2, 20),
            _ => (1, 4),
        };
        writer.add_document(doc!(body => text(hits, length)))?;
    }
    writer.commit()?;
    for _ in 0..257 {
        writer.add_document(doc!(body => text(0, 200)))?;
    }
    writer.commit()?;
    let query = TermQuery::new(Term::from_field_text(body, "amber"), IndexRecordOption::WithFreqs);
    let shown = |name: &str| -> tantivy::Result<()> {
        let searcher = index.reader()?.searcher();
        let weight = query.weight(EnableScoring::enabled_from_searcher(&searcher))?;
        let score = |at: DocAddress| -> tantivy::Result<Score> {
            let mut scorer = weight.scorer(searcher.segment_reader(at.segment_ord), 1.0)?;
            scorer.seek(at.doc_id);
            Ok(scorer.score())
        };
        let mut best = Score::MIN;
        for at in searcher.search(&query, &DocSetCollector)? {
            best = best.max(score(at)?);
        }
        let top = searcher.search(&query, &TopDocs::with_limit(1).order_by_score())?[0].0;
        let is_best = if top == best { "the best" } else { "not the best" };
        println!("{name}: the top hit is {is_best} ({top:.3} of {best:.3})");
        Ok(())
    };
    shown("two segments")?;
    let segments = index.searchable_segment_ids()?;
    writer.merge(&segments).wait()?;
    shown("merged")
}
END
CARGO_TARGET_DIR="$work/target" cargo run --quiet > said 2> problems || { cat problems; exit 1; }
echo "tantivy 0.27.0"
cat said
grep -q "^two segments: the top hit is not the best " said
grep -q "^merged: the top hit is the best " said
