//! From Discord's events to the record: the whole service against the simulator, over real
//! sockets, compared with the simulator's own truth.

mod ends;
mod evidence;
mod faults;
mod flapping;
mod guilds;
mod members;
mod odd_answers;
mod odd_lists;
mod proxy;
mod reconnects;
mod refusals;
mod restart;
mod said_last;
mod scene;
mod scope;
mod walks;
