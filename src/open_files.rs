//! How many files and sockets the process may have open. The usual soft limit of 1,024 is the one of programs that use
//! `select`; the hard limit is what the system really allows.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// The most that macOS takes, although its hard limit is said to be infinite.
const MAX_ON_MACOS: u64 = 10_240;

/// Raises the soft limit to the hard one, and returns the limit that holds then; none if there is none.
pub fn raise() -> Option<u64> {
    let limit = getrlimit(Resource::Nofile);
    for wanted in [limit.maximum, Some(MAX_ON_MACOS)] {
        let is_more = match (limit.current, wanted) {
            (None, _) => false,
            (Some(_), None) => true,
            (Some(current), Some(wanted)) => wanted > current,
        };
        if !is_more {
            break;
        }
        let raised = Rlimit {
            current: wanted,
            maximum: limit.maximum,
        };
        if setrlimit(Resource::Nofile, raised).is_ok() {
            break;
        }
    }
    getrlimit(Resource::Nofile).current
}
