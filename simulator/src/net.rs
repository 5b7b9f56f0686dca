//! The listeners: REST, the gateway, the gateway for RESUME, the control routes.
//! A closed door is really closed (connections are refused); its port stays reserved by a bound socket that does not
//! listen, so that nobody else gets it before the door opens again.

use std::net::SocketAddr;
use std::sync::Arc;

use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinSet;

use crate::error::Error;
use crate::observe::Happening;
use crate::shared::{Net, Shared};

/// Which listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    Rest,
    Gateway,
    Resume,
    Control,
}

/// A reserved port with the first listener on it.
#[derive(Debug)]
pub(crate) struct Reserved {
    pub(crate) address: SocketAddr,
    // Held, never used: it keeps the port.
    _socket: TcpSocket,
    listener: TcpListener,
}

/// Reserve an address and listen there.
pub(crate) fn reserve(address: SocketAddr) -> Result<Reserved, Error> {
    let failed = |source| Error::Listen { address, source };
    if address.port() != 0 {
        // Sharing a port between our own two sockets would also share it with another simulator; ask first.
        std::net::TcpListener::bind(address).map_err(failed)?;
    }
    let socket = socket(address).map_err(failed)?;
    let address = socket.local_addr().map_err(failed)?;
    let listener = listen(address).map_err(failed)?;
    Ok(Reserved {
        address,
        _socket: socket,
        listener,
    })
}

fn socket(address: SocketAddr) -> std::io::Result<TcpSocket> {
    let socket = if address.is_ipv4() {
        TcpSocket::new_v4()?
    } else {
        TcpSocket::new_v6()?
    };
    socket.set_reuseaddr(true)?;
    #[cfg(unix)]
    socket.set_reuseport(true)?;
    socket.bind(address)?;
    Ok(socket)
}

fn listen(address: SocketAddr) -> std::io::Result<TcpListener> {
    socket(address)?.listen(1024)
}

fn open(door: Door, net: &Net) -> bool {
    match door {
        Door::Rest => !net.outage,
        Door::Gateway | Door::Resume => !net.outage && !net.refuse,
        Door::Control => true,
    }
}

/// Accept at a door until the simulator stops.
pub(crate) async fn keep(shared: Arc<Shared>, door: Door, reserved: Reserved) {
    let mut net = shared.net.subscribe();
    let mut connections = JoinSet::new();
    let Reserved {
        address,
        _socket,
        listener,
    } = reserved;
    let mut listener = Some(listener);
    loop {
        // The answer is a read lock on the channel; it must not live on.
        let over = net
            .wait_for(|net| net.stopped || open(door, net))
            .await
            .map_or(true, |net| net.stopped);
        if over {
            break;
        }
        let here = match listener.take().map_or_else(|| listen(address), Ok) {
            Ok(here) => here,
            Err(error) => {
                shared.tell(Happening::Fault(format!(
                    "cannot listen on {address} again: {error}"
                )));
                break;
            }
        };
        loop {
            tokio::select! {
                accepted = here.accept() => match accepted {
                    Ok((stream, _)) if open(door, &shared.net.borrow()) => {
                        connections.spawn(serve(shared.clone(), door, stream));
                    }
                    Ok((stream, _)) => crate::gateway::reset(&stream),
                    Err(_) => tokio::task::yield_now().await,
                },
                _ = connections.join_next(), if !connections.is_empty() => {}
                changed = net.changed() => {
                    let now = *net.borrow();
                    if changed.is_err() || now.stopped || !open(door, &now) {
                        break;
                    }
                }
            }
        }
    }
    connections.shutdown().await;
}

async fn serve(shared: Arc<Shared>, door: Door, stream: TcpStream) {
    match door {
        Door::Rest => crate::rest::serve(shared, stream).await,
        Door::Gateway => crate::gateway::serve(shared, stream, false).await,
        Door::Resume => crate::gateway::serve(shared, stream, true).await,
        Door::Control => crate::control::serve(shared, stream).await,
    }
}
