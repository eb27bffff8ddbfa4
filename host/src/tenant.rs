//! Whose store this is. Tenants are kept apart by having a store each, with its own policy file, log, engine and limits; so
//! nothing of one can even be named in another's.

use ringfence_core::audit::{Fact, TraceId};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::{StreamName, TenantName};
use ringfence_core::ring::Ring;
use ringfence_core::stores::{Envelope, EventLog, StoreError, append_shared, read_facts};
use ringfence_core::system::Clock;

/// Whose store it is where nobody has said so.
const UNNAMED: &str = "default";

/// Whose store this is. The first policy file that names a tenant has it written down in the log; one that names another is
/// refused, and with it whoever would mix two tenants in one data folder.
///
/// # Errors
/// `R0467` if it is another's, and the store's.
pub(crate) fn of(
    log: &dyn EventLog,
    clock: &dyn Clock,
    named: Option<&TenantName>,
) -> Result<TenantName, Error> {
    if let Some(owner) = owner(log)? {
        return match named.filter(|named| **named != owner) {
            Some(named) => Err(anothers(&owner, named)),
            None => Ok(owner),
        };
    }
    let Some(named) = named else { return Ok(UNNAMED.parse().expect("it is a name")) };
    let envelope =
        Envelope { actor: &"operator".into(), ring: Some(Ring::System), trace: TraceId::default() };
    let decide = || match owner(log)? {
        None => Ok(Fact::TenantNamed { tenant: named.clone() }),
        Some(_) => Err(StoreError::Conflict(StreamName::tenant().to_string())),
    };
    match futures::executor::block_on(append_shared(log, clock, &StreamName::tenant(), envelope, decide)) {
        // Another process was faster: it may have named the same one.
        Err(StoreError::Conflict(_)) => of(log, clock, Some(named)),
        written => Ok(written.map(|_| named.clone())?),
    }
}

fn owner(log: &dyn EventLog) -> Result<Option<TenantName>, StoreError> {
    let facts = read_facts(log, &StreamName::tenant(), 1)?;
    Ok(facts.into_iter().find_map(|(_, fact)| match fact {
        Fact::TenantNamed { tenant } => Some(tenant),
        _ => None,
    }))
}

fn anothers(owner: &TenantName, named: &TenantName) -> Error {
    Error::new(Code::R0467, format!("this store is the tenant `{owner}`'s, and not `{named}`'s")).hint(
        "give each tenant a data folder of its own: `data` in ringfence.toml, --data DIR or RINGFENCE_DATA",
    )
}
