//! Code generated from `wit/`. Present only in a skill that is built for WebAssembly; no author sees it.

wit_bindgen::generate!({
    path: "../wit",
    world: "ringfence:skill/skill",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export",
    default_bindings_module: "ringfence_sdk::__private::bindings",
});
