//! A Discord that runs on this machine: REST v10 and the gateway over real sockets, with faults to order.
//!
//! [`Simulator::start`] makes a seeded community and listens. Operations change the community and dispatch what
//! Discord would dispatch; faults break things on demand; [`Simulator::truth`] says what is really there, so that a
//! test can compare. The contract it keeps is Discord's documented behaviour, proved with two clients that nobody
//! here wrote (tests/faithful*).
//!
//! ```no_run
//! # async fn example() -> Result<(), simulator::Error> {
//! use simulator::{Community, Config, Draft, GatewayFault, Simulator};
//!
//! let simulator = Simulator::start(Config::quick().with_community(Community::small(7))).await?;
//! let channel = simulator.channels().into_iter().find(|c| c.visible && c.kind.has_messages()).expect("there is one");
//! let id = simulator.create_message(channel.id, Draft::text("hello").attachments(1))?;
//! simulator.edit_message(channel.id, id, "hello, world")?;
//! simulator.faults().gateway(GatewayFault::Reset)?;
//! assert!(simulator.truth().iter().any(|message| message.id == id && message.edited_timestamp.is_some()));
//! # Ok(()) }
//! ```
//!
//! | room | what for |
//! |---|---|
//! | `world` | the truth, and what can happen to it |
//! | `community` | the seeded generator and the traffic |
//! | `payload` | the world as JSON, to the byte |
//! | `rest`, `gateway` | the two protocols |
//! | `faults`, `switchboard` | what can go wrong, and where it is switched on |
//! | `control` | all of it over HTTP |

mod burst;
mod community;
mod config;
mod control;
mod draft;
mod error;
mod faults;
mod gateway;
mod ledger;
mod net;
mod observe;
mod operations;
mod payload;
mod random;
mod rest;
mod shared;
mod simulator;
mod snowflake;
mod switchboard;
mod truth;
mod world;

pub use burst::{Burst, Traffic};
pub use config::{
    Community, Config, GATEWAY_MESSAGE_CONTENT, GATEWAY_MESSAGE_CONTENT_LIMITED, Limits,
};
pub use control::{CrosspostJson, DraftJson, EmojiJson, Id, Operation, PollJson};
pub use draft::Draft;
pub use error::Error;
pub use faults::{
    ById, Fault, GatewayFault, List, ListFault, ListFaultKind, Refused, RestFault, RestFaultKind,
    Scope,
};
pub use observe::{By, Dispatched, Happening, Observer};
pub use simulator::{Counters, Outage, SessionInfo, Simulator};
pub use snowflake::{DISCORD_EPOCH_MS, snowflake_at, timestamp, unix_ms};
pub use switchboard::FaultSwitch;
pub use truth::{TruthMessage, TruthPoll, TruthReaction};
pub use world::change::{
    CROSSPOSTED, IS_CROSSPOST, MessageChange, PayloadStyle, SOURCE_MESSAGE_DELETED, SUPPRESS_EMBEDS,
};
pub use world::channel::Kind;
pub use world::message::DeletedBy;
pub use world::operation::PermissionChange;
pub use world::permission::{
    ADMINISTRATOR, CONNECT, MANAGE_THREADS, READ_MESSAGE_HISTORY, SEND_MESSAGES, VIEW_CHANNEL,
};
pub use world::reaction::Emoji;
pub use world::room::{ChannelInfo, GuildInfo, UserInfo};
