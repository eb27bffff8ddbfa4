//! A name server that says what a test wants it to.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Answers questions for addresses of IPv4; of IPv6 there are none.
pub(crate) struct NameServer {
    address: SocketAddr,
    asked: Arc<AtomicUsize>,
    over: Arc<AtomicBool>,
}

impl NameServer {
    /// One whose answer follows from the name and from how many questions came before.
    pub(crate) fn start(answer: impl Fn(&str, usize) -> Vec<Ipv4Addr> + Send + 'static) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let address = socket.local_addr().unwrap();
        let (asked, over) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, ended) = (Arc::clone(&asked), Arc::clone(&over));
        std::thread::spawn(move || {
            let mut buffer = [0; 512];
            while !ended.load(Ordering::SeqCst) {
                let Ok((length, from)) = socket.recv_from(&mut buffer) else { continue };
                let Some((name, kind, end)) = question(&buffer[..length]) else { continue };
                let addresses = match kind {
                    1 => answer(&name, count.fetch_add(1, Ordering::SeqCst)),
                    _ => Vec::new(),
                };
                socket.send_to(&message(&buffer[..end], &addresses), from).unwrap();
            }
        });
        Self { address, asked, over }
    }

    /// Where it listens, as the policy file says it.
    pub(crate) fn address(&self) -> String {
        self.address.to_string()
    }

    /// How often it was asked for an address of IPv4.
    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

impl Drop for NameServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
    }
}

/// The name, the kind of record, and where the question ends (RFC 1035, 4.1.2).
fn question(message: &[u8]) -> Option<(String, u16, usize)> {
    let (mut at, mut labels) = (12, Vec::new());
    loop {
        let length = usize::from(*message.get(at)?);
        at += 1;
        if length == 0 {
            break;
        }
        labels.push(String::from_utf8_lossy(message.get(at..at + length)?).to_ascii_lowercase());
        at += length;
    }
    let kind = u16::from_be_bytes(message.get(at..at + 2)?.try_into().ok()?);
    Some((labels.join("."), kind, at + 4))
}

/// The question again, with answers that may be kept for no time.
fn message(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    let count = u16::try_from(addresses.len()).unwrap().to_be_bytes();
    let mut message = question[..2].to_vec();
    message.extend([0x81, 0x80, 0, 1, count[0], count[1], 0, 0, 0, 0]);
    message.extend(&question[12..]);
    for address in addresses {
        message.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        message.extend(address.octets());
    }
    message
}
