//! Telling clients that other tools are offered than before: a skill was loaded, pinned or withdrawn.

use std::sync::Arc;
use std::time::Duration;

use ringfence_core::ids::Digest;
use rmcp::model::{ServerNotification, SubscriptionFilter, ToolListChangedNotification};
use rmcp::service::{Peer, SubscriptionContext};
use rmcp::{ErrorData, RoleServer};
use tokio_util::sync::CancellationToken;

use super::Offering;

/// How often it is looked.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a client was told of last.
struct Seen {
    offering: Arc<dyn Offering>,
    offers: Vec<(String, Digest)>,
}

impl Seen {
    fn now(offering: Arc<dyn Offering>) -> Self {
        let offers = offers(&*offering).unwrap_or_default();
        Self { offering, offers }
    }

    /// Waits until something else is offered.
    async fn change(&mut self) {
        loop {
            tokio::time::sleep(LOOK_EVERY).await;
            if let Some(offers) = offers(&*self.offering)
                && offers != self.offers
            {
                self.offers = offers;
                return;
            }
        }
    }
}

/// Nothing where the store cannot be read just now.
fn offers(offering: &dyn Offering) -> Option<Vec<(String, Digest)>> {
    let offers = offering.offers().ok()?;
    Some(offers.into_iter().map(|offer| (offer.tool, offer.loaded.component)).collect())
}

/// Tells a client that has introduced itself, until it is gone.
pub(super) fn tell(offering: Arc<dyn Offering>, client: Peer<RoleServer>, gone: CancellationToken) {
    tokio::spawn(async move {
        let mut seen = Seen::now(offering);
        while !client.is_transport_closed() {
            tokio::select! {
                () = gone.cancelled() => return,
                // A session over HTTP ends without a word: looked for once in a while.
                changed = tokio::time::timeout(10 * LOOK_EVERY, seen.change()) => {
                    if changed.is_ok() && client.notify_tool_list_changed().await.is_err() {
                        return;
                    }
                }
            }
        }
    });
}

/// What of a wish to be told can be granted.
pub(super) fn granted(wish: &SubscriptionFilter) -> SubscriptionFilter {
    let mut granted = SubscriptionFilter::default();
    granted.tools_list_changed = wish.tools_list_changed;
    granted
}

/// Tells a client that asked for it, until it asks no more.
pub(super) async fn listen(offering: Arc<dyn Offering>, wish: SubscriptionContext) -> Result<(), ErrorData> {
    let mut seen = Seen::now(offering);
    loop {
        tokio::select! {
            () = wish.cancelled() => return Ok(()),
            () = seen.change() => {
                let changed = ServerNotification::ToolListChangedNotification(ToolListChangedNotification::default());
                if wish.sink().send(changed).await.is_err() {
                    return Ok(());
                }
            }
        }
    }
}
