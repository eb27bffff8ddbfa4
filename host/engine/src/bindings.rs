//! What `wit/` says, as Rust. Generated; nothing is written here.

wasmtime::component::bindgen!({
    path: "../../wit",
    world: "skill",
    imports: { default: async | trappable },
    exports: { default: async },
    trappable_error_type: {
        "ringfence:artifacts/artifacts.error" => ringfence_core::gate::Stop,
        "ringfence:context/context.error" => ringfence_core::gate::Stop,
        "ringfence:files/files.error" => ringfence_core::gate::Stop,
        "ringfence:http/http.error" => ringfence_core::gate::Stop,
        "ringfence:memory/memory.error" => ringfence_core::gate::Stop,
        "ringfence:model/model.error" => ringfence_core::gate::Stop,
        "ringfence:skills/skills.error" => ringfence_core::gate::Stop,
        "ringfence:tool/tool.error" => ringfence_core::gate::Stop,
    },
});
