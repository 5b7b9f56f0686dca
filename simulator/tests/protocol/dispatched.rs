//! The log of what was dispatched about messages.

use simulator::{Burst, Community, Config, Draft};

use super::socket::Socket;
use super::{Bench, id};

#[tokio::test]
async fn dispatches_are_logged_as_each_session_numbers_them() {
    let bench = Bench::with(Config {
        keep_dispatches: true,
        ..Config::quick().with_community(Community::small(7))
    })
    .await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let say = || sim.create_message(room, Draft::text("x")).unwrap();
    say();
    assert_eq!(sim.dispatched(), [], "nobody listened");
    let (mut socket, ready) = Socket::identified(sim).await;
    let ids: Vec<u64> = (0..3).map(|_| say()).collect();
    sim.edit_message(room, ids[0], "y").unwrap();
    sim.partial_update(room, ids[0], 1).unwrap();
    sim.create_thread(room, None, "t", false).unwrap();
    sim.delete_message(room, ids[0]).unwrap();
    sim.bulk_delete(room, &ids).unwrap();
    let logged = sim.dispatched();
    let whole: Vec<bool> = logged.iter().map(|log| log.whole).collect();
    assert_eq!(whole, [true, true, true, true, false, true, false, false]);
    let last = logged.last().unwrap();
    assert_eq!(
        (last.name, &last.ids[..]),
        ("MESSAGE_DELETE_BULK", &ids[1..])
    );
    let mut logged = logged.into_iter();
    while logged.len() > 0 {
        let came = socket.payload().await;
        let name = came["t"].as_str().unwrap();
        if !name.starts_with("MESSAGE_") {
            continue;
        }
        let log = logged.next().unwrap();
        assert_eq!(log.session, ready["session_id"]);
        assert_eq!(
            (log.name, log.sequence),
            (name, came["s"].as_u64().unwrap())
        );
        assert_eq!(came["d"]["channel_id"], log.channel_id.to_string());
        let one = log.ids.len() == 1 && id(&came["d"]["id"]) == log.ids[0];
        assert!(one || came["d"]["ids"].as_array().unwrap().len() == log.ids.len());
    }
    let so_far = sim.dispatched().len();
    assert!(sim.burst(Burst::default()) >= 1000);
    let more = sim.dispatched_from(so_far);
    assert!(more.len() > 800, "{}", more.len());
    assert!(more.is_sorted_by_key(|log| log.sequence));

    let frugal = Bench::new().await;
    let (_socket, _) = Socket::identified(&frugal.simulator).await;
    frugal.simulator.burst(Burst::default());
    assert_eq!(frugal.simulator.dispatched(), []);
}

#[tokio::test]
async fn a_burst_counts_what_is_heard() {
    for extra in [0, 1 << 10 | 1 << 24] {
        let bench = Bench::with(Config {
            keep_dispatches: true,
            ..Config::quick().with_community(Community::small(7))
        })
        .await;
        let sim = &bench.simulator;
        let mut socket = Socket::open(sim, &sim.gateway_url(), "").await;
        socket.identify(super::socket::INTENTS | extra).await;
        socket.dispatch("GUILD_CREATE").await;
        let before = sim.sequence();
        let counted = sim.burst(Burst {
            events: 2000,
            seed: 3,
            ..Burst::default()
        });
        assert_eq!(sim.sequence() - before, counted as u64);
        let logged = sim.dispatched();
        let responses = logged.iter().filter(|log| {
            log.name.starts_with("MESSAGE_REACTION_") || log.name.starts_with("MESSAGE_POLL_")
        });
        assert_eq!(responses.count() > 100, extra != 0);
    }
}
