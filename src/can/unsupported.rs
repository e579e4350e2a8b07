//! Where there is no SocketCAN.

use std::io;
use std::os::fd::OwnedFd;

use super::{BusHealth, BusState, Listener, Port};

/// Says that interfaces need Linux.
pub async fn serve(port: Port, mut listener: impl Listener) {
    let reason = format!("the interface {} needs SocketCAN, which only Linux has", port.interface);
    let health = BusHealth { state: BusState::Absent, reason: Some(reason), ..BusHealth::default() };
    let mut inner = port.watch.inner();
    inner.0 = health.clone();
    let counts = inner.1;
    drop(inner);
    listener.health(&health, counts);
}

/// As [`serve`]; the socket is closed.
///
/// # Errors
/// None: it is Linux that has some.
pub async fn serve_on(port: Port, _socket: OwnedFd, listener: impl Listener) -> io::Result<()> {
    serve(port, listener).await;
    Ok(())
}
