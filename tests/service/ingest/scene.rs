//! A community that is followed, with one channel in which something happens.

use duckdb::Connection;
use guildlake::status::Status;
use simulator::{
    ChannelInfo, Config, Draft, GatewayFault, Kind, RestFault, RestFaultKind, SEND_MESSAGES,
};

use crate::GUILDLAKE;
use testkit::program::end;
use testkit::truth::{Outside, Row, rows};
use testkit::world::{Running, World};

/// The community, what follows it, and the place.
pub(crate) struct Scene {
    pub(crate) world: World,
    running: Option<Running>,
    pub(crate) channel: u64,
    /// People who can react and vote.
    pub(crate) people: Vec<u64>,
    /// What the bot may not do in another channel.
    denied: u64,
}

impl Scene {
    /// Not followed yet.
    pub(crate) async fn new(seed: u64) -> Self {
        let world = World::young(seed, Config::quick()).await;
        let channels = world.simulator.channels().into_iter();
        let readable =
            channels.filter(|it| it.visible && it.history && it.kind == Kind::Text && !it.archived);
        let channel: ChannelInfo = readable.max_by_key(|it| it.messages).unwrap();
        let members = world.simulator.members(channel.guild_id).into_iter();
        let people = members.filter(|user| !user.bot).map(|user| user.id);
        Self {
            channel: channel.id,
            people: people.collect(),
            running: None,
            denied: 0,
            world,
        }
    }

    /// Followed, with everything in the record.
    pub(crate) async fn followed(seed: u64) -> Self {
        let mut scene = Self::new(seed).await;
        scene.follow().await;
        scene
    }

    /// Starts the service.
    pub(crate) async fn start(&mut self) {
        self.running = Some(self.world.start().await);
    }

    /// Starts the service, and waits until it has everything.
    pub(crate) async fn follow(&mut self) {
        self.start().await;
        self.caught_up().await;
    }

    pub(crate) fn running(&mut self) -> &mut Running {
        self.running.as_mut().unwrap()
    }

    pub(crate) async fn caught_up(&mut self) -> Status {
        let running = self.running.as_mut().unwrap();
        self.world.caught_up(running).await
    }

    pub(crate) async fn stop(&mut self) {
        self.running.take().unwrap().stop().await;
    }

    pub(crate) fn say(&self, draft: Draft) -> u64 {
        let said = self.world.simulator.create_message(self.channel, draft);
        said.unwrap()
    }

    /// Says it, and waits until it is in the record.
    pub(crate) async fn said(&mut self, draft: Draft) -> u64 {
        let id = self.say(draft);
        self.caught_up().await;
        id
    }

    pub(crate) fn react(&self, message: u64, person: usize, emoji: &str) {
        let (channel, person) = (self.channel, self.people[person]);
        let simulator = &self.world.simulator;
        simulator
            .add_reaction(channel, message, person, emoji, false)
            .unwrap();
    }

    pub(crate) fn unreact(&self, message: u64, person: usize, emoji: &str) {
        let (channel, person) = (self.channel, self.people[person]);
        let simulator = &self.world.simulator;
        simulator
            .remove_reaction(channel, message, person, emoji, false)
            .unwrap();
    }

    /// The session is lost, and nobody hears what `meanwhile` does. Waits until it is repaired.
    pub(crate) async fn lose_session(&mut self, meanwhile: impl FnOnce(&Self)) {
        let cut = self.world.simulator.outage();
        meanwhile(self);
        let before = self.running().status.borrow().gateway.identified;
        let faults = self.world.simulator.faults();
        faults.gateway(GatewayFault::ExpireSessions).unwrap();
        drop(cut);
        let running = self.running();
        running
            .until(|status| status.gateway.identified > before)
            .await;
        self.caught_up().await;
    }

    /// Has all channels listed again, and waits until that and so many passes more are over.
    pub(crate) async fn passes(&mut self, more: u64) {
        let before = self.running().status.borrow().backfill.passes;
        self.call_for_a_pass();
        let running = self.running();
        running
            .until(|status| status.backfill.passes >= before + more)
            .await;
        self.caught_up().await;
    }

    /// Changes a right in another channel, once: by that the catalog is read, once.
    fn call_for_a_pass(&mut self) {
        let channels = self.world.simulator.channels().into_iter();
        let mut others = channels.filter(|it| it.visible && it.id != self.channel);
        let other = others.find(|it| it.kind == Kind::Text).unwrap();
        self.denied ^= SEND_MESSAGES;
        self.world.set_bot_permission(other.id, 0, self.denied);
    }

    /// Runs `guildlake backfill --verify` over the record of a service that was stopped.
    pub(crate) async fn verify(&self) {
        let folder = self.world.folder.path();
        let simulator = &self.world.simulator;
        // Without a session the last minute before now is not trusted.
        simulator.advance_clock(std::time::Duration::from_secs(600));
        let mut command = GUILDLAKE.following(folder, simulator, &["backfill", "--verify"]);
        command.env("DATA_DIR", folder);
        command.env(
            "DATABASE_URL",
            format!("duckdb://{}", self.world.database().display()),
        );
        let ended = end(command).await;
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
    }

    /// The row of a message, in the record of a service that was stopped.
    pub(crate) fn row(&self, message: u64) -> Row {
        let mut rows = rows(&self.world.database());
        rows.remove(&message).expect("it has a row")
    }

    /// What the record shows of a message beside its text.
    pub(crate) fn outside(&self, message: u64) -> Outside {
        Outside::of_row(&self.row(message))
    }

    /// How many of so many reactions there are with each emoji.
    pub(crate) fn reactions(&self, message: u64) -> Vec<(String, u64)> {
        let reactions = self.outside(message).reactions.expect("they are known");
        let reactions = reactions.into_iter();
        reactions
            .map(|(emoji, (count, _))| (emoji, count))
            .collect()
    }

    /// How many rows of the channel there are that are said to be gone, and how they went.
    pub(crate) fn gone(&self, channel: u64) -> Vec<(String, i64)> {
        let connection = Connection::open(self.world.database()).unwrap();
        let mut statement = connection
            .prepare(
                "SELECT deleted_by, count(*) FROM discord_messages \
                 WHERE channel_id = ? AND deleted GROUP BY 1 ORDER BY 1",
            )
            .unwrap();
        let gone = statement.query_map([channel], |row| Ok((row.get(0)?, row.get(1)?)));
        gone.unwrap().map(Result::unwrap).collect()
    }

    /// Rows that are said to be gone before they were last there.
    pub(crate) fn upside_down(&self) -> i64 {
        let connection = Connection::open(self.world.database()).unwrap();
        let sql = "SELECT count(*) FROM discord_messages WHERE deleted_after > deleted_before";
        connection.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Every page of the channel is answered late, with what it was when it was asked for.
    pub(crate) fn delay_pages(&self, ms: u64) -> u64 {
        let path = format!("/channels/{}/messages?limit=100*", self.channel);
        let late = RestFault::on(path, RestFaultKind::Delay { ms });
        self.world.simulator.faults().rest(late)
    }
}
