//! Requests of a client, answered.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ringfence_core::error::Error;
use ringfence_core::ids::SessionName;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams, CompleteResult,
    CustomRequest, CustomResult, ErrorCode, ErrorData, GetSkillRequestParams, GetSkillResult, Implementation,
    JsonObject, ListPromptsRequestMethod, ListPromptsResult, ListResourcesResult, ListSkillsResult,
    ListToolsResult, LoggingLevel, PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, Resource, ResourceContents, ServerCapabilities, ServerConfig, SetLevelRequestParams,
    SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::call::call;
use super::visits::Asked;
use super::{Offer, Offering, answer, artifact, changes, manifest};

/// How many tools, skills or resources are listed at once.
const PAGE: usize = 200;

/// How many times a client may listen for changes at once.
const MAX_LISTENING: usize = 8;

/// Answers one client.
pub(super) struct Handler {
    offering: Arc<dyn Offering>,
    level: Mutex<Option<LoggingLevel>>,
    is_told: AtomicBool,
    listening: Arc<Semaphore>,
    /// What is asked belongs to, where it comes in no session of its own.
    session: Option<SessionName>,
    gone: CancellationToken,
}

impl Handler {
    /// Answers until the client is `gone`.
    pub(super) fn new(
        offering: Arc<dyn Offering>,
        session: Option<SessionName>,
        gone: CancellationToken,
    ) -> Self {
        let listening = Arc::new(Semaphore::new(MAX_LISTENING));
        Self { offering, level: Mutex::default(), is_told: AtomicBool::new(false), listening, session, gone }
    }

    /// Does on a thread of its own what may have to read much.
    async fn reading<T: Send + 'static>(
        &self,
        read: impl FnOnce(&dyn Offering) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, ErrorData> {
        let offering = Arc::clone(&self.offering);
        let done = tokio::task::spawn_blocking(move || read(&*offering)).await;
        done.map_err(|why| ErrorData::internal_error(why.to_string(), None))?.map_err(|why| internal(&why))
    }

    fn offers(&self) -> Result<Vec<Offer>, ErrorData> {
        self.offering.offers().map_err(|why| internal(&why))
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        let mut capabilities = ServerCapabilities::builder()
            .enable_tools()
            .enable_tool_list_changed()
            .enable_resources()
            .enable_skills()
            .build();
        enable_logging(&mut capabilities);
        let mut info = ServerConfig::new(capabilities).with_instructions(
            "Each tool is a governed skill: it runs in a sandbox, within limits, and is recorded.",
        );
        info.server_info = Implementation::new("ringfence", env!("CARGO_PKG_VERSION"));
        info
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        let tools: Vec<Tool> = self.offers()?.iter().map(Offer::tool).collect();
        let (tools, next_cursor) = page(tools, request, |tool| tool.name.to_string());
        let mut result = ListToolsResult::with_all_items(tools);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let offer = self.offering.offer(&request.name).map_err(|why| internal(&why))?;
        let unknown = || ErrorData::invalid_params(format!("Unknown tool: {}", request.name), None);
        let offer = offer.ok_or_else(unknown)?;
        let level = *self.level.lock().unwrap_or_else(PoisonError::into_inner);
        let arguments = request.arguments.unwrap_or_default();
        let visit = Asked::visit(&context.extensions).unwrap_or((&self.gone, &self.session));
        let visit = (visit.0, visit.1.clone());
        // Apart: what is held here is moved for every message of a client, whatever it asks.
        let result = Box::pin(call(&self.offering, &offer, arguments, &context, level, visit)).await;
        Ok(CallToolResponse::Complete(result))
    }

    async fn list_skills(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListSkillsResult, ErrorData> {
        let skills = self.offers()?.iter().map(manifest::entry).collect();
        let (skills, next_cursor) = page(skills, request, |skill| skill.uri.clone());
        let mut result = ListSkillsResult::with_all_items(skills);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn get_skill(
        &self,
        request: GetSkillRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetSkillResult, ErrorData> {
        let offer = self.offers()?.into_iter().find(|offer| manifest::uri(offer) == request.uri);
        let unknown = || ErrorData::invalid_params(format!("Unknown skill: {}", request.uri), None);
        Ok(GetSkillResult::new(manifest::entry(&offer.ok_or_else(unknown)?)))
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        let resource = |offer: &Offer| {
            let mut resource = Resource::new(manifest::uri(offer), offer.tool.clone());
            resource.description = Some(offer.loaded.contract.description.clone());
            resource.mime_type = Some("text/markdown".into());
            resource.size = Some(manifest::text(offer).len() as u64);
            resource
        };
        let resources = self.offers()?.iter().map(resource).collect();
        let (resources, next_cursor) = page(resources, request, |resource| resource.uri.clone());
        let mut result = ListResourcesResult::with_all_items(resources);
        result.next_cursor = next_cursor;
        Ok(result)
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = request.uri;
        if let Some(task) = answer::named(&uri) {
            self.offering.known(&task).await;
        }
        let asked = uri.clone();
        let read = move |offering: &dyn Offering| {
            if let Some((task, name)) = artifact::named(&asked) {
                let found = offering.artifact(&task, name)?;
                return Ok(found.map(|(artifact, bytes)| artifact::resource(&asked, &artifact, bytes)));
            }
            if let Some(task) = answer::named(&asked) {
                let text = offering.outcome(&task)?.map(|outcome| outcome.to_string());
                return Ok(
                    text.map(|text| ResourceContents::text(text, &asked).with_mime_type("application/json"))
                );
            }
            let offer = offering.offers()?.into_iter().find(|offer| manifest::uri(offer) == asked);
            let text = offer.as_ref().map(manifest::text);
            Ok(text.map(|text| ResourceContents::text(text, &asked).with_mime_type("text/markdown")))
        };
        let contents = self.reading(read).await?;
        let unknown = || {
            let data = Some(json!({ "uri": uri }));
            ErrorData::resource_not_found(format!("Resource not found: {uri}"), data)
        };
        Ok(ReadResourceResponse::Complete(ReadResourceResult::new(vec![contents.ok_or_else(unknown)?])))
    }

    async fn on_custom_request(
        &self,
        request: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // What has the name of a method and not its params is read as one that is not known.
        const KNOWN: [&str; 3] = ["tools/call", "resources/read", "skills/get"];
        let method = request.method;
        Err(if KNOWN.contains(&&*method) {
            ErrorData::invalid_params(format!("the params of {method} are not what it takes"), None)
        } else {
            ErrorData::new(ErrorCode::METHOD_NOT_FOUND, format!("there is no method {method}"), None)
        })
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        // However often it says so.
        if !self.is_told.swap(true, Ordering::Relaxed) {
            changes::tell(Arc::clone(&self.offering), context.peer, self.gone.clone());
        }
    }

    fn accepted_subscription_filter(&self, wish: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(changes::granted(wish))
    }

    async fn listen(&self, wish: SubscriptionContext) -> Result<(), ErrorData> {
        let Ok(_place) = Arc::clone(&self.listening).try_acquire_owned() else {
            let why = format!("this client listens {MAX_LISTENING} times already");
            return Err(ErrorData::invalid_request(why, None));
        };
        Box::pin(changes::listen(Arc::clone(&self.offering), wish)).await
    }

    /// There are none, and none are declared.
    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Err(ErrorData::method_not_found::<ListPromptsRequestMethod>())
    }

    /// There are none, and none are declared.
    async fn complete(
        &self,
        _: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        Err(ErrorData::method_not_found::<CompleteRequestMethod>())
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        *self.level.lock().unwrap_or_else(PoisonError::into_inner) = Some(request.level);
        Ok(())
    }
}

fn enable_logging(capabilities: &mut ServerCapabilities) {
    capabilities.logging = Some(JsonObject::new());
}

fn internal(why: &Error) -> ErrorData {
    // What stands in the way is the operator's business.
    ErrorData::internal_error(format!("{}: {}", why.code, why.message), None)
}

/// A page of what is listed behind a cursor, and the cursor of the next. The cursor is the name of the last one, so that what is
/// loaded meanwhile moves nothing.
fn page<T>(
    mut all: Vec<T>,
    request: Option<PaginatedRequestParams>,
    name: impl Fn(&T) -> String,
) -> (Vec<T>, Option<String>) {
    all.sort_by_key(&name);
    if let Some(after) = request.and_then(|request| request.cursor) {
        all.retain(|one| name(one) > after);
    }
    if all.len() <= PAGE {
        return (all, None);
    }
    all.truncate(PAGE);
    let next = all.last().map(name);
    (all, next)
}
