//! The pages of the codes from CF05xx on: plugins, grants, and running.

use super::Words;
use crate::code::Code;

pub(super) fn page(code: Code) -> Option<Words> {
    Some(match code {
        Code::CoreModule => (
            "A plugin is a WebAssembly component. Build it for wasm32-wasip2, or turn the module into a component.",
            "",
            "",
        ),
        Code::PluginNameTaken => (
            "A plugin is called by the name of its file. Two files of one name are ambiguous, so neither is used.",
            "",
            "",
        ),
        Code::CallDenied => (
            "The plugin asked for something that no grant in the configuration allows. The message shows the line that would allow it.",
            "",
            "",
        ),
        Code::ProjectNotTrusted => (
            "A project's configuration asks for more than reading its own tree and writing one output directory. Look at what it asks for, then run `cofferdam trust`.",
            "",
            "",
        ),
        Code::StepFailed => (
            "The step reported a failure, ran out of time, or was stopped. `cofferdam logs RUN STEP` shows what it said.",
            "",
            "",
        ),
        Code::AlreadyDecided => (
            "A gate is decided once. `cofferdam show RUN` tells who decided it and when.",
            "",
            "",
        ),
        Code::RunCancelled => (
            "A cancelled run is not resumed. `cofferdam retry RUN --from STEP` starts from its results.",
            "",
            "",
        ),
        _ => return None,
    })
}
