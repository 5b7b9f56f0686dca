//! Interprets a frame of the gateway. Each relevant dispatch is parsed into its meaning for the database; every
//! other one only advances the sequence number. A payload that can't be parsed is passed on unchanged.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use twilight_model::gateway::OpCode;

use super::frame::Frame;
use super::news::{Dispatch, GuildOf, Heard, News, Place, Received, read};
use super::reactions;
use super::rest::{RoleId, RoleInfo};
use crate::message::{
    ChannelId, DeletedBy, Gone, GuildId, Message, MessageId, Observed, Source, UserId, read_update,
};

/// Parses a frame.
///
/// # Errors
/// If the frame is not JSON in the shape of the protocol.
pub fn read_frame(
    text: &str,
    heard: Heard,
    guild_of: GuildOf<'_>,
) -> Result<Received, serde_json::Error> {
    let frame: Frame<'_> = serde_json::from_str(text)?;
    let (sequence, name, payload) = match (frame.op(), frame.sequence, frame.name, frame.payload) {
        (Some(OpCode::HeartbeatAck), ..) => return Ok(Received::HeartbeatAck),
        (Some(OpCode::Dispatch), Some(sequence), Some(name), Some(payload)) => {
            (sequence, name, payload)
        }
        _ => return Ok(Received::Other),
    };
    let (observed, is_repeat) = heard.observed(sequence);
    let news = read_news(&name, payload.get(), heard, observed, guild_of)
        .unwrap_or_else(|reason| unreadable(payload.get(), reason));
    Ok(Received::Dispatch(Dispatch {
        name: name.into_owned(),
        sequence,
        is_repeat,
        news,
    }))
}

/// Parses as much of the payload as possible, part by part.
fn unreadable(payload: &str, reason: String) -> News {
    #[derive(Deserialize)]
    struct WithChannel {
        channel_id: ChannelId,
    }
    #[derive(Deserialize)]
    struct WithId {
        #[serde(alias = "message_id")]
        id: MessageId,
    }
    let channel = serde_json::from_str::<WithChannel>(payload).ok();
    let message = serde_json::from_str::<WithId>(payload).ok();
    News::Unreadable {
        channel_id: channel.map(|found| found.channel_id),
        message_id: message.map(|found| found.id),
        reason,
        payload: payload.to_owned(),
    }
}

fn read_news(
    name: &str,
    payload: &str,
    heard: Heard,
    observed: Observed,
    guild_of: GuildOf<'_>,
) -> Result<News, String> {
    match name {
        "READY" => read_ready(payload),
        "RESUMED" => Ok(News::Resumed),
        "MESSAGE_CREATE" | "MESSAGE_UPDATE" => read_message(name, payload, observed, guild_of),
        _ if reactions::is_reaction(name) => reactions::read(name, payload, observed, guild_of),
        "MESSAGE_DELETE" => {
            let Deleted { id, place } = read(payload)?;
            Ok(read_gone(
                &place,
                &[id],
                DeletedBy::Gateway,
                heard,
                guild_of,
            ))
        }
        "MESSAGE_DELETE_BULK" => {
            let BulkDeleted { ids, place } = read(payload)?;
            Ok(read_gone(&place, &ids, DeletedBy::Bulk, heard, guild_of))
        }
        "GUILD_CREATE" => read_guild(payload),
        "GUILD_DELETE" => {
            let GuildRef { id, unavailable } = read(payload)?;
            Ok(News::GuildGone {
                id,
                is_outage: unavailable == Some(true),
            })
        }
        "CHANNEL_CREATE" | "CHANNEL_UPDATE" | "THREAD_CREATE" | "THREAD_UPDATE" => {
            read_channel(name, payload)
        }
        "CHANNEL_DELETE" | "THREAD_DELETE" => {
            let gone: ChannelDeleted = read(payload)?;
            Ok(gone
                .guild_id
                .map_or(News::Other, |guild_id| News::ChannelGone {
                    guild_id,
                    id: gone.id,
                }))
        }
        "THREAD_LIST_SYNC" => {
            let sync: ThreadListSync = read(payload)?;
            Ok(News::Threads {
                guild_id: sync.guild_id,
                threads: readable(sync.threads).collect(),
            })
        }
        "THREAD_MEMBERS_UPDATE" => {
            let thread: ChannelRef = read(payload)?;
            Ok(News::ThreadMembership(thread.id))
        }
        "GUILD_ROLE_CREATE" | "GUILD_ROLE_UPDATE" => {
            let RoleChanged { guild_id, role } = read(payload)?;
            Ok(News::Role { guild_id, role })
        }
        "GUILD_ROLE_DELETE" => {
            let place: Place = read(payload)?;
            Ok(place.guild_id.map_or(News::Other, News::Permissions))
        }
        "GUILD_MEMBER_UPDATE" => read_member(payload),
        _ => Ok(News::Other),
    }
}

fn read_ready(payload: &str) -> Result<News, String> {
    let ready: Ready = read(payload)?;
    Ok(News::Ready {
        session_id: ready.session_id,
        resume_url: ready.resume_gateway_url,
        guilds: ready.guilds.into_iter().map(|guild| guild.id).collect(),
        me: ready.user.map(|user| user.id),
    })
}

fn read_message(
    name: &str,
    payload: &str,
    observed: Observed,
    guild_of: GuildOf<'_>,
) -> Result<News, String> {
    let place: Place = read(payload)?;
    // A message without a guild is a direct message, which is never archived.
    let Some(guild_id) = place.guild(guild_of) else {
        return Ok(News::Other);
    };
    let message = match name {
        "MESSAGE_CREATE" => Message::read(guild_id, Source::Gateway, observed, payload),
        _ => read_update(guild_id, observed, payload),
    };
    let message = message.map_err(|error| error.to_string())?;
    let partial = message.versions.is_empty().then(|| payload.to_owned());
    Ok(News::Message(Box::new(message), partial))
}

fn read_guild(payload: &str) -> Result<News, String> {
    let GuildRef { id, unavailable } = read(payload)?;
    if unavailable == Some(true) {
        // At the start of a session an unavailable guild is sent in this form.
        return Ok(News::GuildGone {
            id,
            is_outage: true,
        });
    }
    let guild: GuildPayload = read(payload)?;
    Ok(News::Guild {
        id: guild.id,
        name: guild.name,
        channels: readable(guild.channels)
            .chain(readable(guild.threads))
            .collect(),
        roles: readable(guild.roles).collect(),
    })
}

fn read_channel(name: &str, payload: &str) -> Result<News, String> {
    let place: Place = read(payload)?;
    let Some(guild_id) = place.guild_id else {
        return Ok(News::Other);
    };
    let made: NewlyCreated = read(payload)?;
    Ok(News::Channel {
        guild_id,
        channel: read(payload)?,
        // A new channel can be hidden from this bot; a thread that is sent to it is not.
        is_new: made.newly_created && name == "THREAD_CREATE",
    })
}

fn read_member(payload: &str) -> Result<News, String> {
    let MemberChanged { place, user, roles } = read(payload)?;
    Ok(match (place.guild_id, user, roles) {
        (Some(guild_id), Some(user), Some(roles)) => News::Member {
            guild_id,
            user_id: user.id,
            roles,
        },
        // The member may be the bot, with changed roles.
        (Some(guild_id), ..) => News::Permissions(guild_id),
        (None, ..) => News::Other,
    })
}

fn read_gone(
    place: &Place,
    ids: &[MessageId],
    by: DeletedBy,
    heard: Heard,
    guild_of: GuildOf<'_>,
) -> News {
    let (Some(guild_id), Some(channel_id)) = (place.guild(guild_of), place.channel_id) else {
        return News::Other;
    };
    let gone = |id: &MessageId| Gone::new(*id, heard.after, heard.now, by);
    News::Gone(
        ids.iter()
            .map(|id| Message::told_gone(*id, guild_id, channel_id, gone(id)))
            .collect(),
    )
}

/// The items of a list that can be parsed; one invalid channel must not hide the others.
fn readable<T: DeserializeOwned>(items: Vec<Box<RawValue>>) -> impl Iterator<Item = T> {
    items
        .into_iter()
        .filter_map(|item| serde_json::from_str(item.get()).ok())
}

#[derive(Deserialize)]
struct Ready {
    session_id: String,
    resume_gateway_url: String,
    #[serde(default)]
    guilds: Vec<GuildRef>,
    #[serde(default)]
    user: Option<UserRef>,
}

#[derive(Deserialize)]
struct UserRef {
    id: UserId,
}

#[derive(Deserialize)]
struct MemberChanged {
    #[serde(flatten)]
    place: Place,
    #[serde(default)]
    user: Option<UserRef>,
    #[serde(default)]
    roles: Option<Vec<RoleId>>,
}

#[derive(Deserialize)]
struct GuildRef {
    id: GuildId,
    #[serde(default)]
    unavailable: Option<bool>,
}

#[derive(Deserialize)]
struct Deleted {
    id: MessageId,
    #[serde(flatten)]
    place: Place,
}

#[derive(Deserialize)]
struct BulkDeleted {
    ids: Vec<MessageId>,
    #[serde(flatten)]
    place: Place,
}

#[derive(Deserialize)]
struct GuildPayload {
    id: GuildId,
    #[serde(default)]
    name: String,
    #[serde(default)]
    channels: Vec<Box<RawValue>>,
    #[serde(default)]
    threads: Vec<Box<RawValue>>,
    #[serde(default)]
    roles: Vec<Box<RawValue>>,
}

#[derive(Deserialize)]
struct RoleChanged {
    guild_id: GuildId,
    role: RoleInfo,
}

#[derive(Deserialize)]
struct NewlyCreated {
    #[serde(default)]
    newly_created: bool,
}

#[derive(Deserialize)]
struct ChannelDeleted {
    id: ChannelId,
    #[serde(default)]
    guild_id: Option<GuildId>,
}

#[derive(Deserialize)]
struct ChannelRef {
    id: ChannelId,
}

#[derive(Deserialize)]
struct ThreadListSync {
    guild_id: GuildId,
    threads: Vec<Box<RawValue>>,
}

#[cfg(test)]
mod tests {
    use chrono::Utc;

    use super::*;

    fn heard() -> Heard {
        let now = Utc::now();
        Heard {
            after: now,
            now,
            observed_at: now,
            taken: None,
        }
    }

    fn news(frame: &str) -> News {
        let guild = |_| Some(GuildId::try_from(7_u64).expect("an id"));
        match read_frame(frame, heard(), &guild).expect("JSON") {
            Received::Dispatch(dispatch) => dispatch.news,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_update_without_its_guild_is_found_by_its_channel() {
        let frame =
            r#"{"op":0,"s":3,"t":"MESSAGE_UPDATE","d":{"id":"9","channel_id":"8","embeds":[{}]}}"#;
        let News::Message(message, _) = news(frame) else {
            panic!("it was dropped");
        };
        assert_eq!(message.guild_id.as_i64(), 7);
        let frame = r#"{"op":0,"s":4,"t":"MESSAGE_DELETE","d":{"id":"9","channel_id":"8"}}"#;
        assert!(matches!(news(frame), News::Gone(gone) if gone.len() == 1));
    }

    #[test]
    fn a_guild_that_is_away_is_told_from_one_that_is_there_and_from_one_without_the_bot() {
        let told = |name: &str, unavailable: &str| {
            news(&format!(
                r#"{{"op":0,"s":3,"t":"{name}","d":{{"id":"7"{unavailable}}}}}"#
            ))
        };
        for unavailable in [r#","unavailable":false"#, r#","unavailable":null"#, ""] {
            assert!(matches!(
                told("GUILD_CREATE", unavailable),
                News::Guild { .. }
            ));
            let gone = told("GUILD_DELETE", unavailable);
            assert!(matches!(
                gone,
                News::GuildGone {
                    is_outage: false,
                    ..
                }
            ));
        }
        for name in ["GUILD_CREATE", "GUILD_DELETE"] {
            let away = told(name, r#","unavailable":true"#);
            assert!(matches!(
                away,
                News::GuildGone {
                    is_outage: true,
                    ..
                }
            ));
        }
    }

    #[test]
    fn of_what_cannot_be_understood_the_place_is_kept() {
        let frame =
            r#"{"op":0,"s":3,"t":"MESSAGE_CREATE","d":{"id":"9","channel_id":"8","author":5}}"#;
        let News::Unreadable {
            channel_id,
            message_id,
            ..
        } = news(frame)
        else {
            panic!("it was understood");
        };
        assert_eq!(channel_id.map(ChannelId::as_i64), Some(8));
        assert_eq!(message_id.map(MessageId::as_i64), Some(9));
    }

    #[test]
    fn a_member_is_told_with_who_it_is_and_their_roles() {
        let frame = r#"{"op":0,"s":3,"t":"GUILD_MEMBER_UPDATE",
            "d":{"guild_id":"7","user":{"id":"5"},"roles":["2","1"],"nick":"new"}}"#;
        let News::Member { user_id, roles, .. } = news(frame) else {
            panic!("it was taken for something else");
        };
        assert_eq!((user_id.as_i64(), roles.len()), (5, 2));
        let nobody = r#"{"op":0,"s":3,"t":"GUILD_MEMBER_UPDATE","d":{"guild_id":"7"}}"#;
        assert!(
            matches!(news(nobody), News::Permissions(_)),
            "it may be the bot"
        );
    }

    #[test]
    fn what_is_no_dispatch_and_what_is_unknown_mean_nothing() {
        let none = |_: ChannelId| None;
        for frame in [r#"{"op":10}"#, r#"{"op":99,"d":{"a":1}}"#] {
            let received = read_frame(frame, heard(), &none).expect("JSON");
            assert!(matches!(received, Received::Other));
        }
        let ack = read_frame(r#"{"op":11}"#, heard(), &none).expect("JSON");
        assert!(matches!(ack, Received::HeartbeatAck));
        let unknown = r#"{"op":0,"s":1,"t":"SOMETHING_NEW","d":{"id":"1"}}"#;
        assert!(matches!(news(unknown), News::Other));
        assert!(read_frame("no json", heard(), &none).is_err());
    }
}
