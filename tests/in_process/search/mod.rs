//! The search against the table that it follows: an index of no use is set aside, and any query is answered.

mod ahead;
mod fuzz;
mod reach;
