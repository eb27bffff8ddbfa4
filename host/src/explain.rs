//! What a component may do for a caller, before it runs: looked at, described, and held against the policy.
//!
//! Nothing is kept of a file that is not loaded but its machine code in the cache.

use std::sync::Arc;
use std::time::Duration;

use ringfence_core::agent::Program;
use ringfence_core::capability::Powers;
use ringfence_core::contract::Contract;
use ringfence_core::error::{Code, Error};
use ringfence_core::governance::{Authority, Outlook, Policies, Stand, outlook};
use ringfence_core::ids::{Agent, Digest};
use ringfence_core::registry::Withdrawal;
use ringfence_core::ring::{Ring, floor};
use ringfence_core::sandbox::Ceilings;

use crate::app;
use crate::wiring::Running;

/// What is to be explained.
#[derive(Debug, Clone)]
pub enum Subject {
    /// A loaded skill, by a reference to it.
    Loaded(String),
    /// A component that need not be loaded.
    File(Vec<u8>),
}

/// On whose behalf.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Who.
    pub agent: Agent,
    /// In which ring.
    pub ring: Ring,
}

/// What there is to say of a component and a caller.
#[derive(Debug, Clone)]
pub struct Explained {
    /// What it takes and gives.
    pub contract: Contract,
    /// The hash of its component.
    pub digest: Digest,
    /// Its size in bytes.
    pub bytes: u64,
    /// Whether it is loaded.
    pub loaded: bool,
    /// By whom, when and why it was withdrawn, if it was.
    pub withdrawn: Option<Withdrawal>,
    /// Whether its machine code was in the cache.
    pub cached: bool,
    /// How long it took to compile, now or then; an agent is not compiled.
    pub compiled: Option<Duration>,
    /// Every interface that it imports.
    pub imports: Vec<String>,
    /// Who would call it.
    pub caller: Caller,
    /// The most privileged ring that the policy lets the skill run in, if it says so.
    pub ceiling: Option<Ring>,
    /// What an agent's own file narrows.
    pub own: Ceilings,
    /// Who judges its outputs, as the policy names them.
    pub validators: Vec<Arc<str>>,
    /// On what authority it would run.
    pub authority: Authority,
    /// The least privileged ring that may use all that it imports.
    pub needs: Ring,
    /// How it stands with each power.
    pub powers: Vec<Outlook>,
    /// Lines of policy that would give more of the powers, with the ring that it takes; and whether they are examples.
    pub lines: Vec<Lines>,
}

/// Lines for the policy file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lines {
    /// The lines.
    pub lines: String,
    /// Whether the folder or host that they name is only an example.
    pub example: bool,
}

impl Explained {
    /// Whether it runs at all: it is not withdrawn, and the ring lets it.
    #[must_use]
    pub fn may_run(&self) -> bool {
        self.withdrawn.is_none() && self.powers.iter().all(|power| power.stand != Stand::Forbidden)
    }

    /// What to do about a ring that is not enough, and about a version that is withdrawn.
    #[must_use]
    pub fn advice(&self) -> Option<String> {
        let Self { needs, ceiling, own, contract, .. } = self;
        let forbidden = self.powers.iter().filter(|power| power.stand == Stand::Forbidden);
        let words = forbidden.map(|power| format!("`{}`", power.capability)).collect::<Vec<_>>();
        let mut steps = Vec::new();
        if self.withdrawn.is_some() {
            let (name, version) = (&contract.name, &contract.version);
            steps.push(format!("bring it back: ringfence withdraw {name}@{version} --undo"));
        }
        if words.is_empty() {
            return steps.pop();
        }
        let words = words.join(" and ");
        if let Some(ceiling) = ceiling.filter(|ceiling| !ceiling.reaches(*needs)) {
            let name = &self.contract.name;
            steps.push(format!(
                "its ceiling is ring {ceiling}: say `ceiling = {needs}` under [[skill]] `{name}` in ringfence.toml"
            ));
        }
        if let Some(own) = own.ring.filter(|own| !own.reaches(*needs)) {
            steps.push(format!("its own file says ring {own}: load a version that says `ring = {needs}`"));
        }
        if !self.caller.ring.reaches(*needs) {
            steps.push(format!("run it with --ring {needs}, if its caller is to be trusted with {words}"));
        }
        Some(steps.join("; "))
    }
}

/// Explains a component. Of its code only `describe` is called, in an empty sandbox, and not even that if it is loaded.
///
/// # Errors
/// `R0401` if there is no such skill, those of [`app::describe`], and `R0410` for a broken contract.
pub async fn explain(running: &Running, subject: Subject, caller: Caller) -> Result<Explained, Error> {
    let (bytes, known) = match subject {
        Subject::File(bytes) => (bytes, None),
        Subject::Loaded(reference) => {
            let loaded = running.store.registry.look_up(&reference)?;
            let blobs = Arc::clone(&running.store.blobs);
            let digest = loaded.component;
            let found = tokio::task::spawn_blocking(move || blobs.get(&digest)).await;
            let found = found.map_err(|why| Error::new(Code::R0001, "a bug in Ringfence").because(why))??;
            let missing = || Error::new(Code::R0502, format!("component {digest} is missing in the store"));
            (found.ok_or_else(missing)?, Some(loaded))
        }
    };
    let digest = Digest::of(&bytes);
    let Seen { powers, imports, cached, compiled, own } = look_at(running, digest, &bytes).await?;
    let (contract, known) = match known {
        Some(loaded) => (loaded.contract.clone(), Some(loaded)),
        None => {
            let described = app::describe(running, &bytes).await?;
            let contract = Contract::check(&described.description)
                .map_err(|why| Error::new(Code::R0410, "the skill's contract is broken").because(why))?;
            let list = running.store.registry.list();
            (contract, list.into_iter().find(|loaded| loaded.component == digest))
        }
    };
    let policy = &running.config.policy;
    let edition = Policies::new(policy.clone()).newest();
    let authority = |ring: Ring| {
        let ring = policy.effective_ring(ring, &contract.name);
        let ring = own.ring.map_or(ring, |own| ring.least_privileged(own));
        Authority::under(&edition, caller.agent.clone(), contract.name.clone(), ring, powers)
    };
    let needs = needed(powers);
    let now = authority(caller.ring);
    // What lacks is said for the ring in which it would run: each advice alone would lead to the next refusal.
    let wanted = now.ring.more_privileged(needs);
    let wanted = Authority::under(&edition, now.agent.clone(), now.skill.clone(), wanted, powers);
    Ok(Explained {
        digest,
        bytes: bytes.len() as u64,
        loaded: known.is_some(),
        withdrawn: known.and_then(|loaded| running.store.registry.standing(&loaded).withdrawn),
        cached,
        compiled,
        imports,
        ceiling: policy.ceilings.get(&contract.name).copied(),
        validators: policy
            .rules
            .get(&contract.name)
            .map(|rules| rules.validators().to_vec())
            .unwrap_or_default(),
        powers: powers.iter().map(|power| outlook(power, &now)).collect(),
        lines: powers.iter().filter_map(|power| lines(&outlook(power, &wanted))).collect(),
        needs,
        own,
        authority: now,
        contract,
        caller,
    })
}

/// What a program asks for.
struct Seen {
    powers: Powers,
    imports: Vec<String>,
    cached: bool,
    compiled: Option<Duration>,
    own: Ceilings,
}

/// Looks at a program without running it: a component is compiled, an agent says it all by itself.
async fn look_at(running: &Running, digest: Digest, bytes: &[u8]) -> Result<Seen, Error> {
    if Program::is_one(bytes) {
        let program = Program::from_bytes(bytes)
            .map_err(|why| Error::new(Code::R0502, format!("agent {digest} cannot be read")).because(why))?;
        let powers = program.powers();
        let imports = powers.iter().map(|power| power.interface().to_owned()).collect();
        return Ok(Seen { powers, imports, cached: true, compiled: None, own: program.ceilings() });
    }
    let cached = running.sandbox.is_compiled(&digest);
    let powers = running.sandbox.prepare(bytes.to_vec()).await?.powers;
    let (imports, compiled) = (running.sandbox.imports(&digest), running.sandbox.compile_time(&digest));
    Ok(Seen { powers, imports, cached, compiled, own: Ceilings::default() })
}

/// The least privileged ring that may use all of these.
fn needed(powers: Powers) -> Ring {
    powers.iter().map(floor).fold(Ring::Sandboxed, Ring::more_privileged)
}

fn lines(outlook: &Outlook) -> Option<Lines> {
    let lines = outlook.denial.as_ref()?.line.clone()?;
    Some(Lines { lines, example: outlook.example })
}
