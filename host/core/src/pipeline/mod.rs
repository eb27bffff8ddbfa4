//! The way of a task: claim → pool → context → resolve → execute → validate → correct → emit.
//!
//! Each stage is a type that only the stage before can make, so none can be left out. The ninth, model and tool, has no type here:
//! it is what `execute` does whenever the program asks, through the gate (`gate::complete`, `gate::call::tool`). The other half of
//! the pool, engines and compiled components, lies behind [`crate::sandbox::Sandbox`].

mod blame;
mod claim;
mod context;
mod correct;
mod delegate;
mod emit;
mod execute;
mod history;
mod look;
mod pool;
mod replay;
mod rerun;
mod resolve;
mod resume;
mod validate;
mod validators;
mod verdicts;
mod wait;

use std::sync::Arc;

use claim::Claimed;
pub use claim::Order;
pub use delegate::Delegation;
pub use emit::Emitted;
pub use look::{At, Seen, look};
pub use replay::{Replayed, replay};
pub use resume::{MAX_CLAIMS, Submitted};
pub use verdicts::Others;

use crate::context::ContextSources;
use crate::contract::Validator;
use crate::gate::{Accounts, Outside};
pub use crate::governance::Policy;
use crate::governance::{Crowd, Policies, Switches};
use crate::registry::Registry;
use crate::sandbox::Sandbox;
use crate::stores::{EventLog, SharedPlaces};
use crate::system::{Clock, Entropy};
use pool::{Patience, Pooled};
use resolve::Resolved;
use validate::Judged;

/// Everything that a task needs.
#[derive(Clone)]
pub struct Host {
    /// Names this process among all that share the log.
    pub id: Arc<str>,
    /// Runs components.
    pub sandbox: Arc<dyn Sandbox>,
    /// The loaded skills.
    pub registry: Arc<Registry>,
    /// Validates what could take long.
    pub validator: Arc<dyn Validator>,
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub entropy: Arc<dyn Entropy>,
    /// Everything outside.
    pub outside: Arc<Outside>,
    /// What all callers have spent.
    pub accounts: Arc<Accounts>,
    /// What stands behind context packages.
    pub sources: Arc<dyn ContextSources>,
    /// What the operator decided, as it is now.
    pub policies: Arc<Policies>,
    /// Everything that runs in this process.
    pub switches: Arc<Switches>,
    /// Everyone who runs or waits in this process.
    pub crowd: Arc<Crowd>,
    /// What all processes that work on the store share, where the operator bounds it.
    pub places: Option<Arc<SharedPlaces>>,
}

impl Host {
    /// Runs a task to its end. Whatever happens is an outcome; its events are handed to the log, and
    /// [`Emitted::durable`] waits until they are there.
    pub async fn run(&self, order: Order) -> Emitted {
        self.run_claimed(claim::claim(self, order, None)).await
    }

    /// The same in two steps: when this returns the task is on the board and can be killed, and it runs when the rest is awaited.
    pub fn begin(self: &Arc<Self>, order: Order) -> impl Future<Output = Emitted> + Send + 'static {
        let (host, claimed) = (Arc::clone(self), claim::claim(self, order, None));
        async move { host.run_claimed(claimed).await }
    }

    async fn run_claimed(&self, claimed: Box<Claimed>) -> Emitted {
        match pool::pool(self, claimed, Patience::Bounded).await {
            Ok(pooled) => self.run_anew(pooled).await,
            Err(over) => emit::emit(over),
        }
    }

    async fn go_through(&self, mut step: Step) -> Emitted {
        loop {
            let judged = match step {
                Step::Ready(resolved) => {
                    validate::validate(self, execute::execute(self, resolved).await).await
                }
                Step::Judged(judged) => judged,
            };
            let violated = match judged {
                Judged::Over(over) => return emit::emit(over),
                Judged::Violated(violated) => violated,
            };
            step = match correct::correct(violated) {
                Ok(corrected) => match wait::wait(self, corrected).await {
                    Ok(again) => Step::Ready(again),
                    Err(over) => return emit::emit(over),
                },
                Err(over) => return emit::emit(over),
            };
        }
    }

    async fn run_anew(&self, pooled: Pooled) -> Emitted {
        let resolved = match context::bind(self, pooled).await {
            Ok(bound) => resolve::resolve(self, bound).await,
            Err(over) => Err(over),
        };
        match resolved {
            Ok(resolved) => self.go_through(Step::Ready(resolved)).await,
            Err(over) => emit::emit(over),
        }
    }
}

/// Where a task stands between its stages.
enum Step {
    /// An attempt is to begin.
    Ready(Resolved),
    /// One has ended.
    Judged(Judged),
}
