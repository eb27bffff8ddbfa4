//! A server that answers: what it lists, and its tools called. Whatever it asks of the host is refused.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use ringfence_core::ids::ServerName;
use ringfence_core::refusal::{Refusal, RefusalKind};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ClientRequest,
    ClientResult, ErrorCode, ErrorData, Implementation, JsonObject, ListToolsRequest, PaginatedRequestParams,
    ServerNotification, ServerRequest, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, NotificationContext, RequestContext,
    RunningService, ServiceError,
};
use rmcp::transport::IntoTransport;
use rmcp::{RoleClient, Service};

use super::child::Owned;
use super::lines::{Fate, TOO_LONG, UNREADABLE};
use super::listing::{Listing, MAX_PAGES, MAX_TOOLS};

/// What the host says to servers: it offers nothing, and refuses what is asked all the same.
pub(super) struct Refusing {
    changed: Arc<AtomicBool>,
}

impl Service<RoleClient> for Refusing {
    async fn handle_request(
        &self,
        request: ServerRequest,
        _: RequestContext<RoleClient>,
    ) -> Result<ClientResult, ErrorData> {
        match request {
            ServerRequest::PingRequest(_) => Ok(ClientResult::empty(())),
            _ => Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, "this client answers no questions", None)),
        }
    }

    async fn handle_notification(
        &self,
        notification: ServerNotification,
        _: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        if matches!(notification, ServerNotification::ToolListChangedNotification(_)) {
            self.changed.store(true, Ordering::SeqCst);
        }
        Ok(())
    }

    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("ringfence", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), own)
    }
}

/// A server that answers.
pub(super) struct Connection {
    service: RunningService<RoleClient, Refusing>,
    fate: Fate,
    changed: Arc<AtomicBool>,
    listing: tokio::sync::Mutex<Option<Arc<Listing>>>,
    /// Ends with the connection.
    _process: Option<Owned>,
}

impl Connection {
    /// Begins to speak over a transport.
    pub(super) async fn open<T, E, A>(
        transport: T,
        fate: Fate,
        process: Option<Owned>,
    ) -> Result<Self, Refusal>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let changed = Arc::new(AtomicBool::new(false));
        let service = Refusing { changed: Arc::clone(&changed) };
        // The newer way without a beginning tells nobody that tools have changed unless it is asked to.
        let begun = service.serve_with_lifecycle(transport, ClientLifecycleMode::Initialize).await;
        let service = begun.map_err(|why| not_begun(&why, &fate))?;
        Ok(Self { service, fate, changed, listing: tokio::sync::Mutex::new(None), _process: process })
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed() || self.fate.why().is_some()
    }

    /// What the server lists: asked once, and again when it has said that it changed.
    pub(super) async fn listing(&self, server: &ServerName) -> Result<Arc<Listing>, Refusal> {
        let mut listing = self.listing.lock().await;
        if self.changed.swap(false, Ordering::SeqCst) {
            *listing = None;
        }
        if let Some(listing) = &*listing {
            return Ok(Arc::clone(listing));
        }
        let read = Arc::new(self.list(server).await?);
        *listing = Some(Arc::clone(&read));
        Ok(read)
    }

    async fn list(&self, server: &ServerName) -> Result<Listing, Refusal> {
        let (mut tools, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let asked = PaginatedRequestParams::default().with_cursor(cursor.take());
            // Not by the way that keeps pages for as long as the server says.
            let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(asked));
            let answer = self.service.peer().send_request(request).await.map_err(|why| self.refusal(&why))?;
            let ServerResult::ListToolsResult(page) = answer else {
                return Err(failed("it answers with something else than a list of tools"));
            };
            tools.extend(page.tools);
            if tools.len() > MAX_TOOLS {
                return Err(failed(format!("it lists more than {MAX_TOOLS} tools")));
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(Listing::of(server, tools));
            }
        }
        Err(failed(format!("its list of tools has more than {MAX_PAGES} pages")))
    }

    /// Calls a tool. Dropped before it is done, the server is told, and not waited for.
    pub(super) async fn call(&self, tool: String, arguments: JsonObject) -> Result<CallToolResult, Refusal> {
        let asked = CallToolRequestParams::new(tool).with_arguments(arguments);
        match self.service.peer().call_tool_once(asked).await {
            Ok(CallToolResponse::Complete(result)) => Ok(result),
            Ok(CallToolResponse::InputRequired(_)) => Err(failed("it asks for more, which is refused")),
            Ok(_) => Err(failed("it answers with something else than a result")),
            Err(why) => Err(self.refusal(&why)),
        }
    }

    /// In words of our own where a library speaks; an error of the server's is quoted, as data.
    fn refusal(&self, why: &ServiceError) -> Refusal {
        match why {
            ServiceError::McpError(error) => said(error),
            ServiceError::UnexpectedResponse => failed("it answers with something else than a result"),
            ServiceError::Timeout { .. } => Refusal::new(RefusalKind::TimedOut, "it did not answer in time"),
            _ => ended(&self.fate),
        }
    }
}

fn said(error: &ErrorData) -> Refusal {
    if error.message == UNREADABLE {
        return failed(UNREADABLE);
    }
    let kind = match error.code {
        ErrorCode::INVALID_PARAMS | ErrorCode::INVALID_REQUEST => RefusalKind::Invalid,
        ErrorCode::METHOD_NOT_FOUND | ErrorCode::RESOURCE_NOT_FOUND => RefusalKind::NotFound,
        _ => RefusalKind::Failed,
    };
    Refusal::new(kind, format!("the server says: {}", error.message))
}

fn ended(fate: &Fate) -> Refusal {
    match fate.why() {
        Some(TOO_LONG) => Refusal::new(RefusalKind::TooLarge, TOO_LONG),
        why => failed(why.unwrap_or("the connection ended")),
    }
}

fn not_begun(why: &ClientInitializeError, fate: &Fate) -> Refusal {
    match (why, fate.why()) {
        (_, Some(_)) => ended(fate),
        (ClientInitializeError::JsonRpcError(error), None) => said(error),
        _ => failed("it does not begin as the protocol says"),
    }
}

fn failed(why: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Failed, why)
}
