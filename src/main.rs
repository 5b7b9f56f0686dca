//! guildlake: parse, settings, run.
fn main() {}
