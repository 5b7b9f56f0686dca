//! The row store: what it answers is what the record answers, and a row store that can't be used is made anew.

mod files;
mod follow;
mod kit;
mod same;
