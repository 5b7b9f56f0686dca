//! Records with an API over them that tests of several files look at.

use guildlake::guild::{Access, AccessMark, Covered};
use guildlake::message::{ChannelId, IdRange, snowflake_at};
use guildlake::store::Batch;

use crate::lake::{CHANNEL, Lake, at, channel, edited, minute, payload};

/// Messages in two months and two channels, one edited, one deleted.
pub fn two_months() -> Lake {
    let mut lake = Lake::new();
    lake.add_minutes(50);
    let february = snowflake_at(at("2025-02-10T00:00:00Z"));
    lake.add((0..20).map(|n| {
        payload(february + n, "february").replace(&CHANNEL.to_string(), &(CHANNEL + 5).to_string())
    }));
    lake.delete(minute(3));
    lake.update(&edited(minute(5), "edited", "2025-03-01T00:00:00Z"));
    lake
}

/// Two channels, one message deleted, and texts that are a trial for every form.
pub fn odd_texts() -> Lake {
    let mut lake = Lake::new();
    let texts = [
        "plain",
        "=SUM(A1)",
        "with \"quotes\", commas\nand lines",
        "@here",
        "",
        "日本語 👍🏽",
        "-1",
    ];
    for (n, text) in (0..).zip(texts) {
        lake.add([payload(minute(n), text)]);
        let elsewhere = payload(minute(n) + 1, text);
        lake.add([elsewhere.replace(&CHANNEL.to_string(), &(CHANNEL + 5).to_string())]);
    }
    lake.delete(minute(3));
    lake
}

/// A channel that was read up to the end of January 2025, with three hundred messages.
pub fn january() -> Lake {
    let channel_id = ChannelId::try_from(CHANNEL).unwrap();
    let mut lake = Lake::new();
    lake.commit(&Batch {
        channels: vec![channel(CHANNEL, 0)],
        access: vec![AccessMark {
            channel_id,
            access: Access::Readable,
            detail: None,
            since: at("2025-01-01T00:00:00Z"),
        }],
        covered: vec![Covered {
            channel_id,
            range: IdRange {
                low: 0,
                high: snowflake_at(at("2025-02-01T00:00:00Z")),
            },
            session_id: None,
            asked_after: None,
            unreadable: Vec::new(),
        }],
        ..Batch::default()
    });
    lake.add_minutes(300);
    lake
}
