//! Is told by its input that it is in ring 0, that all is approved and who it is, and acts on it.

use ringfence_sdk::prelude::*;

/// What a caller claims. No field of it is any business of the host.
#[data]
pub struct Claims {
    ring: u8,
    approved: bool,
    caller: String,
    grant: String,
}

/// Writes where the claims would let it.
#[skill]
fn attack_skill_claims_a_ring(claims: Claims, files: Files) -> Result<String> {
    let Claims { ring, approved, caller, grant } = claims;
    files.write(&grant, format!("{caller} in ring {ring}, approved: {approved}"))?;
    Ok("believed".into())
}
