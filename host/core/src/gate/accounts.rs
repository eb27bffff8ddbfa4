//! What others are paid for is drawn from the budgets of the day before a call begins, and settled when it is over. Each
//! budget has a stream of its own, which every task of every process draws from, and whose last event says what is spent.

use std::sync::Arc;

use futures::lock::Mutex;

use crate::audit::{Fact, Spent, TraceId};
use crate::governance::{Authority, Budget, Denial, Overspent, paid};
use crate::ids::{Agent, Digest, StreamName, TaskId};
use crate::limit::Amounts;
use crate::stores::{Envelope, EventLog, StoreError, append_shared, read_facts};
use crate::system::Clock;

/// The accounts of all callers and of the tenant.
pub struct Accounts {
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    /// So that the tasks of one process wait for each other here, and not by conflicts.
    turns: [Mutex<()>; 16],
}

/// Who draws, and for which call.
pub(super) struct Purpose<'a> {
    pub(super) authority: &'a Authority,
    pub(super) task: TaskId,
    pub(super) call: u64,
    pub(super) trace: TraceId,
}

/// What was set aside for a call. Dropped, all of it is spent.
pub(super) struct Drawn {
    accounts: Arc<Accounts>,
    from: Vec<Withdrawal>,
    reserved: Amounts,
    /// What the call came to.
    used: Amounts,
    agent: Agent,
    task: TaskId,
    call: u64,
    trace: TraceId,
}

struct Withdrawal {
    stream: StreamName,
    day: String,
}

/// Why nothing was set aside.
pub(super) enum NoDraw {
    Overspent(Overspent),
    Failed(StoreError),
}

impl From<StoreError> for NoDraw {
    fn from(error: StoreError) -> Self {
        Self::Failed(error)
    }
}

impl Accounts {
    /// Accounts in this log.
    #[must_use]
    pub fn new(log: Arc<dyn EventLog>, clock: Arc<dyn Clock>) -> Self {
        Self { log, clock, turns: Default::default() }
    }

    /// Sets aside what a call may come to, of its caller's budget and of the tenant's, durably. None: neither is bounded, or it
    /// costs nothing.
    pub(super) async fn draw(
        self: &Arc<Self>,
        purpose: Purpose<'_>,
        wanted: &Amounts,
    ) -> Result<Option<Box<Drawn>>, Result<Denial, StoreError>> {
        let Purpose { authority, task, call, trace } = purpose;
        let (agent, reserved) = (&authority.agent, paid(wanted));
        let budgets = &authority.edition().policy().budgets;
        if reserved == Amounts::NONE {
            return Ok(None);
        }
        let mut drawn = Box::new(Drawn {
            accounts: Arc::clone(self),
            from: Vec::new(),
            reserved,
            used: Amounts::NONE,
            agent: agent.clone(),
            task,
            call,
            trace,
        });
        let caller = budgets.of(&drawn.agent).map(|budget| (StreamName::budget(&drawn.agent), budget));
        let tenant = budgets.per_tenant.as_ref().map(|budget| (StreamName::tenant_budget(), budget));
        for (stream, budget) in caller.into_iter().chain(tenant) {
            match drawn.take(stream.clone(), budget).await {
                Ok(()) => {}
                Err(NoDraw::Failed(error)) => return Err(Err(error)),
                Err(NoDraw::Overspent(over)) => {
                    let is_tenants = stream == StreamName::tenant_budget();
                    let denial = if is_tenants { over.of_tenant() } else { over.of_caller(&drawn.agent) };
                    drawn.settle().await;
                    return Err(Ok(denial));
                }
            }
        }
        Ok(Some(drawn).filter(|drawn| !drawn.from.is_empty()))
    }

    /// What an account has spent, as its last event says.
    ///
    /// # Errors
    /// Why it cannot be read.
    pub fn spent(&self, stream: &StreamName) -> Result<Spent, StoreError> {
        let head = self.log.head(stream)?;
        match read_facts(&*self.log, stream, head.sequence)?.pop() {
            Some((_, Fact::BudgetReserved { account, .. } | Fact::BudgetSettled { account, .. })) => {
                Ok(account)
            }
            None if head.sequence == 0 => Ok(Spent::default()),
            _ => Err(StoreError::Damaged(format!("the end of {stream} does not say what is spent"))),
        }
    }

    async fn append(
        &self,
        stream: &StreamName,
        envelope: Envelope<'_>,
        mut decide: impl FnMut(Spent) -> Result<Fact, NoDraw> + Send,
    ) -> Result<(), NoDraw> {
        let turn = usize::from(Digest::of(stream.as_str().as_bytes()).as_bytes()[0]) % self.turns.len();
        let _turn = self.turns[turn].lock().await;
        let decide = || decide(self.spent(stream)?.at(self.clock.now()));
        append_shared(&*self.log, &*self.clock, stream, envelope, decide).await.map(drop)
    }
}

impl Drawn {
    async fn take(&mut self, stream: StreamName, budget: &Budget) -> Result<(), NoDraw> {
        let Self { accounts, reserved, agent, task, call, trace, .. } = &*self;
        let envelope = Envelope { actor: &agent.text(), ring: None, trace: *trace };
        let mut day = String::new();
        let reserve = |spent: Spent| {
            let account = spent.with(reserved, budget).map_err(NoDraw::Overspent)?;
            day.clone_from(&account.day);
            Ok(Fact::BudgetReserved { task: task.clone(), call: *call, reserved: *reserved, account })
        };
        accounts.append(&stream, envelope, reserve).await?;
        self.from.push(Withdrawal { stream, day });
        Ok(())
    }

    /// The same for a call that came to this; it came to nothing where this is not said.
    pub(super) fn used(mut self: Box<Self>, used: &Amounts) -> Box<Self> {
        self.used = paid(used);
        self
    }

    /// Gives back what the call did not come to. Of a day that is over nothing comes back. Where the log fails, all stays spent.
    pub(super) async fn settle(self: Box<Self>) {
        let Self { accounts, from, reserved, used, agent, task, call, trace } = *self;
        // The tenant's before the caller's own: who gives up in between loses nothing but his own.
        for Withdrawal { stream, day } in from.into_iter().rev() {
            let envelope = Envelope { actor: &agent.text(), ring: None, trace };
            let settle = |spent: Spent| {
                let account = if spent.day == day { spent.settled(&reserved, &used) } else { spent };
                Ok(Fact::BudgetSettled { task: task.clone(), call, used, account })
            };
            drop(accounts.append(&stream, envelope, settle).await);
        }
    }
}
