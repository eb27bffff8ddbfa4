//! What the gate adds to a question to a language model, held against a bare HTTP client that asks the same server the same.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use ringfence_core::audit::TraceId;
use ringfence_core::capability::Powers;
use ringfence_core::gate::{Books, Gate, Inputs};
use ringfence_core::governance::{Authority, Ledger, StopSwitch};
use ringfence_core::ids::StreamName;
use ringfence_core::limit::{Amounts, Limit};
use ringfence_core::model::Question;
use ringfence_core::ring::Ring;
use ringfence_core::stores::StreamWriter;
use ringfence_core::units::Timestamp;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::runtime::Runtime;

use crate::sample::{Figure, Sample, timed};
use crate::world::World;

const EVENTS: &str = "data: {\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hello.\"}}]}\n\n\
    data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n\
    data: {\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2}}\n\ndata: [DONE]\n\n";

const CALLS: u32 = 1_000;

pub(crate) fn measure(runtime: &Runtime) -> Vec<Figure> {
    let address = serve();
    let policy = format!(
        "[[provider]]\nname = \"here\"\nkind = \"openai\"\nurl = \"http://{address}\"\n\
         [[model]]\nname = \"small\"\nprovider = \"here\"\ncontext-tokens = 4096\nmax-output-tokens = 64\n\
         input-usd = 0.0\noutput-usd = 0.0\n[[grant]]\nring = 2\nmodels = [\"small\"]\n"
    );
    let (bare, governed) = runtime.block_on(async {
        let world = World::with_policy(&policy).await;
        let mut client = Bare::connect(address).await;
        let mut gate = gate(&world);
        let (mut bare, mut governed) = (Sample::default(), Sample::default());
        for number in 0..CALLS {
            let (took, ()) = timed(client.ask()).await;
            bare.push(took);
            let (took, reply) = timed(gate.complete(Question::of("Say hello."))).await;
            assert_eq!(reply.expect("an answer").content, "Hello.");
            governed.push(took);
            if number % 100 == 99 {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        (bare, governed)
    });
    let (mut bare, mut governed) = (bare, governed);
    let more = governed.median().saturating_sub(bare.median());
    vec![Figure {
        what: "a governed model call over the same call by a bare HTTP client, to a loopback server that answers at once",
        to_reach: "≤ 300 µs more",
        measured: format!(
            "{:.0} µs more (bare {:.0?}; governed {})",
            more.as_secs_f64() * 1e6,
            bare.median(),
            governed.spread()
        ),
    }]
}

/// A client that does nothing but write the request and read the answer, on one connection.
struct Bare(tokio::net::TcpStream);

impl Bare {
    async fn connect(address: SocketAddr) -> Self {
        let stream = tokio::net::TcpStream::connect(address).await.expect("a connection");
        stream.set_nodelay(true).expect("a connection");
        Self(stream)
    }

    async fn ask(&mut self) {
        const BODY: &str = r#"{"max_completion_tokens":64,"messages":[{"content":"Say hello.","role":"user"}],"model":"small","stream":true,"stream_options":{"include_usage":true}}"#;
        let head = format!(
            "POST /chat/completions HTTP/1.1\r\nhost: here\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
            BODY.len()
        );
        self.0.write_all(format!("{head}{BODY}").as_bytes()).await.expect("it listens");
        let (mut seen, mut buffer) = (Vec::new(), [0; 8_192]);
        while !seen.ends_with(b"data: [DONE]\n\n") {
            let read = self.0.read(&mut buffer).await.expect("an answer");
            assert!(read > 0, "it ended");
            seen.extend_from_slice(&buffer[..read]);
        }
    }
}

/// A gate with plenty of everything.
pub(crate) fn gate(world: &World) -> Gate {
    let store = &world.running.store;
    let (stream, clock) = (StreamName::task(&store.entropy.task_id()), Arc::clone(&store.clock));
    let log =
        StreamWriter::create(Arc::clone(&store.log), Arc::clone(&clock), stream, "bench".into(), TraceId(1));
    let plenty = [Limit::Steps, Limit::BytesOut, Limit::BytesIn, Limit::Tokens, Limit::MicroUsd];
    let limits = plenty.into_iter().fold(Amounts::NONE, |limits, limit| limits.with(limit, 1 << 40));
    let books = Arc::new(Books::new(log, Ledger::new(limits), Arc::new(StopSwitch::default()), clock));
    let name = "bench".parse().expect("a name");
    let edition = world.running.host.policies.newest();
    let agent = "bench".parse().expect("a name");
    let authority = Authority::under(&edition, agent, name, Ring::Standard, Powers::all());
    Gate::new(
        books,
        Arc::new(authority),
        Arc::clone(&world.running.host.outside),
        Inputs::new(&[0; 32], Timestamp(0)),
    )
}

/// A server that answers each request at once, on connections that are kept.
pub(crate) fn serve() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("an address");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            std::thread::spawn(move || answer(stream));
        }
    });
    address
}

fn answer(mut stream: TcpStream) {
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncontent-length: {}\r\n\r\n",
        EVENTS.len()
    );
    let whole = format!("{head}{EVENTS}");
    stream.set_nodelay(true).expect("a connection");
    let (mut seen, mut buffer) = (Vec::new(), [0; 8_192]);
    while let Ok(read @ 1..) = stream.read(&mut buffer) {
        seen.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&seen);
        let Some((before, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = before
            .to_ascii_lowercase()
            .lines()
            .find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            seen.clear();
            if stream.write_all(whole.as_bytes()).is_err() {
                return;
            }
        }
    }
}
