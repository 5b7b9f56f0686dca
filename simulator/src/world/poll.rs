//! Polls: a question, answers, and who voted for which.
//! Source: <https://docs.discord.com/developers/resources/poll>.

use super::BOT;
use super::reaction::People;
use crate::payload::json::{Json, map};
use crate::snowflake::timestamp;

/// A poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Poll {
    pub(crate) question: String,
    pub(crate) answers: Vec<Answer>,
    pub(crate) multiselect: bool,
    /// Unix milliseconds.
    pub(crate) expiry_ms: u64,
    /// It has ended and its votes were counted for good.
    pub(crate) finalized: bool,
}

/// An answer; its id is its place from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) text: String,
    pub(crate) voters: People,
}

impl Poll {
    pub(crate) fn new(question: String, answers: &[&str], multiselect: bool) -> Self {
        let answer = |text: &&str| Answer {
            text: (*text).to_owned(),
            voters: People::default(),
        };
        Self {
            question,
            answers: answers.iter().map(answer).collect(),
            multiselect,
            // A test ends a poll when it wants to, not when some time has passed.
            expiry_ms: 4_102_444_800_000,
            finalized: false,
        }
    }

    /// An answer by its id.
    pub(crate) fn answer(&mut self, id: u32) -> Option<&mut Answer> {
        let at = usize::try_from(id).ok()?.checked_sub(1)?;
        self.answers.get_mut(at)
    }

    /// Ids and votes of the answers that have any.
    pub(crate) fn counts(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let counts = (1..).zip(self.answers.iter().map(|answer| answer.voters.count()));
        counts.filter(|(_, votes)| *votes > 0)
    }

    /// The object. An event leaves the counts of a poll that goes on out ("unknown results", not "no results").
    pub(crate) fn json(&self, with_counts: bool) -> Json {
        let answer = |(id, answer): (u32, &Answer)| {
            map! { "answer_id" => id, "poll_media" => map! { "text" => answer.text.clone() } }
        };
        let mut json = map! {
            "question" => map! { "text" => self.question.clone() },
            "answers" => (1..).zip(&self.answers).map(answer).collect::<Vec<_>>(),
            "expiry" => timestamp(self.expiry_ms),
            "allow_multiselect" => self.multiselect,
            "layout_type" => 1,
        };
        let counts: Vec<Json> = self
            .counts()
            .map(|(id, count)| {
                let voters = &self.answers[id as usize - 1].voters;
                map! { "id" => id, "count" => count, "me_voted" => voters.has(BOT) }
            })
            .collect();
        if with_counts || self.finalized || counts.is_empty() {
            json.set(
                "results",
                map! { "answer_counts" => counts, "is_finalized" => self.finalized },
            );
        }
        json
    }

    /// The embed of the notice (type 46) that a poll has ended. Without votes, or with a tie, nothing has won.
    pub(crate) fn result_embed(&self) -> Json {
        let field = |name: &'static str, value: String| map! { "name" => name, "value" => value, "inline" => false };
        let most = self.counts().map(|(_, votes)| votes).max().unwrap_or(0);
        let total: u32 = self.counts().map(|(_, votes)| votes).sum();
        let mut fields = vec![
            field("poll_question_text", self.question.clone()),
            field("victor_answer_votes", most.to_string()),
            field("total_votes", total.to_string()),
        ];
        let first: Vec<u32> = self
            .counts()
            .filter(|(_, votes)| *votes == most)
            .map(|(id, _)| id)
            .collect();
        if let [victor] = first[..] {
            let text = self.answers[victor as usize - 1].text.clone();
            fields.push(field("victor_answer_id", victor.to_string()));
            fields.push(field("victor_answer_text", text));
        }
        map! { "type" => "poll_result", "fields" => fields }
    }
}
