//! Reads all that it was given, after a sleep in which its host may be lost and its sources may change.

use std::time::Duration;

use ringfence_sdk::prelude::*;

/// What it was given.
#[data]
pub struct Given {
    /// Each source without its text.
    sources: Vec<String>,
    /// Their texts.
    texts: Vec<String>,
}

/// Reads every source, and gives up where one says so.
#[skill]
fn friend_reads_its_context(milliseconds: u64, clock: Clock, context: Context) -> Result<Given> {
    let listed = context.list();
    if milliseconds > 0 {
        clock.sleep(Duration::from_millis(milliseconds));
    }
    let texts = listed.iter().map(|source| context.read(&source.name)).collect::<Result<Vec<_>, _>>()?;
    if texts.iter().any(|text| text == "give up") {
        return Err(Failure::stop("a source says so"));
    }
    let sources = listed.iter().map(|source| {
        let age = source.as_of.map(|as_of| clock.now().saturating_sub(as_of).as_secs());
        format!(
            "{} {:?} {} {:?} {:?} {}",
            source.name, source.origin, source.bytes, source.tokens, age, source.hash
        )
    });
    Ok(Given { sources: sources.collect(), texts })
}
