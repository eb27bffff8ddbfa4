//! The documented example of embedding the host does what it says.

use ringfence_core::audit::Status;
use serde_json::json;

#[expect(dead_code, reason = "its `main` is for those who run it by itself")]
#[path = "../../host/examples/embedding.rs"]
mod example;

#[test]
fn a_program_that_embeds_the_host_keeps_what_is_remembered_itself() {
    let folder = tempfile::tempdir().unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let component = ringfence_built::component("remember");
    let notebook = example::Notebook::default();
    let run = |input: &str| {
        let program = env!("CARGO_BIN_EXE_ringfence").into();
        let data = folder.path().join("data");
        runtime.block_on(example::govern(&component, input, notebook.clone(), &data, program)).unwrap()
    };
    let kept = run(r#"{"action":"remember","key":"shopping","text":"milk"}"#);
    assert_eq!(kept.status, Status::Completed, "{kept:?}");
    assert_eq!(notebook.len(), 1);
    let recalled = run(r#"{"action":"recall","key":"shopping"}"#);
    assert!(json!(recalled.output).to_string().contains("milk"), "{recalled:?}");
}
