//! The search index, damaged and killed: it finds exactly the messages that the table has, and says how far it is.
//! `make search` runs many rounds.

mod crash;
mod damage;
mod files;
mod table;
