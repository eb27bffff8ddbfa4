//! Hostile guests with what they need to do their worst: a ring that lets them in, a granted folder, a granted server, and an
//! input that their contract takes.

use ringfence_core::limit::Limit;
use ringfence_core::pipeline::Order;
use ringfence_core::ring::Ring;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use crate::world::World;

/// A host with hostile guests, and the inputs that they are given.
pub(crate) struct Den {
    pub(crate) world: World,
    /// Each by its name.
    pub(crate) guests: Vec<(String, String)>,
}

impl Den {
    /// One with all hostile guests that load, and `hello`.
    pub(crate) async fn new() -> Self {
        let server = TcpListener::bind("127.0.0.1:0").await.expect("a server");
        let url = format!("http://{}/", server.local_addr().expect("an address"));
        tokio::spawn(serve(server));
        let grant = format!(
            "[[grant]]\nring = 2\nfiles = [{{ folder = \"scratch\", access = \"write\" }}]\n\
             http = [{{ url = \"{url}*\", networks = [\"127.0.0.0/8\"] }}]\n"
        );
        let policy =
            format!("[engine]\nslots = 1200\n[concurrency]\nper-caller = 1200\nper-tenant = 1200\n{grant}");
        let world = World::with_policy(&policy).await;
        std::fs::create_dir(world.folder.path().join("scratch")).expect("a folder");
        let mut guests = Vec::new();
        for (name, _) in ringfence_built::COMPONENTS {
            let component = ringfence_built::component(name);
            if !(name.starts_with("attack_") || *name == "hello") {
                continue;
            }
            let Ok((loaded, _)) = ringfence::app::load(&world.running, &component, "bench").await else {
                continue;
            };
            if *name != "hello" {
                let input = fitting(loaded.contract.input.source(), "", &url);
                guests.push((name.replace('_', "-"), input.to_string()));
            }
        }
        Self { world, guests }
    }

    /// An attack: short of time, and of nothing else.
    pub(crate) fn attack(&self, name: &str, input: &str) -> Order {
        let order = self.world.order(name, input);
        let limits = self.world.running.config.limits.with(Limit::WallMs, 300);
        Order { ring: Ring::Standard, limits, ..order }
    }
}

/// Answers whoever asks, and nothing more.
async fn serve(server: TcpListener) {
    while let Ok((mut caller, _)) = server.accept().await {
        tokio::spawn(async move {
            let mut asked = [0; 4096];
            while caller.read(&mut asked).await.is_ok_and(|read| read > 0) {
                let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\ndone";
                if caller.write_all(answer).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// A value that a schema takes, as large as it may be where it says so: for the kinds that guests declare.
fn fitting(schema: &Value, field: &str, url: &str) -> Value {
    match schema["type"].as_str() {
        Some("object") => {
            let required = schema["required"].as_array().map(Vec::as_slice).unwrap_or_default();
            let field = |name: &str| (name.to_owned(), fitting(&schema["properties"][name], name, url));
            required.iter().filter_map(Value::as_str).map(field).collect()
        }
        Some("array") => json!([fitting(&schema["items"], field, url)]),
        Some("integer" | "number") => {
            schema["maximum"].as_u64().unwrap_or(1_000_000_000).min(1_000_000_000).into()
        }
        Some("boolean") => true.into(),
        Some("string") if field.contains("url") => url.into(),
        Some("string") if field.contains("folder") => "scratch".into(),
        Some("string") => schema["enum"][0].as_str().unwrap_or("x").into(),
        _ => json!({}),
    }
}
