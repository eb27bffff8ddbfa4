//! Messages on their way to the other side of a pipe: a line each, whole or not at all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::FutureExt;
use serde::Serialize;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::Mutex;

/// How many bytes may wait to be taken in by who takes in nothing.
const MOST_WAITING: u64 = 64 << 20;

/// What a line costs beside its bytes.
const OVERHEAD: u64 = 1 << 10;

/// What is told when nobody takes the lines in any more.
type Given = Arc<dyn Fn() + Send + Sync>;

/// Writes lines, one after another.
pub(crate) struct LineWriter<W> {
    output: Arc<Mutex<Option<W>>>,
    patience: Duration,
    given_up: Given,
    waiting: Arc<AtomicU64>,
}

impl<W: AsyncWrite + Send + Unpin + 'static> LineWriter<W> {
    /// One that gives up, and says so, when a line is not taken in for so long, or too much waits.
    pub(crate) fn new(output: W, patience: Duration, given_up: impl Fn() + Send + Sync + 'static) -> Self {
        let (output, given_up) = (Arc::new(Mutex::new(Some(output))), Arc::new(given_up) as Given);
        Self { output, patience, given_up, waiting: Arc::default() }
    }

    /// Writes a message. It is written as a whole also when this is dropped.
    pub(crate) fn write<M: Serialize>(
        &self,
        message: &M,
    ) -> impl Future<Output = std::io::Result<()>> + Send + use<M, W> {
        let line = serde_json::to_vec(message);
        let (output, given_up, patience) =
            (Arc::clone(&self.output), Arc::clone(&self.given_up), self.patience);
        let waiting = Waiting::one(&self.waiting, line.as_ref().map_or(0, Vec::len));
        if waiting.is_too_much() {
            given_up();
        }
        async move {
            let mut line = line?;
            line.push(b'\n');
            let mut writing = Box::pin(async move {
                let _waiting = waiting;
                let mut output = output.lock().await;
                let open = output.as_mut().ok_or(std::io::ErrorKind::BrokenPipe)?;
                let all = async {
                    open.write_all(&line).await?;
                    open.flush().await
                };
                let done = tokio::time::timeout(patience, all).await;
                let done = done.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
                if done.is_err() {
                    given_up();
                    *output = None;
                }
                done
            });
            // A pipe that has room takes a line at once.
            if let Some(done) = writing.as_mut().now_or_never() {
                return done;
            }
            // The rest in a task of its own: a line that is cut off would spoil all that come after it.
            tokio::spawn(writing).await.map_err(std::io::Error::other)?
        }
    }

    /// Writes nothing any more, but what is being written.
    pub(crate) fn close(&self) {
        if let Ok(mut output) = self.output.try_lock() {
            output.take();
        }
    }
}

/// A line that is not written yet.
struct Waiting {
    all: Arc<AtomicU64>,
    own: u64,
}

impl Waiting {
    fn one(all: &Arc<AtomicU64>, bytes: usize) -> Self {
        let own = bytes as u64 + OVERHEAD;
        all.fetch_add(own, Ordering::Relaxed);
        Self { all: Arc::clone(all), own }
    }

    /// Whether more than this one waits, and too much.
    fn is_too_much(&self) -> bool {
        self.all.load(Ordering::Relaxed).saturating_sub(self.own) > MOST_WAITING
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use tokio::io::{AsyncBufReadExt, BufReader};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(60);

    fn writer() -> (LineWriter<tokio::io::DuplexStream>, tokio::io::DuplexStream, Arc<AtomicBool>) {
        let (near, far) = tokio::io::duplex(16);
        let is_given_up = Arc::new(AtomicBool::new(false));
        let told = Arc::clone(&is_given_up);
        (LineWriter::new(near, PATIENCE, move || told.store(true, Ordering::SeqCst)), far, is_given_up)
    }

    #[tokio::test(start_paused = true)]
    async fn lines_come_whole_and_in_order_and_who_takes_none_in_is_given_up() {
        let (writer, far, is_given_up) = writer();
        let lines: Vec<_> = (0..100).map(|number| tokio::spawn(writer.write(&number))).collect();
        let mut far = BufReader::new(far).lines();
        for number in 0..100 {
            assert_eq!(far.next_line().await.expect("a line"), Some(number.to_string()));
        }
        for line in lines {
            line.await.expect("no panic").expect("it was written");
        }
        assert!(!is_given_up.load(Ordering::SeqCst));
        assert!(writer.write(&"x".repeat(100)).await.is_err(), "nobody reads it");
        assert!(is_given_up.load(Ordering::SeqCst));
        assert!(writer.write(&1).await.is_err(), "and nothing else is written behind half a line");
    }

    #[tokio::test]
    async fn who_lets_too_much_wait_is_given_up_at_once() {
        let (writer, _far, is_given_up) = writer();
        let long = "x".repeat(20 << 20);
        for _ in 0..3 {
            drop(tokio::spawn(writer.write(&long)));
            assert!(!is_given_up.load(Ordering::SeqCst));
        }
        drop(tokio::spawn(writer.write(&long)));
        drop(writer.write(&1));
        assert!(is_given_up.load(Ordering::SeqCst));
    }
}
