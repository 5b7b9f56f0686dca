//! Lets the targets find DuckDB's library, which guildlake's own build puts beside them.

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rustc-link-arg=-Wl,-rpath,$ORIGIN");
}
