//! Free ports on loopback.
//!
//! They lie below the range from which the system gives ports to outgoing connections (on Linux from 32,768): a server
//! that is stopped for a while finds its port free when it comes back.

use std::net::{Ipv4Addr, TcpListener};
use std::sync::atomic::{AtomicU32, Ordering};

/// First port that is tried, and how many there are.
const FIRST: u32 = 12_000;
/// See [`FIRST`].
const COUNT: u32 = 20_000;
/// Ports handed out by this process, so that no two of its tests get the same.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// Returns a port on which nothing listens now, and which this process has not handed out before.
pub fn free() -> std::io::Result<u16> {
    // Processes that run side by side begin far from each other.
    let begin = std::process::id().wrapping_mul(7_919);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = (FIRST + begin.wrapping_add(step) % COUNT) as u16;
        if TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(port);
        }
    }
    Err(std::io::Error::other("no port is free"))
}

/// Returns `count` different free ports.
pub fn several(count: usize) -> std::io::Result<Vec<u16>> {
    (0..count).map(|_| free()).collect()
}

/// Returns true when something accepts connections on a loopback port.
pub fn accepts(port: u16) -> bool {
    let address = (Ipv4Addr::LOCALHOST, port).into();
    std::net::TcpStream::connect_timeout(&address, std::time::Duration::from_millis(200)).is_ok()
}
