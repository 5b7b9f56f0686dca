//! The search against the table that it follows: an index of no use is set aside, any query is answered, and a
//! limited reader learns nothing of the rest.

mod ahead;
mod fuzz;
mod reach;
