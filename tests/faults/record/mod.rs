//! The record with damaged files, and with a checkpoint that was cut off.

mod damage;
mod torn;
