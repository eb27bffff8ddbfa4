//! A server that answers: what it lists, and its tools called. Whatever it asks of the host is refused.

use std::sync::Arc;

use ringfence_core::ids::ServerName;
use ringfence_core::refusal::{Refusal, RefusalKind};
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ClientCapabilities, ClientConfig, ClientRequest,
    ClientResult, ErrorCode, ErrorData, Implementation, JsonObject, ListToolsRequest, PaginatedRequestParams,
    ProtocolVersion, ServerNotification, ServerRequest, ServerResult,
};
use rmcp::service::{
    ClientInitializeError, ClientLifecycleMode, ClientServiceExt, NotificationContext, RequestContext,
    RunningService, ServiceError,
};
use rmcp::transport::IntoTransport;
use rmcp::{RoleClient, Service};

use super::Trouble;
use super::listing::{Listing, MAX_PAGES, MAX_TOOLS};
use super::messages::{Fate, TOO_LONG, UNREADABLE};
use super::web::{LOST, REFUSED, told};

/// What the host says to servers: it offers nothing, and refuses what is asked all the same.
pub(super) struct Refusing;

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
        _: ServerNotification,
        _: NotificationContext<RoleClient>,
    ) -> Result<(), ErrorData> {
        // That its tools have changed was noted where the message was read: before any answer behind it.
        Ok(())
    }

    fn get_info(&self) -> ClientConfig {
        let own = Implementation::new("ringfence", env!("CARGO_PKG_VERSION"));
        ClientConfig::new(ClientCapabilities::default(), own)
    }
}

/// How a conversation begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Beginning {
    /// With `initialize`.
    Initialize,
    /// Without: since 2026-07-28 each message says all that it needs.
    Discover,
}

impl Beginning {
    fn mode(self) -> ClientLifecycleMode {
        match self {
            Self::Initialize => ClientLifecycleMode::Initialize,
            Self::Discover => {
                ClientLifecycleMode::Discover { preferred_versions: vec![ProtocolVersion::V_2026_07_28] }
            }
        }
    }
}

/// Why a conversation has not begun.
pub(super) struct NotBegun {
    pub(super) refusal: Refusal,
    /// The server has answered, and will not begin like this.
    pub(super) is_refused: bool,
}

impl From<Refusal> for NotBegun {
    fn from(refusal: Refusal) -> Self {
        Self { refusal, is_refused: false }
    }
}

/// A server that answers.
pub(super) struct Connection {
    service: RunningService<RoleClient, Refusing>,
    fate: Fate,
    /// Nothing where the server tells nobody that its tools have changed.
    listing: Option<tokio::sync::Mutex<Option<Arc<Listing>>>>,
}

impl Connection {
    /// Begins to speak over a transport.
    pub(super) async fn open<T, E, A>(
        transport: T,
        beginning: Beginning,
        fate: Fate,
    ) -> Result<Self, NotBegun>
    where
        T: IntoTransport<RoleClient, E, A>,
        E: std::error::Error + Send + Sync + 'static,
    {
        let begun = Refusing.serve_with_lifecycle(transport, beginning.mode()).await;
        let service = begun.map_err(|why| not_begun(&why, &fate))?;
        // Begun without `initialize`, nobody is told of changes unless he asks to be.
        let listing = (beginning == Beginning::Initialize).then(tokio::sync::Mutex::default);
        Ok(Self { service, fate, listing })
    }

    /// Whether it is over.
    pub(super) fn is_over(&self) -> bool {
        self.service.is_closed() || self.service.peer().is_transport_closed() || self.fate.why().is_some()
    }

    /// What the server lists: asked once, and again when it has said that it changed, or each time if it would not say so.
    pub(super) async fn listing(&self, server: &ServerName) -> Result<Arc<Listing>, Trouble> {
        let Some(listing) = &self.listing else {
            return Ok(Arc::new(Box::pin(self.list(server)).await?));
        };
        let mut listing = listing.lock().await;
        if self.fate.take_news() {
            *listing = None;
        }
        if let Some(listing) = &*listing {
            return Ok(Arc::clone(listing));
        }
        let read = Arc::new(Box::pin(self.list(server)).await?);
        *listing = Some(Arc::clone(&read));
        Ok(read)
    }

    async fn list(&self, server: &ServerName) -> Result<Listing, Trouble> {
        let (mut tools, mut cursor) = (Vec::new(), None);
        for _ in 0..MAX_PAGES {
            let asked = PaginatedRequestParams::default().with_cursor(cursor.take());
            // Not by the way that keeps pages for as long as the server says.
            let request = ClientRequest::ListToolsRequest(ListToolsRequest::with_param(asked));
            let answer = self.service.peer().send_request(request).await.map_err(|why| self.trouble(&why))?;
            let ServerResult::ListToolsResult(page) = answer else {
                return Err(failed("it answers with something else than a list of tools").into());
            };
            tools.extend(page.tools);
            if tools.len() > MAX_TOOLS {
                return Err(failed(format!("it lists more than {MAX_TOOLS} tools")).into());
            }
            cursor = page.next_cursor;
            if cursor.is_none() {
                return Ok(Listing::of(server, tools));
            }
        }
        Err(failed(format!("its list of tools has more than {MAX_PAGES} pages")).into())
    }

    /// Calls a tool. Dropped before it is done, the server is told, and not waited for.
    pub(super) async fn call(&self, tool: String, arguments: JsonObject) -> Result<CallToolResult, Trouble> {
        let asked = CallToolRequestParams::new(tool).with_arguments(arguments);
        match self.service.peer().call_tool_once(asked).await {
            Ok(CallToolResponse::Complete(result)) => Ok(result),
            Ok(CallToolResponse::InputRequired(_)) => {
                Err(failed("it asks for more, which is refused").into())
            }
            Ok(_) => Err(failed("it answers with something else than a result").into()),
            Err(why) => Err(self.trouble(&why)),
        }
    }

    /// In words of our own where a library speaks; an error of the server's is quoted, as data.
    fn trouble(&self, why: &ServiceError) -> Trouble {
        let refusal = match why {
            ServiceError::TransportSend(error) => match told(error) {
                Some(LOST) => return Trouble::Lost,
                Some(why) => broken(why),
                None => ended(&self.fate),
            },
            ServiceError::McpError(error) => said(error),
            ServiceError::UnexpectedResponse => failed("it answers with something else than a result"),
            ServiceError::Timeout { .. } => Refusal::new(RefusalKind::TimedOut, "it did not answer in time"),
            _ => ended(&self.fate),
        };
        refusal.into()
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
    broken(fate.why().unwrap_or("the connection ended"))
}

fn broken(why: &'static str) -> Refusal {
    match why {
        TOO_LONG => Refusal::new(RefusalKind::TooLarge, why),
        _ => failed(why),
    }
}

fn not_begun(why: &ClientInitializeError, fate: &Fate) -> NotBegun {
    let told = match why {
        ClientInitializeError::TransportError { error, .. } => told(error),
        _ => None,
    };
    let refusal = match (why, told, fate.why()) {
        (_, _, Some(_)) => ended(fate),
        (ClientInitializeError::JsonRpcError(error), ..) => said(error),
        (_, Some(why), _) => broken(why),
        _ => failed("it does not begin as the protocol says"),
    };
    let is_refused = matches!(why, ClientInitializeError::JsonRpcError(_)) || told == Some(REFUSED);
    NotBegun { refusal, is_refused }
}

fn failed(why: impl Into<String>) -> Refusal {
    Refusal::new(RefusalKind::Failed, why)
}
