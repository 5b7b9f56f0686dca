//! Where faults are switched on and off.
//! Gateway faults act on every connected session at once; most tests have one.

use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::faults::{Fault, GatewayFault, ListFault, RestFault};
use crate::gateway::Command;
use crate::shared::Shared;
use crate::simulator::Simulator;

/// Switches faults on and off.
#[derive(Clone, Debug)]
pub struct FaultSwitch(pub(crate) Simulator);

impl FaultSwitch {
    /// Something goes wrong on the socket.
    ///
    /// # Errors
    /// When it needs a connection and there is none.
    #[expect(
        clippy::needless_pass_by_value,
        reason = "a fault is written where it is used"
    )]
    pub fn gateway(&self, fault: GatewayFault) -> Result<(), Error> {
        gateway(&self.0.shared, self.0.runtime(), &fault)
    }

    /// Something goes wrong with requests; the number of the rule.
    pub fn rest(&self, fault: RestFault) -> u64 {
        self.0.shared.lock().faults.add_rest(fault)
    }

    /// A list is not what it should be; the number of the rule.
    pub fn list(&self, fault: ListFault) -> u64 {
        self.0.shared.lock().faults.add_list(fault)
    }

    /// Take a rule back.
    pub fn remove(&self, rule: u64) {
        self.0.shared.lock().faults.remove(rule);
    }

    /// Switch everything off that is on, and let go of what was kept back. An outage is no fault and goes on.
    pub fn clear(&self) {
        clear(&self.0.shared);
    }
}

/// Switch on a fault, however it was given; the number of the rule for a fault of REST or of lists.
pub(crate) fn set(
    shared: &Arc<Shared>,
    runtime: &tokio::runtime::Handle,
    fault: Fault,
) -> Result<Option<u64>, Error> {
    match fault {
        Fault::Rest(fault) => Ok(Some(shared.lock().faults.add_rest(fault))),
        Fault::List(fault) => Ok(Some(shared.lock().faults.add_list(fault))),
        Fault::Gateway(fault) => gateway(shared, runtime, &fault).map(|()| None),
    }
}

pub(crate) fn clear(shared: &Shared) {
    let mut state = shared.lock();
    state.faults.clear();
    state.hub.reorder = 0;
    state.hub.release(shared.config.replay_buffer);
    drop(state);
    shared.net.send_modify(|net| net.refuse = false);
}

const MALFORMED: &str =
    r#"{"id":1,"channel_id":{"no":"id"},"content":["not","text"],"author":null,"type":"text"}"#;

fn gateway(
    shared: &Arc<Shared>,
    runtime: &tokio::runtime::Handle,
    fault: &GatewayFault,
) -> Result<(), Error> {
    let name = format!("{fault:?}");
    let buffer = shared.config.replay_buffer;
    let mut state = shared.lock();
    let raw = |text: &str| Command::Frame(text.into());
    let mut reached = usize::MAX;
    match fault {
        GatewayFault::Reconnect { close } => {
            reached = state
                .hub
                .tell(&raw(r#"{"t":null,"s":null,"op":7,"d":null}"#));
            if *close {
                state.hub.tell(&Command::Close(Some(4000)));
            }
        }
        GatewayFault::InvalidSession { resumable } => {
            reached = state.hub.tell(&raw(&format!(
                "{{\"t\":null,\"s\":null,\"op\":9,\"d\":{resumable}}}"
            )));
            if !resumable {
                state.hub.end_connected();
            }
        }
        GatewayFault::Close { code } => reached = state.hub.tell(&Command::Close(*code)),
        GatewayFault::Reset => reached = state.hub.tell(&Command::Reset),
        GatewayFault::Silence => reached = state.hub.tell(&Command::Silence),
        GatewayFault::DropHeartbeatAcks => state.faults.gateway.drop_acks = true,
        GatewayFault::Refuse { seconds } => {
            shared.net.send_modify(|net| net.refuse = true);
            if let Some(seconds) = *seconds {
                let shared = shared.clone();
                runtime.spawn(async move {
                    tokio::time::sleep(Duration::from_secs_f64(seconds.max(0.0))).await;
                    shared.net.send_modify(|net| net.refuse = false);
                });
            }
        }
        GatewayFault::Accept => shared.net.send_modify(|net| net.refuse = false),
        GatewayFault::DuplicateReplay { times } => state.faults.gateway.duplicate_replay = *times,
        GatewayFault::RepeatAfterResumed { times } => {
            state.faults.gateway.repeat_after_resumed = *times;
        }
        GatewayFault::UnknownOp => {
            reached = state
                .hub
                .tell(&raw(r#"{"t":null,"s":null,"op":99,"d":{"a":1}}"#));
        }
        GatewayFault::UnknownEvent => {
            state
                .hub
                .send_all("SOMETHING_NOBODY_KNOWS", r#"{"id":"1"}"#, buffer);
        }
        GatewayFault::MalformedEvent => state.hub.send_all("MESSAGE_CREATE", MALFORMED, buffer),
        GatewayFault::NotJson => {
            reached = state
                .hub
                .tell(&raw("{\"op\":0,\"t\":\"MESSAGE_CREATE\",\"d\":"));
        }
        GatewayFault::Delay { .. } => state.hub.hold = true,
        GatewayFault::Release => state.hub.release(buffer),
        GatewayFault::Reorder { times } => state.hub.reorder = *times,
        GatewayFault::ExpireSessions => state.hub.expire_all(),
        GatewayFault::RequestHeartbeat => {
            reached = state
                .hub
                .tell(&raw(r#"{"t":null,"s":null,"op":1,"d":null}"#));
        }
        GatewayFault::RequireSharding => state.faults.gateway.sharding_required = true,
    }
    drop(state);
    if let GatewayFault::Delay { ms: Some(ms) } = *fault {
        let shared = shared.clone();
        runtime.spawn(async move {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            shared.lock().hub.release(buffer);
        });
    }
    shared.tell(crate::observe::Happening::Fault(name));
    if reached == 0 {
        Err(Error::NotConnected)
    } else {
        Ok(())
    }
}
