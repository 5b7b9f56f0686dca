//! guildlake: the commands are in the library's `cli`.

fn main() -> std::process::ExitCode {
    #[cfg(feature = "failpoints")]
    let _orders = fail::FailScenario::setup();
    guildlake::cli::main()
}
