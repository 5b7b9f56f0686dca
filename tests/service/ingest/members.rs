//! What of the members concerns the service: the bot's own roles, when they change.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::proxy::{Proxy, Rule};
use testkit::world::World;

#[tokio::test(flavor = "multi_thread")]
async fn a_nickname_calls_for_no_pass() {
    let world = World::new(511, 600).await;
    let mut running = world.followed().await;
    let guild_id = world.simulator.guilds()[0].id;
    let tell = |roles: &[u64]| {
        let change = simulator::PermissionChange::BotRoles {
            guild_id,
            roles: roles.to_vec(),
        };
        world.simulator.set_permission(change).unwrap();
    };
    // The first time the roles are news.
    tell(&[guild_id]);
    let before = world.caught_up(&mut running).await.backfill.calls;
    for _ in 0..3 {
        tell(&[guild_id]);
    }
    let after = world.caught_up(&mut running).await.backfill.calls;
    assert_eq!(after, before);
    tell(&[]);
    let changed = world.caught_up(&mut running).await.backfill.calls;
    assert!(changed > after);
    running.stop().await;
}

/// A session that was resumed does not say whose it is: that is asked, and decides.
#[tokio::test(flavor = "multi_thread")]
async fn another_member_s_roles_call_for_no_pass() {
    for is_another in [false, true] {
        let mut world = World::new(515, 600).await;
        let asks_who = Arc::new(AtomicBool::new(false));
        let (asked, me) = (Arc::clone(&asks_who), world.simulator.bot_user_id());
        let rule = Rule {
            answer: Box::new(move |path, body| {
                if path == "/users/@me" && asked.load(Ordering::SeqCst) {
                    body.replace(&me.to_string(), &(me + 1).to_string())
                } else {
                    body
                }
            }),
            ..Rule::default()
        };
        let proxy = Proxy::start(&world.simulator.api_url(), rule).await;
        world.api_url = Some(proxy.url.clone());
        world.followed().await.stop().await;
        let mut running = world.start().await;
        running.until(|status| status.gateway.resumed == 1).await;
        let before = world.caught_up(&mut running).await.backfill.calls;
        asks_who.store(is_another, Ordering::SeqCst);
        let guild_id = world.simulator.guilds()[0].id;
        let change = simulator::PermissionChange::BotRoles {
            guild_id,
            roles: vec![guild_id],
        };
        world.simulator.set_permission(change).unwrap();
        let sequence = world.simulator.sequence();
        let status = running
            .until(|status| status.gateway.sequence >= sequence)
            .await;
        running.stop().await;
        assert_eq!(status.backfill.calls > before, !is_another);
    }
}
