//! `guildlake keys`: makes, lists, rotates and revokes API keys, while the service runs or not. The service follows
//! within a second.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context;
use chrono::{DateTime, TimeDelta, Utc};
use clap::{ArgAction, Args, Subcommand};
use serde_json::json;

use crate::audit::{AuditFolder, Entry, KeyChange};
use crate::config::{AccessSettings, Source, StorageSettings};
use crate::guild::Limits;
use crate::keys::{Key, KeyFile, KeyState, NewKey, Scope};
use crate::message::{ChannelId, GuildId};

#[derive(Subcommand)]
pub(super) enum Arguments {
    /// Make a key, and print it; it is shown only this once.
    #[command(
        after_help = "The key goes to stdout, everything else to stderr.\n\nExamples:\n  \
                      guildlake keys create dashboard --scope reports --expires 1y\n  \
                      guildlake keys create analyst --scope messages --scope export --no-names --guild 1101234567890123457\n  \
                      guildlake keys create moderators --scope messages --scope content --scope search --channel 1151234567890123457"
    )]
    Create(Create),
    /// List the keys, without their secrets.
    #[command(after_help = "Example:\n  guildlake keys list")]
    List {
        /// Print JSON.
        #[arg(long)]
        json: bool,
    },
    /// Print a new secret for a key; the present one stays valid for a while.
    #[command(after_help = "Example:\n  guildlake keys rotate abcdefgh --overlap 2h")]
    Rotate {
        /// Id of the key, as `keys list` shows it.
        id: String,
        /// For how long the present secret stays valid; 0s ends it at once.
        #[arg(long, default_value = "24h", value_parser = duration)]
        overlap: TimeDelta,
    },
    /// End a key and its links; within a second for a running service.
    #[command(after_help = "Example:\n  guildlake keys revoke abcdefgh")]
    Revoke {
        /// Id of the key, as `keys list` shows it.
        id: String,
    },
}

#[derive(Args)]
pub(super) struct Create {
    /// Name of the key, for people: who or what uses it.
    name: String,
    /// What the key may do: messages, content, search, export, reports or admin; give it once for each.
    #[arg(long = "scope", required = true, value_parser = scope)]
    scopes: Vec<Scope>,
    /// Only this guild, by its id; give it once for each.
    #[arg(long = "guild", value_name = "ID", value_parser = guild)]
    guilds: Vec<GuildId>,
    /// Only this channel and its threads, or this category and its channels, by id; give it once for each. With
    /// --guild both limits hold.
    #[arg(long = "channel", value_name = "ID", value_parser = channel)]
    channels: Vec<ChannelId>,
    /// Don't show the names of authors to the key.
    #[arg(long = "no-names", action = ArgAction::SetFalse)]
    names: bool,
    /// When the key ends: a time such as 2027-01-01T00:00:00Z, or a duration such as 90d. Default: never.
    #[arg(long, value_parser = end)]
    expires: Option<DateTime<Utc>>,
}

fn scope(text: &str) -> Result<Scope, String> {
    let known = "must be messages, content, search, export, reports or admin";
    text.parse().map_err(|_| known.to_owned())
}

fn guild(text: &str) -> Result<GuildId, String> {
    text.parse::<GuildId>().map_err(|error| error.to_string())
}

fn channel(text: &str) -> Result<ChannelId, String> {
    text.parse::<ChannelId>().map_err(|error| error.to_string())
}

fn duration(text: &str) -> Result<TimeDelta, String> {
    let read = humantime::parse_duration(text);
    let read = read.map_err(|_| "must be a duration such as 24h or 0s".to_owned())?;
    let is_short = read <= Duration::from_secs(30 * 24 * 3_600);
    let read = is_short.then(|| TimeDelta::from_std(read).ok()).flatten();
    read.ok_or_else(|| "must be at most 30 days".to_owned())
}

fn end(text: &str) -> Result<DateTime<Utc>, String> {
    if let Ok(time) = DateTime::parse_from_rfc3339(text) {
        return Ok(time.to_utc());
    }
    let length = humantime::parse_duration(text).ok();
    let length = length.and_then(|length| TimeDelta::from_std(length).ok());
    let end = length.and_then(|length| Utc::now().checked_add_signed(length));
    end.ok_or_else(|| {
        "must be a time such as 2027-01-01T00:00:00Z, or a duration such as 90d".to_owned()
    })
}

pub(super) fn run(arguments: Arguments, source: &Source) -> anyhow::Result<ExitCode> {
    let storage = StorageSettings::read_alone(source)?;
    let settings = AccessSettings::read_alone(source)?;
    let keys = Keys {
        file: KeyFile::in_folder(&storage.data_dir),
        audit: settings
            .audit
            .map(|_| AuditFolder::in_folder(&storage.data_dir)),
    };
    match arguments {
        Arguments::Create(create) => {
            std::fs::create_dir_all(&storage.data_dir).with_context(|| {
                format!("the folder {} can't be created", storage.data_dir.display())
            })?;
            keys.create(create)
        }
        Arguments::List { json } => keys.list(json),
        Arguments::Rotate { id, overlap } => keys.rotate(&id, overlap),
        Arguments::Revoke { id } => keys.revoke(&id),
    }
}

struct Keys {
    file: KeyFile,
    audit: Option<AuditFolder>,
}

impl Keys {
    fn create(&self, create: Create) -> anyhow::Result<ExitCode> {
        let new = NewKey {
            name: create.name,
            scopes: create.scopes.into_iter().collect::<BTreeSet<_>>(),
            names: create.names,
            limits: Limits {
                guilds: create.guilds.into_iter().collect(),
                channels: create.channels.into_iter().collect(),
            },
            expires_at: create.expires,
        };
        let (key, token) = new.make(Utc::now())?;
        let made = key.clone();
        self.file.change(|keys| {
            keys.push(made);
            anyhow::Ok(())
        })?;
        self.told("created", &key)?;
        super::say(&format!(
            "the key {} ({}) may: {}\nkeep it now, it is shown only this once:",
            key.id,
            key.name,
            key.summary()
        ));
        super::print(token.expose())?;
        Ok(ExitCode::SUCCESS)
    }

    fn rotate(&self, id: &str, overlap: TimeDelta) -> anyhow::Result<ExitCode> {
        let (key, token) = self.file.change(|keys| {
            let key = known(keys, id)?;
            let now = Utc::now();
            anyhow::ensure!(
                key.state(now) == KeyState::Active,
                "the key {id} is {} and can't be rotated; make a new one",
                <&str>::from(key.state(now))
            );
            let token = key.rotate(now, overlap)?;
            Ok((key.clone(), token))
        })?;
        self.told("rotated", &key)?;
        super::say(&format!(
            "the present secret of {} ({}) stays valid for {}; the new one is shown only this once:",
            key.id,
            key.name,
            humantime::format_duration(overlap.to_std().unwrap_or_default())
        ));
        super::print(token.expose())?;
        Ok(ExitCode::SUCCESS)
    }

    fn revoke(&self, id: &str) -> anyhow::Result<ExitCode> {
        let key = self.file.change(|keys| {
            let key = known(keys, id)?;
            key.revoked_at.get_or_insert(Utc::now());
            anyhow::Ok(key.clone())
        })?;
        self.told("revoked", &key)?;
        super::say(&format!(
            "the key {} ({}) is revoked; a running service refuses it within a second",
            key.id, key.name
        ));
        Ok(ExitCode::SUCCESS)
    }

    fn list(&self, as_json: bool) -> anyhow::Result<ExitCode> {
        let keys = self.file.keys()?;
        let now = Utc::now();
        if as_json {
            let keys: Vec<_> = keys.iter().map(|key| described(key, now)).collect();
            super::print(&serde_json::to_string_pretty(&keys)?)?;
            return Ok(ExitCode::SUCCESS);
        }
        if keys.is_empty() {
            super::say("there are no keys beside API_KEY; `guildlake keys create` makes one");
        }
        for key in &keys {
            super::print(&format!(
                "{}  {:<8} {}\n          {}",
                key.id,
                <&str>::from(key.state(now)),
                key.name,
                key.summary()
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Records a change in the audit log.
    fn told(&self, what: &str, key: &Key) -> anyhow::Result<()> {
        let Some(audit) = &self.audit else {
            return Ok(());
        };
        let change = KeyChange {
            what: what.to_owned(),
            key_id: key.id.clone(),
            key_name: key.name.clone(),
            detail: Some(key.summary()),
        };
        let entry = Entry::of_key(None, change);
        let written = audit.append(&[entry]);
        written.context("the key was changed, but the audit log can't be written")
    }
}

fn known<'a>(keys: &'a mut [Key], id: &str) -> anyhow::Result<&'a mut Key> {
    let key = keys.iter_mut().find(|key| key.id == id);
    key.with_context(|| format!("no key has the id {id}; `guildlake keys list` shows them"))
}

fn described(key: &Key, now: DateTime<Utc>) -> serde_json::Value {
    json!({
        "id": key.id,
        "name": key.name,
        "state": <&str>::from(key.state(now)),
        "scopes": key.scopes,
        "names": key.names,
        "guilds": key.guilds.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "channels": key.channels.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
    })
}
