//! The real binary under strace, and on a disk that fails to sync or is full.

mod disk;
mod fsync;
mod strace;
