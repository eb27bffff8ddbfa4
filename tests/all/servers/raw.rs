//! A server that answers with whatever bytes a test wants.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What came in, one text for each connection.
type Requests = Arc<Mutex<Vec<String>>>;

/// A server that keeps what it was asked.
pub(crate) struct RawServer {
    address: SocketAddr,
    requests: Requests,
    over: Arc<AtomicBool>,
}

impl RawServer {
    /// One on 127.0.0.1 and any port. The answer gets the head of the request and the connection.
    pub(crate) fn start(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> Self {
        Self::start_at("127.0.0.1:0", answer)
    }

    /// One at an address.
    pub(crate) fn start_at(
        address: &str,
        answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, over) = (Requests::default(), Arc::new(AtomicBool::new(false)));
        let (kept, ended, answer) = (Arc::clone(&requests), Arc::clone(&over), Arc::new(answer));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                if ended.load(Ordering::SeqCst) {
                    break;
                }
                let (kept, answer) = (Arc::clone(&kept), Arc::clone(&answer));
                std::thread::spawn(move || serve(stream.unwrap(), &kept, &*answer));
            }
        });
        Self { address, requests, over }
    }

    /// One that answers everything with this text.
    pub(crate) fn saying(text: &'static str) -> Self {
        Self::start(move |_, stream| ok(stream, text))
    }

    /// Its port.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// `http://127.0.0.1:PORT`.
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What it was asked so far.
    pub(crate) fn requests(&self) -> Vec<String> {
        lock(&self.requests).clone()
    }
}

impl Drop for RawServer {
    fn drop(&mut self) {
        self.over.store(true, Ordering::SeqCst);
        drop(TcpStream::connect(self.address));
    }
}

/// Answers with a text.
pub(crate) fn ok(stream: &mut TcpStream, text: &str) {
    let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{text}", text.len());
    drop(stream.write_all(answer.as_bytes()));
}

fn serve(mut stream: TcpStream, requests: &Requests, answer: &dyn Fn(&str, &mut TcpStream)) {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte) {
            Ok(1) => head.push(byte[0]),
            _ => break,
        }
    }
    let head = String::from_utf8_lossy(&head).into_owned();
    if head.is_empty() {
        return;
    }
    lock(requests).push(head.clone());
    answer(&head, &mut stream);
}

fn lock(requests: &Requests) -> MutexGuard<'_, Vec<String>> {
    requests.lock().unwrap_or_else(PoisonError::into_inner)
}
