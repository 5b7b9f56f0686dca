//! Outages, one after the other, over one data folder.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use simulator::{
    Community, Config, GatewayFault, Happening, ListFault, Observer, Refused, RestFault,
    RestFaultKind, Simulator,
};
use tempfile::TempDir;
use tokio::process::Command;

use super::answer::Asker;
use super::book::{Book, Heard, TrueOutage};
use super::check::Check;
use super::figures::Figures;
use super::kind::Kind;
use super::life::{Hearing, Life};
use super::verify::verify;
use crate::GUILDLAKE;
use testkit::plan::{rounds, seed};
use testkit::service::{ASK_AGAIN, Service};

/// Real milliseconds between two heartbeats.
pub(crate) const HEARTBEAT_MS: u64 = 2000;

/// The first of Discord's rights that reading does not need: MENTION_EVERYONE, and those above it.
const UNNEEDED: u64 = 1 << 17;

const HOUR_MS: u64 = 3_600_000;

/// Some of the messages are older.
pub(crate) const WINDOW_MS: u64 = 48 * HOUR_MS;

/// A missing channel is looked for again at once.
const SECOND_LOOK: &str = "1s";

/// How long Discord's simulator waits for anything of the service.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long a service that asks again and again is waited for to ask once more.
const ASKS_AGAIN: Duration = Duration::from_secs(10);

/// Violations of one sort that are told in full.
const TOLD: usize = 3;

/// How many differing messages are asked for alone after each outage: the claim has to be the same.
const ASKED_ALONE: usize = 5;

struct Run {
    dice: StdRng,
    simulator: Simulator,
    folder: TempDir,
    life: Life,
    book: Book,
    figures: Figures,
    /// What the record had at the last look.
    had: HashSet<u64>,
    /// How often a right that nobody needs was changed.
    touches: u64,
    /// By what is wrong, with what it is wrong.
    violations: BTreeMap<String, BTreeSet<String>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn after_every_outage_the_record_is_right_or_says_where_it_may_not_be() {
    let outages = rounds("GUILDLAKE_OUTAGES", 2);
    let mut run = Run::new(outages).await;
    let mut service = Service::spawn(serve(run.folder.path(), &run.simulator));
    run.settled(&mut service, 1).await;
    run.check(&mut service, None).await;
    for number in 0..outages {
        let kind = Kind::draw(number, &mut run.dice);
        service = run.outage(number, kind, service).await;
    }
    let ended = service.terminate().await;
    assert_eq!(ended.code, Some(0), "{}", ended.said);
    let violations: BTreeMap<&String, usize> = run
        .violations
        .iter()
        .map(|(sort, of)| (sort, of.len()))
        .collect();
    run.figures.violations = violations.values().sum();
    println!("{}", run.figures);
    verify(&run.simulator, run.folder.path(), &run.book).await;
    assert!(violations.is_empty(), "{violations:?}");
}

/// `guildlake serve` with the repair window of this test.
fn serve(folder: &Path, simulator: &Simulator) -> Command {
    let mut command = GUILDLAKE.following(folder, simulator, &["serve"]);
    command.env("REPAIR_WINDOW", format!("{}h", WINDOW_MS / HOUR_MS));
    command.env("SECOND_LOOK", SECOND_LOOK);
    command.env("ASK_AGAIN", ASK_AGAIN);
    command
}

impl Run {
    async fn new(outages: usize) -> Self {
        let seed = seed();
        println!("outages: seed {seed}, {outages} outages (GUILDLAKE_SEED={seed} plays it again)");
        let config = Config {
            heartbeat_interval: Duration::from_millis(HEARTBEAT_MS),
            ..Config::quick().with_community(Community {
                channels: 18,
                days: 6,
                // The busy channels have several pages within the window: one page is read in any case.
                messages: 5000,
                ..Community::small(seed)
            })
        };
        let simulator = Simulator::start(config).await.unwrap();
        Self {
            dice: StdRng::seed_from_u64(seed),
            life: Life::new(&simulator, WINDOW_MS),
            simulator,
            folder: tempfile::tempdir().unwrap(),
            book: Book::default(),
            figures: Figures::default(),
            had: HashSet::new(),
            touches: 0,
            violations: BTreeMap::new(),
        }
    }

    /// Waits until it has begun so many sessions, follows, has everything that was said, and history is complete.
    async fn settled(&self, service: &mut Service, identified: u64) {
        let settled = service.until(|seen| {
            seen.is_live
                && seen.is_complete
                && seen.unsettled == 0
                && seen.identified >= identified
                && seen.sequence >= self.simulator.sequence()
        });
        if let Err(error) = settled.await {
            panic!("it does not settle: {error}");
        }
    }

    /// So many things happen.
    fn live(&mut self, things: usize, hearing: Hearing, lost: bool) {
        let done = if lost {
            &mut self.figures.done_lost
        } else {
            &mut self.figures.done_in_time
        };
        for _ in 0..things {
            self.life
                .step(&mut self.dice, &mut self.book, hearing, done);
        }
    }

    /// The same, uncounted: while it is followed.
    fn live_followed(&mut self, things: usize, hearing: Hearing) {
        let mut uncounted = super::life::Done::new();
        for _ in 0..things {
            self.life
                .step(&mut self.dice, &mut self.book, hearing, &mut uncounted);
        }
    }

    async fn outage(&mut self, number: usize, kind: Kind, mut service: Service) -> Service {
        let things = self.dice.random_range(5..30);
        self.live_followed(things, Heard::Told.into());
        let followed = service.until(|seen| seen.is_live).await.unwrap();
        self.settled(&mut service, 0).await;
        let length = self.length(kind);
        *self.figures.outages.entry(kind).or_default() += 1;
        #[expect(clippy::cast_precision_loss, reason = "hours to print")]
        let hours = length as f64 / HOUR_MS as f64;
        self.figures.longest = self.figures.longest.max(hours);
        println!("outage {number}: {kind:?}, {hours:.2} h");
        if kind.loses_session() {
            // Half of them begin in the middle of things.
            if self.dice.random_bool(0.5) {
                let things = self.dice.random_range(1..10);
                self.live_followed(things, Heard::Perhaps(number).into());
            }
            service = self
                .lose(number, kind, length, service, followed.identified)
                .await;
        } else {
            service = self.miss(kind, length, service).await;
        }
        if self.dice.random_bool(0.4) {
            self.vanish(&mut service).await;
        }
        self.check(&mut service, Some(number)).await;
        service
    }

    /// A channel vanishes from Discord's lists for a while, and is there all the time.
    async fn vanish(&mut self, service: &mut Service) {
        // An event about the channel would say that it lives.
        let touched = self.touched_channel();
        let channel = self.life.ordinary(&mut self.dice);
        let Some(channel) = channel.filter(|channel| *channel != touched) else {
            return;
        };
        // A pass under way would take the fault, and start over where a new session began.
        self.settled(service, 0).await;
        // A pass that nothing called for may be under way, and take the fault: it counts.
        let before = service.until(|_| true).await.unwrap().passes;
        let faults = self.simulator.faults();
        let missing = ListFault::without(&[channel]);
        let (name, rules) = match self.dice.random_range(0..3) {
            0 => {
                let once = missing.times(1).refused(Refused::NotFound, 1);
                ("once", vec![faults.list(once)])
            }
            1 => {
                let by_id = missing.refused(Refused::NotFound, None);
                ("but for its history", vec![faults.list(by_id)])
            }
            _ => {
                let path = format!("/channels/{channel}/messages*");
                let unknown = RestFault::on(path, RestFaultKind::NotFound { code: 10_003 });
                let by_id = missing.refused(Refused::NotFound, None);
                (
                    "on every route",
                    vec![faults.list(by_id), faults.rest(unknown)],
                )
            }
        };
        *self.figures.vanished.entry(name).or_default() += 1;
        println!("  the channel {channel} vanishes: {name}");
        // It is suspected, and looked for again.
        self.look_at_channels(service, before + 2).await;
        let things = self.dice.random_range(0..8);
        self.live_followed(things, Heard::Told.into());
        for rule in rules {
            faults.remove(rule);
        }
        let before = service.until(|_| true).await.unwrap().passes;
        self.look_at_channels(service, before + 1).await;
        self.settled(service, 0).await;
    }

    /// Has the channels listed, and waits until there were so many passes.
    async fn look_at_channels(&mut self, service: &mut Service, passes: u64) {
        self.touch_a_channel();
        let looked = service.until(|seen| seen.passes >= passes).await;
        looked.unwrap();
    }

    /// A minute to a day, the short ones as often as the long ones. Discord keeps a session for minutes only.
    fn length(&mut self, kind: Kind) -> u64 {
        let most = if kind.loses_session() {
            1440.0_f64
        } else {
            5.0
        };
        let minutes = most.powf(self.dice.random_range(0.0..1.0));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a day at most, in milliseconds"
        )]
        let length = (minutes * 60_000.0) as u64;
        length
    }

    /// Time passes in steps, and things happen in each.
    fn pass(&mut self, length: u64, hearing: Hearing, lost: bool) {
        let steps = self.dice.random_range(2..8);
        for _ in 0..steps {
            let things = self.dice.random_range(1..12);
            self.live(things, hearing, lost);
            self.simulator
                .advance_clock(Duration::from_millis(length / steps));
        }
        let things = self.dice.random_range(1..4);
        self.live(things, hearing, lost);
    }

    /// An outage in which the session is lost.
    async fn lose(
        &mut self,
        number: usize,
        kind: Kind,
        length: u64,
        service: Service,
        identified: u64,
    ) -> Service {
        let lost = Heard::Lost(number).into();
        let faults = self.simulator.faults();
        let expire = || faults.gateway(GatewayFault::ExpireSessions).unwrap();
        let mut observer = self.simulator.observe();
        let mut began = self.simulator.now_ms();
        let mut time_was_told = true;
        let mut service = match kind {
            Kind::Stopped | Kind::Killed => {
                self.end(kind == Kind::Stopped, service).await;
                expire();
                self.pass(length, lost, true);
                observer = self.simulator.observe();
                Service::spawn(serve(self.folder.path(), &self.simulator))
            }
            Kind::SocketLost => {
                let unavailable = RestFaultKind::ServerError { status: 503 };
                let rule = faults.rest(RestFault::on("*", unavailable));
                // A change of rights has the catalog read, again and again while there is no answer: by
                // their times the service knows how time passes.
                self.touch_a_channel();
                asked(&mut observer, PATIENCE).await;
                began = self.simulator.now_ms();
                faults
                    .gateway(GatewayFault::Refuse { seconds: None })
                    .unwrap();
                faults.gateway(GatewayFault::Reset).unwrap();
                closed(&mut observer).await;
                expire();
                self.pass(length, lost, true);
                observer = self.simulator.observe();
                time_was_told = asked(&mut observer, ASKS_AGAIN).await;
                faults.remove(rule);
                faults.gateway(GatewayFault::Accept).unwrap();
                service
            }
            _ => {
                let cut = self.simulator.outage();
                closed(&mut observer).await;
                expire();
                self.pass(length, lost, true);
                observer = self.simulator.observe();
                time_was_told = false;
                drop(cut);
                service
            }
        };
        identified_again(&mut observer).await;
        let outage = TrueOutage {
            began,
            ended: self.simulator.now_ms(),
            time_was_told,
            process_ran: kind.keeps_running(),
        };
        self.book.outages.insert(number, outage);
        let hearing = Hearing {
            heard: Heard::Perhaps(number),
            clock_behind: if time_was_told { 0 } else { length },
        };
        let things = self.dice.random_range(0..6);
        self.live_followed(things, hearing);
        let sessions = if kind.keeps_running() {
            identified + 1
        } else {
            1
        };
        if self.dice.random_bool(0.25) {
            // A crash in the middle of the repair.
            let moment = Duration::from_millis(self.dice.random_range(0..7000));
            tokio::time::sleep(moment).await;
            service.kill().await;
            self.figures.killed_in_repair += 1;
            service = Service::spawn(serve(self.folder.path(), &self.simulator));
            self.settled(&mut service, 0).await;
        } else {
            self.settled(&mut service, sessions).await;
        }
        service
    }

    /// An outage after which the session is resumed: nothing at all is missed.
    async fn miss(&mut self, kind: Kind, length: u64, service: Service) -> Service {
        let before = self.simulator.counters().identifies;
        let mut observer = self.simulator.observe();
        let mut service = if kind == Kind::UnreachableInTime {
            let cut = self.simulator.outage();
            closed(&mut observer).await;
            let hearing = Hearing {
                heard: Heard::Told,
                clock_behind: length,
            };
            self.pass(length, hearing, false);
            observer = self.simulator.observe();
            drop(cut);
            service
        } else {
            self.end(kind == Kind::StoppedInTime, service).await;
            self.pass(length, Heard::Told.into(), false);
            observer = self.simulator.observe();
            Service::spawn(serve(self.folder.path(), &self.simulator))
        };
        let resumed = tokio::time::timeout(PATIENCE, observer.resumed()).await;
        assert!(resumed.is_ok(), "no RESUME: {}", service.said());
        self.settled(&mut service, 0).await;
        assert_eq!(self.simulator.counters().identifies, before);
        service
    }

    async fn end(&mut self, by_term: bool, service: Service) {
        if by_term {
            let ended = service.terminate().await;
            assert_eq!(ended.code, Some(0), "{}", ended.said);
        } else {
            service.kill().await;
        }
    }

    /// The channel whose permissions are changed to have the channels listed.
    fn touched_channel(&self) -> u64 {
        let channels = self.simulator.channels();
        let plain = channels.iter().find(|it| {
            let is_plain = it.kind == simulator::Kind::Text && it.name != "moderators";
            is_plain && it.visible && it.history
        });
        plain.unwrap().id
    }

    /// Changes a right that nobody needs. Each time it is another set of them: a change to what is already so
    /// would be no event, and hiding and showing the channel changes the set too.
    fn touch_a_channel(&mut self) {
        self.touches += 1;
        let change = simulator::PermissionChange::Bot {
            channel_id: self.touched_channel(),
            allow: 0,
            deny: self.touches * UNNEEDED,
        };
        self.simulator.set_permission(change).unwrap();
    }

    async fn check(&mut self, service: &mut Service, outage: Option<usize>) {
        let truth = self.simulator.truth();
        let channels: HashSet<u64> = truth.iter().map(|message| message.channel_id).collect();
        let channels: Vec<u64> = channels.into_iter().collect();
        let seen = service.until(|_| true).await.unwrap();
        let asker = Asker::new(&seen.base, self.simulator.guilds()[0].id);
        let answer = asker.ask(&channels).await;
        let mut check = Check::new(&self.simulator, &self.book, &answer, WINDOW_MS);
        check.messages(&truth, &self.had);
        check.outages();
        for (message, channel, claim) in check.excused.iter().rev().take(ASKED_ALONE) {
            let alone = asker.claim(*channel, *message).await;
            if alone == *claim {
                continue;
            }
            // A channel that is missing may have been looked for again in between.
            let claim = asker.ask(&[]).await.claim(*channel, *message);
            let alone = asker.claim(*channel, *message).await;
            if alone != claim {
                let details = format!("{claim:?}, alone {alone:?}");
                check
                    .violations
                    .push((format!("CLAIMS DIFFER: {message}"), details));
            }
        }
        if let Some(number) = outage {
            check.count(number, &truth, &mut self.figures);
        }
        for (what, details) in check.violations.drain(..) {
            let (sort, which) = what.split_once(": ").unwrap_or((&what, ""));
            let known = self.violations.entry(sort.to_owned()).or_default();
            if known.insert(which.to_owned()) && known.len() <= TOLD {
                println!("VIOLATION after outage {outage:?}: {what}: {details}");
            }
        }
        println!(
            "  {} rows, {} not as they are and said to be stale or in a gap",
            answer.rows.len(),
            check.excused.len()
        );
        self.had = answer.rows.keys().copied().collect();
        self.life.look();
    }
}

async fn closed(observer: &mut Observer) {
    let closed = tokio::time::timeout(PATIENCE, observer.closed()).await;
    assert!(closed.is_ok(), "the connection stays");
}

async fn identified_again(observer: &mut Observer) {
    let identified = tokio::time::timeout(PATIENCE, observer.identified()).await;
    assert!(identified.is_ok(), "no new session");
}

/// Waits until the service asks for anything over REST; whether it did.
async fn asked(observer: &mut Observer, patience: Duration) -> bool {
    let request = observer.until(|it| matches!(it, Happening::Request { .. }));
    tokio::time::timeout(patience, request).await.is_ok()
}
