//! guildlake: the commands are in the library's `cli`.

fn main() -> std::process::ExitCode {
    guildlake::cli::main()
}
