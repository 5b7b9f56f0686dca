//! Snapshots whose files are damaged, and whose writer is killed. `make snapshots` kills a hundred times.

mod damage;
mod kill;
