//! Printing: into the log, under the ledger, never to the host's own terminal.

use std::sync::Arc;

use bytes::Bytes;
use ringfence_core::gate::{Books, PrintStream};
use wasmtime_wasi::async_trait;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::p2::{OutputStream, Pollable, StreamResult};

/// How much a guest may write at once, in bytes.
const AT_ONCE: usize = 64 << 10;

/// Standard output or error of one attempt.
#[derive(Clone)]
pub(super) struct Printing {
    books: Arc<Books>,
    stream: PrintStream,
}

impl Printing {
    pub(super) fn new(books: Arc<Books>, stream: PrintStream) -> Self {
        Self { books, stream }
    }
}

impl IsTerminal for Printing {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Printing {
    fn async_stream(&self) -> Box<dyn tokio::io::AsyncWrite + Send + Sync> {
        Box::new(tokio::io::sink())
    }

    fn p2_stream(&self) -> Box<dyn OutputStream> {
        Box::new(self.clone())
    }
}

#[async_trait]
impl Pollable for Printing {
    async fn ready(&mut self) {}
}

impl OutputStream for Printing {
    fn write(&mut self, bytes: Bytes) -> StreamResult<()> {
        self.books.print(self.stream, &bytes);
        Ok(())
    }

    fn flush(&mut self) -> StreamResult<()> {
        Ok(())
    }

    fn check_write(&mut self) -> StreamResult<usize> {
        Ok(AT_ONCE)
    }
}
