//! People, bots and webhooks.
//! A webhook is an author without a membership.

use crate::payload::json::{Json, map};

/// An author of messages.
#[derive(Clone, Debug)]
pub(crate) struct User {
    pub(crate) id: u64,
    pub(crate) name: String,
    pub(crate) global_name: Option<String>,
    pub(crate) bot: bool,
    pub(crate) webhook: bool,
}

impl User {
    pub(crate) fn json(&self) -> Json {
        let avatar = (self.id >> 22)
            .is_multiple_of(3)
            .then(|| format!("{:032x}", u128::from(self.id) << 40));
        let mut json = map! {
            "id" => Json::id(self.id),
            "username" => self.name.clone(),
            "avatar" => avatar,
            "discriminator" => if self.webhook { "0000" } else { "0" },
            "public_flags" => 0,
            "flags" => 0,
        };
        if self.webhook {
            json.set("bot", true.into());
        } else {
            if self.bot {
                json.set("bot", true.into());
            }
            json.set("banner", Json::Null);
            json.set("accent_color", Json::Null);
            json.set("global_name", self.global_name.clone().into());
            json.set("avatar_decoration_data", Json::Null);
            json.set("primary_guild", Json::Null);
        }
        json
    }
}
