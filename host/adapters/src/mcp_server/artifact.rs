//! What a task handed over, as content of a tool's result and as a resource.

use data_encoding::BASE64;
use ringfence_core::artifact::Artifact;
use ringfence_core::ids::TaskId;
use rmcp::model::{ContentBlock, Resource, ResourceContents};

/// The most bytes of artifacts that stand in a result itself; what is more is linked.
const MOST_BYTES: u64 = 1 << 20;

/// How the URI of an artifact begins.
const SCHEME: &str = "artifact:///";

/// The artifacts of a task as content: as many as there is room for with their bytes, the others as links.
pub(super) fn contents(
    task: &TaskId,
    artifacts: &[Artifact],
    mut bytes_of: impl FnMut(&Artifact) -> Option<Vec<u8>>,
) -> Vec<ContentBlock> {
    let mut room = MOST_BYTES;
    let mut content = |artifact: &Artifact| {
        let fits = artifact.bytes <= room;
        let bytes = fits.then(|| bytes_of(artifact)).flatten();
        let Some(bytes) = bytes else { return link(task, artifact) };
        room -= artifact.bytes;
        let kind = artifact.media_type.as_str();
        if kind.starts_with("image/") {
            ContentBlock::image(BASE64.encode(&bytes), kind)
        } else if kind.starts_with("audio/") {
            ContentBlock::audio(BASE64.encode(&bytes), kind)
        } else {
            ContentBlock::resource(resource(&uri(task, artifact), artifact, bytes))
        }
    };
    artifacts.iter().map(&mut content).collect()
}

/// An artifact as a resource with its bytes.
pub(super) fn resource(uri: &str, artifact: &Artifact, bytes: Vec<u8>) -> ResourceContents {
    let contents = match String::from_utf8(bytes) {
        Ok(text) => ResourceContents::text(text, uri),
        Err(other) => ResourceContents::blob(BASE64.encode(other.as_bytes()), uri),
    };
    contents.with_mime_type(artifact.media_type.as_str())
}

fn uri(task: &TaskId, artifact: &Artifact) -> String {
    // Both are of characters that need no escape there.
    format!("{SCHEME}{task}/{}", artifact.name)
}

fn link(task: &TaskId, artifact: &Artifact) -> ContentBlock {
    let mut resource = Resource::new(uri(task, artifact), artifact.name.as_str());
    resource.mime_type = Some(artifact.media_type.as_str().to_owned());
    resource.size = Some(artifact.bytes);
    ContentBlock::resource_link(resource)
}

/// Which artifact a URI names, if it names one.
pub(super) fn named(uri: &str) -> Option<(TaskId, &str)> {
    let (task, name) = uri.strip_prefix(SCHEME)?.split_once('/')?;
    Some((task.parse().ok()?, name))
}
