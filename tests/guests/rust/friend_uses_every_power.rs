//! Uses every power, and handles every error that it gets.

use std::time::Duration;

use ringfence_sdk::prelude::*;

/// What it saw.
#[data]
pub struct Seen {
    /// The clock, before and after a sleep.
    times: Vec<u64>,
    /// Random bytes.
    random: Vec<u8>,
    /// Revisions and values in memory.
    memory: Vec<String>,
    /// What became of what it handed over.
    artifacts: Vec<String>,
    /// What it was given to read.
    context: Vec<String>,
    /// What became of each call about files.
    files: Vec<String>,
    /// What became of each call about the web.
    web: Vec<String>,
    /// What became of each errand.
    errands: Vec<String>,
    /// What became of each call of a tool.
    tools: Vec<String>,
}

/// Uses every power.
#[skill]
fn friend_uses_every_power(
    folder: String,
    artifacts: Artifacts,
    clock: Clock,
    context: Context,
    files: Files,
    http: Http,
    log: Log,
    memory: Memory,
    random: Random,
    skills: Skills,
    tool: Tool,
) -> Result<Seen> {
    log.info("it begins");
    let mut times = vec![clock.now()];
    clock.sleep(Duration::from_millis(20));
    times.push(clock.now());
    let path = format!("{folder}/deep/a.txt");
    let seen = Seen {
        times: times.into_iter().map(|time| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)).collect(),
        random: random.bytes(32),
        memory: vec![
            format!("{:?}", memory.get("k")),
            format!("{:?}", memory.set("k", b"1")),
            format!("{:?}", memory.compare_and_set("k", 0, b"2")),
            format!("{:?}", memory.list("")),
            format!("{:?}", memory.delete("k")),
        ],
        artifacts: vec![
            format!("{:?}", artifacts.save("done.txt", "text/plain", b"done")),
            format!("{:?}", artifacts.save("done.txt", "text/plain", b"done")),
            format!("{:?}", artifacts.save("done.txt", "text/plain", b"redone")),
            format!("{:?}", artifacts.save("../done.txt", "text/plain", b"done")),
        ],
        context: vec![
            format!("{:?}", context.list()),
            format!("{:?}", context.read("rules")),
            format!("{:?}", context.read("nothing")),
        ],
        files: vec![
            format!("{:?}", files.write(&path, b"hello")),
            format!("{:?}", files.read_text(&path)),
            format!("{:?}", files.list(&folder)),
            format!("{:?}", files.read("elsewhere/b.txt")),
            format!("{:?}", files.delete(&path)),
            format!("{:?}", files.read(&path)),
        ],
        web: vec![format!("{:?}", http.get("http://127.0.0.1/"))],
        errands: vec![format!("{:?}", skills.run::<String>("nobody", &json!({})))],
        tools: vec![format!("{:?}", tool.list()), format!("{:?}", tool.call("nobody/nothing", &json!({})))],
    };
    log.warn("it ends");
    Ok(seen)
}
