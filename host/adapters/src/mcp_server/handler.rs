//! Requests of a client, answered.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use ringfence_core::error::Error;
use ringfence_core::ids::TaskId;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CompleteRequestMethod, CompleteRequestParams, CompleteResult,
    ErrorData, GetSkillRequestParams, GetSkillResult, Implementation, JsonObject, ListPromptsRequestMethod,
    ListPromptsResult, ListResourcesResult, ListSkillsResult, ListToolsResult, LoggingLevel,
    PaginatedRequestParams, ReadResourceRequestParams, ReadResourceResponse, ReadResourceResult, Resource,
    ResourceContents, ServerCapabilities, ServerConfig, SetLevelRequestParams, SubscriptionFilter, Tool,
};
use rmcp::service::{NotificationContext, RequestContext, SubscriptionContext};
use rmcp::{RoleServer, ServerHandler};
use serde_json::json;
use tokio::time::MissedTickBehavior;

use super::telling::Telling;
use super::{Begun, Offer, Offering, answer, artifact, changes, manifest};

/// How many tools, skills or resources are listed at once.
const PAGE: usize = 200;

/// How often it is looked whether there is something to tell of a task.
const LOOK_EVERY: Duration = Duration::from_millis(25);

/// Answers one client.
pub(super) struct Handler {
    offering: Arc<dyn Offering>,
    level: Mutex<Option<LoggingLevel>>,
}

impl Handler {
    pub(super) fn new(offering: Arc<dyn Offering>) -> Self {
        Self { offering, level: Mutex::default() }
    }

    fn offers(&self) -> Result<Vec<Offer>, ErrorData> {
        self.offering.offers().map_err(|why| internal(&why))
    }

    async fn call(
        &self,
        offer: Offer,
        arguments: JsonObject,
        context: RequestContext<RoleServer>,
    ) -> CallToolResponse {
        let Begun { task, mut end } = self.offering.begin(&offer, offer.input(arguments));
        let mut at_work = AtWork { offering: &*self.offering, task: Some(task.clone()) };
        let mut telling = Telling::new(&context, task.clone(), &self.level);
        let log = &**self.offering.log();
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let emitted = loop {
            tokio::select! {
                biased;
                emitted = &mut end => break emitted,
                () = context.ct.cancelled(), if at_work.task.is_some() => at_work.kill(),
                _ = look.tick(), if telling.is_wanted() => telling.go_on(log).await,
            }
        };
        at_work.task = None;
        if telling.is_wanted() {
            telling.go_on(log).await;
        }
        CallToolResponse::Complete(match emitted {
            Err(why) => answer::failed(&why),
            Ok(emitted) => {
                let bytes = |one: &_| self.bytes_of(&task, one);
                let handed_over = artifact::contents(&task, &emitted.artifacts, bytes);
                answer::ended(&offer, &task, &emitted.outcome, handed_over)
            }
        })
    }

    fn bytes_of(&self, task: &TaskId, artifact: &ringfence_core::artifact::Artifact) -> Option<Vec<u8>> {
        Some(self.offering.artifact(task, artifact.name.as_str()).ok()??.1)
    }
}

/// A task that is killed when nobody waits for it any more.
struct AtWork<'a> {
    offering: &'a dyn Offering,
    task: Option<TaskId>,
}

impl AtWork<'_> {
    fn kill(&mut self) {
        if let Some(task) = self.task.take() {
            self.offering.kill(&task);
        }
    }
}

impl Drop for AtWork<'_> {
    fn drop(&mut self) {
        self.kill();
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
        Ok(self.call(offer, request.arguments.unwrap_or_default(), context).await)
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
            let mut resource = Resource::new(manifest::uri(offer), offer.loaded.contract.name.to_string());
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
        let contents = match artifact::named(&uri) {
            Some((task, name)) => {
                let found = self.offering.artifact(&task, name).map_err(|why| internal(&why))?;
                found.map(|(artifact, bytes)| artifact::resource(&uri, &artifact, bytes))
            }
            None => {
                let offer = self.offers()?.into_iter().find(|offer| manifest::uri(offer) == uri);
                let text = offer.as_ref().map(manifest::text);
                text.map(|text| ResourceContents::text(text, uri.clone()).with_mime_type("text/markdown"))
            }
        };
        let unknown = || {
            let data = Some(json!({ "uri": uri }));
            ErrorData::resource_not_found(format!("Resource not found: {uri}"), data)
        };
        Ok(ReadResourceResponse::Complete(ReadResourceResult::new(vec![contents.ok_or_else(unknown)?])))
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        changes::tell(Arc::clone(&self.offering), context.peer);
    }

    fn accepted_subscription_filter(&self, wish: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(changes::granted(wish))
    }

    async fn listen(&self, wish: SubscriptionContext) -> Result<(), ErrorData> {
        changes::listen(Arc::clone(&self.offering), wish).await
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
        *self.level.lock().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(request.level);
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
