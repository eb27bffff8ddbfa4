//! The sandbox of components, and beside it the agents: a digest stands for the one or the other.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use futures::channel::oneshot;
use futures::future::{BoxFuture, Either, select};

use super::program::Program;
use super::{prompt, run};
use crate::error::Code;
use crate::gate::TrapReason;
use crate::governance::{Exhausted, StopReason};
use crate::ids::Digest;
use crate::limit::Limit;
use crate::sandbox::{Ceilings, End, Job, Ran, Sandbox};
use crate::stores::BlobStore;
use crate::units::{Bytes, Fuel};

/// Runs components in the sandbox that it is given, and agents by itself.
pub struct WithAgents {
    components: Arc<dyn Sandbox>,
    blobs: Arc<dyn BlobStore>,
    known: RwLock<HashMap<Digest, Option<Arc<Program>>>>,
}

impl WithAgents {
    /// With this sandbox for components; agents lie in the blob store.
    #[must_use]
    pub fn new(components: Arc<dyn Sandbox>, blobs: Arc<dyn BlobStore>) -> Self {
        Self { components, blobs, known: RwLock::default() }
    }

    /// The agent of a digest, if it is one.
    fn agent(&self, digest: &Digest) -> Result<Option<Arc<Program>>, String> {
        if let Some(known) = self.known.read().unwrap_or_else(PoisonError::into_inner).get(digest) {
            return Ok(known.clone());
        }
        // One that is not there may come back as either.
        let Some(bytes) = self.blobs.get(digest).map_err(|why| why.to_string())? else { return Ok(None) };
        let program =
            if Program::is_one(&bytes) { Some(Arc::new(Program::from_bytes(&bytes)?)) } else { None };
        self.known.write().unwrap_or_else(PoisonError::into_inner).insert(*digest, program.clone());
        Ok(program)
    }
}

impl Sandbox for WithAgents {
    fn run(&self, job: Job) -> BoxFuture<'_, Ran> {
        match self.agent(&job.component) {
            Ok(None) => self.components.run(job),
            Ok(Some(program)) => Box::pin(drive(program, job)),
            Err(why) => {
                let end = End::HostFailed(Code::R0502, why);
                Box::pin(std::future::ready(Ran { end, fuel: Fuel(0), memory: Bytes(0) }))
            }
        }
    }

    fn ceilings(&self, component: &Digest) -> Result<Ceilings, String> {
        Ok(self.agent(component)?.map(|program| program.ceilings()).unwrap_or_default())
    }

    fn takes_room(&self, component: &Digest) -> bool {
        !matches!(self.agent(component), Ok(Some(_)))
    }

    fn fingerprint(&self) -> &Arc<str> {
        self.components.fingerprint()
    }

    /// An agent uses nothing of the engine; what it is told is what it depends on.
    fn fingerprint_of(&self, component: &Digest) -> Arc<str> {
        match self.agent(component) {
            Ok(Some(_)) => prompt::VERSION.into(),
            _ => self.components.fingerprint_of(component),
        }
    }
}

/// Runs an agent until it ends, its time is up or it is stopped, whichever is first.
async fn drive(program: Arc<Program>, job: Job) -> Ran {
    let Job { request, fuel, memory, wall, mut gate, .. } = job;
    let books = Arc::clone(gate.books());
    let (stop, stopped) = oneshot::channel::<()>();
    let stop = Mutex::new(Some(stop));
    books.switch().attach(Arc::new(move || {
        let stop = stop.lock().unwrap_or_else(PoisonError::into_inner).take();
        // Who waits may be gone already.
        let _ = stop.map(|stop| stop.send(()));
        None
    }));
    gate.grant(fuel, memory);
    books.log().hand_over();
    let over = select(stopped, books.clock().sleep(wall));
    let work = async {
        let end = run::run(&program, &request, &mut gate).await;
        match (end, gate.check_all_repeated()) {
            (End::Ended(reason), _) => End::Ended(reason),
            (_, Err(divergence)) => End::Ended(TrapReason::Diverged(divergence)),
            (end, Ok(())) => end,
        }
    };
    let end = match select(Box::pin(work), over).await {
        Either::Left((end, _)) => end,
        Either::Right((Either::Left(_), _)) => match books.switch().reason() {
            Some(StopReason::Exhausted(exhausted)) => End::Ended(TrapReason::Exhausted(*exhausted)),
            _ => End::Ended(TrapReason::Stopped),
        },
        Either::Right((Either::Right(_), _)) => {
            let allowed = books.with_ledger(|ledger| ledger.allowed(Limit::WallMs));
            let exhausted = Exhausted { limit: Limit::WallMs, used: allowed, allowed, asked: 1 };
            books.switch().stop(StopReason::Exhausted(exhausted));
            End::Ended(TrapReason::Stopped)
        }
    };
    books.switch().detach();
    Ran { end, fuel: gate.fuel_spent(), memory: Bytes(0) }
}
