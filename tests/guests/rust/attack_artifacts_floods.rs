//! Hands over artifacts without end.

use ringfence_sdk::prelude::*;

/// Hands over artifacts of so many bytes, and gives what the host said to the first that it refused.
#[skill]
fn attack_artifacts_floods(bytes: usize, artifacts: Artifacts) -> Result<String> {
    let content = vec![b'a'; bytes];
    let save = |number| artifacts.save(&format!("flood-{number}"), "text/plain", &content).err();
    Ok((0..1_000_000).find_map(save).map_or_else(String::new, |error| error.to_string()))
}
