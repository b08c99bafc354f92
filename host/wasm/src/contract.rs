//! The generated host side of the contract in `wit/`.

mod generated {
    wasmtime::component::bindgen!({
        path: "../../wit",
        world: "plugin",
        imports: { "cofferdam:plugin/secrets.reveal": async | trappable, default: trappable },
        exports: { default: async },
        require_store_data_send: true,
    });
}

pub(crate) use generated::cofferdam::plugin::{attempt, log, metrics, progress, run_context, secrets, settings, types};
pub(crate) use generated::exports::cofferdam::plugin::actions;
