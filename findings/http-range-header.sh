#!/bin/sh
# Seen: http-range-header 0.4.2 (the parser behind tower-http's ServeFile and ServeDir) refuses headers `Range` that
# RFC 9110 allows, and the file server answers 416 to them: a suffix longer than the file (`bytes=-65536` of 100
# bytes), leading zeros, a number beyond 64 bits. headers 0.4.2 takes the suffix for no range at all.
# One would have guessed: section 14.1.2, "if the selected representation is shorter than the specified suffix-length,
# the entire representation is used", as every reader of Parquet relies on that asks for a footer.
# What follows: a file server on them can't be read by such readers where files are small, unless it reads the header
# itself. guildlake does (src/api/http/range.rs).
set -eu
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
mkdir "$folder/src"
cat > "$folder/Cargo.toml" <<'TOML'
[package]
name = "ranges"
version = "0.0.0"
edition = "2021"
[dependencies]
http-range-header = "=0.4.2"
headers = "=0.4.2"
TOML
cat > "$folder/src/main.rs" <<'RUST'
use headers::{Header, HeaderValue, Range};

fn main() {
    let length = 100;
    // Each header, and whether its range of a file of 100 bytes can be satisfied by RFC 9110: all can.
    for value in ["bytes=0-9", "bytes=-100", "bytes=-101", "bytes=-65536", "bytes=00-09", "bytes=0-18446744073709551616"] {
        let parsed = http_range_header::parse_range_header(value).and_then(|ranges| ranges.validate(length));
        let header = HeaderValue::from_static(value);
        let found = Range::decode(&mut [header].iter()).map(|range| range.satisfiable_ranges(length).count());
        println!("{value}: http-range-header {}, headers {} range(s)", if parsed.is_ok() { "takes it" } else { "refuses it" }, found.unwrap_or(0));
    }
}
RUST
cargo --version
found=$(CARGO_TARGET_DIR="$folder/target" cargo run --quiet --manifest-path "$folder/Cargo.toml")
echo "$found"
expected='bytes=0-9: http-range-header takes it, headers 1 range(s)
bytes=-100: http-range-header takes it, headers 1 range(s)
bytes=-101: http-range-header refuses it, headers 0 range(s)
bytes=-65536: http-range-header refuses it, headers 0 range(s)
bytes=00-09: http-range-header refuses it, headers 1 range(s)
bytes=0-18446744073709551616: http-range-header refuses it, headers 0 range(s)'
[ "$found" = "$expected" ] || { echo "this has changed" >&2; exit 1; }
