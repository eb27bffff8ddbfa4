//! The base: bare wasmtime with the same engine, pool and component, and nothing of ours but the two exports.

use wasmtime::component::{InstancePre, Linker, ResourceTable};
use wasmtime::{Engine, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use crate::world::World;

wasmtime::component::bindgen!({ path: "../wit", world: "skill", exports: { default: async } });

struct State {
    table: ResourceTable,
    wasi: WasiCtx,
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

pub(crate) struct Bare {
    engine: Engine,
    linked: SkillPre<State>,
}

impl Bare {
    pub(crate) fn new(world: &World, guest: &str) -> Self {
        let engine = world.running.sandbox.engine();
        let digest = ringfence_core::ids::Digest::of(&ringfence_built::component(guest));
        let component = world.running.sandbox.component(&digest).expect("a loaded component");
        let mut linker = Linker::<State>::new(&engine);
        wasmtime_wasi::p2::add_to_linker_async(&mut linker).expect("WASI links");
        let linked: InstancePre<State> = linker.instantiate_pre(&component).expect("it links");
        Self { engine, linked: SkillPre::new(linked).expect("it is a skill") }
    }

    /// Store, instantiate, run, drop.
    pub(crate) async fn cycle(&self, input: &str) -> String {
        let state = State { table: ResourceTable::new(), wasi: WasiCtx::builder().build() };
        let mut store = Store::new(&self.engine, state);
        store.set_fuel(1 << 50).expect("fuel");
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::Yield(1)));
        let skill = self.linked.instantiate_async(&mut store).await.expect("it instantiates");
        let request = ringfence::skill::types::Request { input: input.into(), violations: Vec::new() };
        skill.call_run(&mut store, &request).await.expect("it runs").expect("it answers")
    }
}
