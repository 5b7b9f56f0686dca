//! The real binary, killed and stopped at random moments under traffic, again and again. The truth
//! stays here: the simulated Discord runs in this process, only the service dies.
//!
//! `make test` runs a few rounds, `make crash` many. `GUILDLAKE_SEED` plays the dice of a run
//! again (not its timing), `GUILDLAKE_CRASH_ROUNDS` and `GUILDLAKE_TERM_ROUNDS` set the number of rounds.

mod birth;
mod kill;
mod terminate;
