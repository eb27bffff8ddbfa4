//! An engine with its slots, and the components that it knows.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use futures::FutureExt;
use ringfence_core::capability::{Capability, Powers};
use ringfence_core::error::{Code, Error};
use ringfence_core::ids::Digest;
use ringfence_core::stores::BlobStore;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::bindings::SkillPre;
use crate::compile::Compiler;
use crate::config::{Settings, running_engine};
use crate::flights::{Flights, GivenUp};
use crate::linker::Linkers;
use crate::state::State;
use crate::{ticker, wasi};

/// Runs guests side by side, as many as it has slots.
pub(crate) struct Pool {
    engine: Engine,
    blobs: Arc<dyn BlobStore>,
    compiler: Compiler,
    linkers: Linkers,
    components: Arc<RwLock<HashMap<Digest, Component>>>,
    compiling: Flights,
    linked: RwLock<HashMap<(Digest, Powers), SkillPre<State>>>,
    places: Arc<Semaphore>,
}

impl Pool {
    /// Starts an engine.
    pub(crate) fn start(
        settings: &Settings,
        compiler: Compiler,
        blobs: Arc<dyn BlobStore>,
    ) -> Result<Self, Error> {
        let failed = |why: String| Error::new(Code::R0001, "the engine does not start").because(why);
        let engine = running_engine(settings).map_err(|why| failed(format!("{why:#}")))?;
        ticker::start(&engine, Duration::from_millis(settings.tick_ms))
            .map_err(|why| failed(why.to_string()))?;
        Ok(Self {
            engine,
            blobs,
            compiler,
            linkers: Linkers::default(),
            components: Arc::default(),
            compiling: Flights::default(),
            linked: RwLock::default(),
            places: Arc::new(Semaphore::new(settings.slots as usize)),
        })
    }

    pub(crate) const fn engine(&self) -> &Engine {
        &self.engine
    }

    /// How many more sandboxes could be live now.
    pub(crate) fn free_places(&self) -> usize {
        self.places.available_permits()
    }

    /// Takes a place, if one is free.
    pub(crate) fn take_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.places).try_acquire_owned().ok()
    }

    /// A component that this pool has met.
    pub(crate) fn component(&self, digest: &Digest) -> Option<Component> {
        self.components.read().unwrap_or_else(PoisonError::into_inner).get(digest).cloned()
    }

    /// Whether a component need not be compiled: this pool has met it, or it lies in the cache.
    pub(crate) fn is_compiled(&self, digest: &Digest) -> bool {
        self.component(digest).is_some() || self.compiler.knows(&self.engine, *digest)
    }

    /// How long it took to compile a component, if that was written down.
    pub(crate) fn compile_time(&self, digest: &Digest) -> Option<Duration> {
        self.compiler.took(&self.engine, *digest)
    }

    /// What a component imports, if this host offers all of it.
    pub(crate) fn powers(&self, component: &Component) -> Result<Powers, Error> {
        let mut powers = Vec::new();
        for (import, _) in component.component_type().imports(&self.engine) {
            match Capability::from_interface(import) {
                Some(capability) => powers.push(capability),
                None if wasi::offers(import) || import == "ringfence:skill/types@0.1.0" => {}
                None => {
                    let shown: String = import.chars().take(200).collect();
                    return Err(Error::new(
                        Code::R0102,
                        format!("this host does not offer the import {shown:?}"),
                    )
                    .hint("use the SDK's capabilities; WASI's sockets and http are not offered"));
                }
            }
        }
        Ok(powers.into_iter().collect())
    }

    /// Links a component with these powers, and remembers it.
    pub(crate) fn link(
        &self,
        digest: Digest,
        powers: Powers,
        component: &Component,
    ) -> Result<SkillPre<State>, Error> {
        let link = || SkillPre::new(self.linkers.get(&self.engine, powers)?.instantiate_pre(component)?);
        let linked = link().map_err(|why| cannot_link(&why))?;
        let mut known = self.linked.write().unwrap_or_else(PoisonError::into_inner);
        known.insert((digest, powers), linked.clone());
        Ok(linked)
    }

    /// The component with this hash, linked with these powers, if it was before.
    pub(crate) fn known(&self, digest: Digest, powers: Powers) -> Option<SkillPre<State>> {
        self.linked.read().unwrap_or_else(PoisonError::into_inner).get(&(digest, powers)).cloned()
    }

    /// The component with this hash, linked with these powers; compiled if this pool has not met it yet.
    pub(crate) async fn find(&self, digest: Digest, powers: Powers) -> Result<SkillPre<State>, Error> {
        if let Some(linked) = self.known(digest, powers) {
            return Ok(linked);
        }
        let stored = move |blobs: &dyn BlobStore| {
            let missing = || Error::new(Code::R0502, format!("component {digest} is missing in the store"));
            blobs.get(&digest)?.ok_or_else(missing)
        };
        let component = self.compiled(digest, stored).await?;
        self.link(digest, powers, &component)
    }

    /// The component with this hash, compiled on a thread that may block if this pool has not met it yet.
    pub(crate) async fn compiled(
        &self,
        digest: Digest,
        bytes: impl FnOnce(&dyn BlobStore) -> Result<Vec<u8>, Error> + Send + 'static,
    ) -> Result<Component, Error> {
        if let Some(component) = self.component(&digest) {
            return Ok(component);
        }
        let begin = || {
            let (blobs, compiler, engine) =
                (Arc::clone(&self.blobs), self.compiler.clone(), self.engine.clone());
            let components = Arc::clone(&self.components);
            async move {
                let given_up = GivenUp::default();
                let seen = given_up.seen();
                let compiled = tokio::task::spawn_blocking(move || {
                    compiler.component(&engine, digest, &bytes(&*blobs)?, &seen)
                });
                let component = compiled.await.map_err(|why| thread_failed(&why))??;
                components.write().unwrap_or_else(PoisonError::into_inner).insert(digest, component.clone());
                Ok(component)
            }
            .boxed()
        };
        self.compiling.join(digest, begin).await
    }
}

/// A thread for long work that did not come to its end.
pub(crate) fn thread_failed(why: &tokio::task::JoinError) -> Error {
    Error::new(Code::R0001, "the compiling thread failed").because(why)
}

/// An import of a known interface in a version or of a function that is not there is refused by its name.
fn cannot_link(why: &wasmtime::Error) -> Error {
    let why = format!("{why:#}");
    if why.contains("matching implementation was not found") {
        return Error::new(Code::R0102, "this host does not offer an import of the component").because(why);
    }
    not_a_skill(&why)
}

/// What has no `describe` and `run`, or does not keep to what they promise.
pub(crate) fn not_a_skill(why: &str) -> Error {
    Error::new(Code::R0408, "the component is not a skill")
        .because(why)
        .hint("a skill exports `describe` and `run` of the world ringfence:skill/skill; the SDK's #[skill] makes both")
}
