//! Polls: votes, counts, the end.

use serde_json::{Value, json};
use simulator::{Draft, Error, TruthPoll};

use super::reactions::listening;
use super::socket::Socket;
use super::{Bench, id};

/// GUILD_MESSAGE_POLLS.
const POLLS: u64 = 1 << 24;

fn answer_counts(message: &Value) -> Value {
    message["poll"]["results"]["answer_counts"].clone()
}

#[tokio::test]
async fn votes_come_and_go() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let people = bench.people();
    let mut socket = listening(sim, POLLS).await;
    let (mut deaf, _) = Socket::identified(sim).await;
    let poll = sim
        .create_message(room, Draft::default().poll("When?", &["now", "later"]))
        .unwrap();
    let created = socket.payload().await["d"].clone();
    assert_eq!(
        created["poll"]["results"],
        json!({"answer_counts": [], "is_finalized": false})
    );
    let text = created["poll"]["answers"][1].clone();
    assert_eq!(
        text,
        json!({"answer_id": 2, "poll_media": {"text": "later"}})
    );

    sim.add_vote(room, poll, people[0], 1).unwrap();
    let vote = socket.payload().await;
    assert_eq!(vote["t"], "MESSAGE_POLL_VOTE_ADD");
    let expected = json!({
        "user_id": people[0].to_string(), "channel_id": room.to_string(), "message_id": poll.to_string(),
        "guild_id": bench.guild().to_string(), "answer_id": 1,
    });
    assert_eq!(vote["d"], expected);
    sim.add_vote(room, poll, people[0], 1).unwrap();
    sim.add_vote(room, poll, people[1], 1).unwrap();
    assert_eq!(
        id(&socket.payload().await["d"]["user_id"]),
        people[1],
        "the same vote again is no event"
    );
    // One answer only: another vote takes the first one back.
    sim.add_vote(room, poll, people[1], 2).unwrap();
    let (left, came) = (socket.payload().await, socket.payload().await);
    assert_eq!(
        (&left["t"], &left["d"]["answer_id"]),
        (&json!("MESSAGE_POLL_VOTE_REMOVE"), &json!(1))
    );
    assert_eq!(
        (&came["t"], &came["d"]["answer_id"]),
        (&json!("MESSAGE_POLL_VOTE_ADD"), &json!(2))
    );
    let shown = bench.message(room, poll).await;
    assert_eq!(
        answer_counts(&shown),
        json!([{"id": 1, "count": 1, "me_voted": false}, {"id": 2, "count": 1, "me_voted": false}])
    );
    assert_eq!(shown["edited_timestamp"], Value::Null);
    sim.remove_vote(room, poll, people[0], 1).unwrap();
    assert_eq!(socket.payload().await["t"], "MESSAGE_POLL_VOTE_REMOVE");
    let shown = bench.message(room, poll).await;
    assert_eq!(
        answer_counts(&shown),
        json!([{"id": 2, "count": 1, "me_voted": false}]),
        "no entry is no votes"
    );
    sim.pin_message(room, poll).unwrap();
    let update = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    assert!(
        update["poll"].is_object() && update["poll"].get("results").is_none(),
        "an event does not count votes: {update}"
    );
    let votes = [(1, 0), (2, 1)].into();
    let truth = TruthPoll {
        votes,
        finalized: false,
    };
    assert_eq!(bench.true_message(room, poll).poll, Some(truth));
    assert_eq!(deaf.payload().await["t"], "MESSAGE_CREATE");
    assert_eq!(
        deaf.payload().await["t"],
        "MESSAGE_UPDATE",
        "no votes without the intent"
    );
}

#[tokio::test]
async fn several_answers_and_what_is_refused() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let people = bench.people();
    let draft = Draft::default().multiselect_poll("Which?", &["a", "b", "c"]);
    let poll = sim.create_message(room, draft).unwrap();
    for answer in [1, 3] {
        sim.add_vote(room, poll, people[0], answer).unwrap();
    }
    let shown = bench.message(room, poll).await;
    assert_eq!(shown["poll"]["allow_multiselect"], true);
    assert_eq!(answer_counts(&shown).as_array().unwrap().len(), 2);
    let refused = |done: Result<(), Error>| matches!(done, Err(Error::Invalid(_)));
    for answer in [0, 4] {
        assert!(refused(sim.add_vote(room, poll, people[0], answer)));
    }
    assert!(
        refused(sim.add_vote(room, poll, sim.bot_user_id(), 1)),
        "no rights for apps"
    );
    assert!(refused(sim.remove_vote(room, poll, people[0], 2)));
    let plain = sim.create_message(room, Draft::text("no poll")).unwrap();
    assert!(refused(sim.add_vote(room, plain, people[0], 1)));
    assert!(refused(sim.end_poll(room, plain)));
    assert!(matches!(
        sim.add_vote(room, poll, 9, 1),
        Err(Error::UnknownUser(9))
    ));
}

#[tokio::test]
async fn a_poll_ends() {
    let bench = Bench::new().await;
    let sim = &bench.simulator;
    let room = bench.channel("general").id;
    let people = bench.people();
    let (mut socket, _) = Socket::identified(sim).await;
    let poll = sim
        .create_message(room, Draft::default().poll("Tea?", &["yes", "no"]))
        .unwrap();
    for (user, answer) in [(0, 1), (1, 1), (2, 2)] {
        sim.add_vote(room, poll, people[user], answer).unwrap();
    }
    sim.end_poll(room, poll).unwrap();
    let update = socket.dispatch("MESSAGE_UPDATE").await["d"].clone();
    let counts =
        json!([{"id": 1, "count": 2, "me_voted": false}, {"id": 2, "count": 1, "me_voted": false}]);
    assert_eq!(
        update["poll"]["results"],
        json!({"answer_counts": counts, "is_finalized": true}),
        "an ended poll always has its results"
    );
    assert_eq!(update["edited_timestamp"], Value::Null);
    let notice = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(notice["type"], 46);
    assert_eq!(id(&notice["message_reference"]["message_id"]), poll);
    let fields: Vec<(&str, &str)> = notice["embeds"][0]["fields"]
        .as_array()
        .unwrap()
        .iter()
        .map(|field| {
            (
                field["name"].as_str().unwrap(),
                field["value"].as_str().unwrap(),
            )
        })
        .collect();
    let expected = [
        ("poll_question_text", "Tea?"),
        ("victor_answer_votes", "2"),
        ("total_votes", "3"),
        ("victor_answer_id", "1"),
        ("victor_answer_text", "yes"),
    ];
    assert_eq!(fields, expected);
    assert!(sim.add_vote(room, poll, people[3], 1).is_err());
    assert!(sim.remove_vote(room, poll, people[0], 1).is_err());
    assert!(sim.end_poll(room, poll).is_err());
    assert!(bench.true_message(room, poll).poll.unwrap().finalized);

    let tie = sim
        .create_message(room, Draft::default().poll("Tie?", &["yes", "no"]))
        .unwrap();
    sim.end_poll(room, tie).unwrap();
    socket.dispatch("MESSAGE_UPDATE").await;
    let notice = socket.dispatch("MESSAGE_CREATE").await["d"].clone();
    assert_eq!(
        notice["embeds"][0]["fields"].as_array().unwrap().len(),
        3,
        "nothing has won"
    );
}
