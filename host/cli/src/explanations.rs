//! What every code means: those of the language, of configurations, and of running.

use cofferdam_dsl::Code;
use cofferdam_dsl::explain;
use cofferdam_runtime::configuration::EXPLANATIONS;

/// One page of `explain`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Page {
    /// What the code stands for.
    pub(crate) title: &'static str,
    /// Why it is so and what to do.
    pub(crate) text: &'static str,
    /// What leads to it.
    pub(crate) wrong: Option<&'static str>,
    /// What is meant.
    pub(crate) right: Option<&'static str>,
}

/// The codes that neither the language nor the configuration knows: loading plugins and running.
const RUNNING: &[(&str, &str, &str)] = &[
    (
        "CF0401",
        "inputs that do not fit",
        "A run starts only with every required input, no unknown one, and values of the declared kinds. `-i K=TEXT` is read by the declared kind, `-i K:=JSON` as JSON, `-i K=@FILE` takes the content of a file.",
    ),
    (
        "CF0501",
        "a plugin file that is no component",
        "The file could not be read, is no WebAssembly, or is damaged. The other plugins are not affected.",
    ),
    (
        "CF0502",
        "a core module instead of a component",
        "Build it for wasm32-wasip2: `cofferdam plugin build` does.",
    ),
    (
        "CF0503",
        "a component that is too large",
        "Sizes, counts and nesting of a component are looked at before anything else is done with it; the message names the limit.",
    ),
    (
        "CF0504",
        "a component that exports nothing",
        "It has none of the exports that Cofferdam looks for. In Rust: is `plugin!(..)` at the end of src/lib.rs missing?",
    ),
    (
        "CF0505",
        "a component that does not fit this host",
        "It imports or exports something that this host does not have, or of another major version. The message lists all of it. An import is not a permission: what is imported must exist, what is called must be granted.",
    ),
    (
        "CF0506",
        "a component that describes itself wrongly",
        "`describe` is called once when a component is loaded, without any grant. It must return quickly, with valid names and JSON Schemas.",
    ),
    (
        "CF0507",
        "a name that is claimed twice",
        "A plugin is named after its file. Names of built-in plugins are reserved; of two files with one name neither is used, since grants belong to names.",
    ),
    (
        "CF0508",
        "a file name that cannot name a plugin",
        "Lower-case letters, digits and single hyphens; `_` counts as `-`.",
    ),
    (
        "CF0509",
        "a component that does not compile",
        "The compiler refused it; the message is its own.",
    ),
    (
        "CF0510",
        "the host could not load a component",
        "Something went wrong on the side of the host, not of the component.",
    ),
    (
        "CF0511",
        "a component that a run needs is gone",
        "A run keeps the components that it started with, by digest. It is interrupted and says what it lacks (`cofferdam why RUN`). Put the same plugin file, or its copy beside the state, back: a host at work goes on by itself, or resume.",
    ),
    (
        "CF0512",
        "a component that is not signed as it has to be",
        "`[plugins.NAME] signed_by` and `[registry] require_signature` say whose signature a plugin from a file must have. A signature stands in the file `NAME.wasm.sig` beside the component; it is for one component under one name. The message says what is wrong with each. What is not signed is not looked at; where it would have taken the place of another component, that one goes on.",
    ),
    (
        "CF0610",
        "something that is not granted",
        "A plugin reaches what it asks for *and* what the configuration grants it. `cofferdam grants` shows both; the message names the line that would grant it.",
    ),
    (
        "CF0611",
        "a grant that cannot be given",
        "The directory cannot be opened without following links, or a guest could see the state through it.",
    ),
    (
        "CF0711",
        "a guest that trapped",
        "The plugin broke down: it panicked, recursed too deeply, or handed over what the contract does not allow. The attempt failed, nothing else did. The end of its standard error stream stands below the message.",
    ),
    (
        "CF0712",
        "a guest that hit a limit",
        "Every attempt has limits on time, memory and output; the message names the setting. `[limits]` sets them for all plugins, `[plugins.NAME.limits]` for one.",
    ),
    (
        "CF0713",
        "a step that ran out of time",
        "`timeout` bounds one attempt, `timeout_total` all of them with the waits between. Without one the limit `wall` holds.",
    ),
    (
        "CF0714",
        "an expression that has no value",
        "The step failed while its expression was evaluated; the operands stand below the message. A condition must be true or false; nothing counts as false by accident.",
    ),
    (
        "CF0721",
        "a request that contradicts what was decided",
        "The first decision wins: a gate that was approved is not rejected any more, a run that ended is not killed. The message says who decided what, and when.",
    ),
    (
        "CF0723",
        "a run that another process drives",
        "At most one host advances a run at a time. A process that is dead is recognised at once.",
    ),
    (
        "CF0725",
        "a run that cannot be retried from there",
        "`retry` keeps what ended well before a step and runs the rest again. So the run must have come to that step, and everything before it must have ended well. What handles a failure, and the clean-up at the end, run again by themselves: name the step that failed.",
    ),
    (
        "CF0726",
        "a newer definition that does not fit what a run has done",
        "`retry --latest` keeps what steps returned under the former definition. They must still be there, in the same order, and call the same actions; nothing new may stand before what runs again; the inputs of the run must still fit. Every difference stands below the message. What only changes how a kept step was called is allowed, and told.",
    ),
    (
        "CF0727",
        "an id under which something else was started",
        "`run --id ID` starts a run once: with the same workflow, plugins and inputs it is the same run, whoever asks and however often. With anything else it is a conflict; what is different stands below the message. Take another id, or give what was given then.",
    ),
    (
        "CF0724",
        "a request that the run has nothing for",
        "There is no such gate, it has no such option, or more than one gate is open and none was named. The message says what there is; `cofferdam why RUN` says what the run waits for.",
    ),
];

/// Returns every code with its title, sorted.
pub(crate) fn all() -> Vec<(&'static str, &'static str)> {
    let mut all: Vec<(&str, &str)> = Code::ALL.iter().map(|code| (code.number(), code.title())).collect();
    all.extend(EXPLANATIONS.iter().map(|page| (page.code.number(), page.title)));
    all.extend(RUNNING.iter().map(|(code, title, _)| (*code, *title)));
    all.sort_unstable();
    all.dedup_by_key(|(code, _)| *code);
    all
}

/// Returns the page about a code.
pub(crate) fn find(number: &str) -> Option<Page> {
    let of_running = RUNNING.iter().find(|(code, ..)| *code == number);
    if let Some((_, title, text)) = of_running {
        return Some(Page {
            title,
            text,
            wrong: None,
            right: None,
        });
    }
    if let Some(page) = EXPLANATIONS.iter().find(|page| page.code.number() == number) {
        return Some(Page {
            title: page.title,
            text: page.text,
            wrong: None,
            right: None,
        });
    }
    explain(number).map(|page| Page {
        title: page.title,
        text: page.text,
        wrong: Some(page.wrong),
        right: Some(page.right),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_a_page_with_words() {
        for (code, title) in all() {
            let page = find(code).unwrap_or_else(|| panic!("{code} has no page"));
            assert!(!title.is_empty() && page.text.len() > 20, "{code}: {}", page.text);
        }
    }
}
