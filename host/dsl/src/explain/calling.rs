//! The pages of CF024x: workflows that call workflows, and targets. An example of several files names each of them.

use super::Words;
use crate::code::Code;

pub(super) fn page(code: Code) -> Option<Words> {
    Some(match code {
        Code::UnknownWorkflow => (
            "`call workflow` and `foreach` name a workflow by the stem of its file, which is looked for in the directories of `[project] workflows`; a later directory wins.",
            "// child.wf\nworkflow child edition 1 { call test.fail }\n\n// audit.wf\nworkflow audit edition 1 { call workflow chidl }",
            "// child.wf\nworkflow child edition 1 { call test.fail }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child }",
        ),
        Code::BrokenWorkflow => (
            "A called workflow has errors, so that the one that calls it cannot run either. Its own findings are shown when it is checked itself; the help says how. Actions that no plugin has are such errors, also in handlers.",
            "// child.wf\nworkflow child edition 1 { call a { retires = 3 } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child }",
            "// child.wf\nworkflow child edition 1 { call test.fail { retries = 3 } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child }",
        ),
        Code::CircleOfCalls => (
            "A workflow that calls itself, directly or through others, would never end. Conditions make no difference: what can happen is refused before anything runs. The message shows the way round.",
            "// child.wf\nworkflow child edition 1 { call workflow audit }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child }",
            "// child.wf\nworkflow child edition 1 { call test.fail }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child }",
        ),
        Code::TooManyLevels => (
            "A workflow calls one that calls one, and so on: five levels are allowed, or what `call_levels` in `[project]` says. The note shows the longest way.",
            "// e.wf\nworkflow e { call workflow f }\n\n// d.wf\nworkflow d { call workflow e }\n\n// c.wf\nworkflow c { call workflow d }\n\n// b.wf\nworkflow b { call workflow c }\n\n// f.wf\nworkflow f { call test.fail }\n\n// a.wf\nworkflow a { call workflow b }\n\n// audit.wf\nworkflow audit { call workflow a }",
            "// b.wf\nworkflow b { call test.fail }\n\n// a.wf\nworkflow a { call test.fail }\n\n// audit.wf\nworkflow audit { call workflow a  call workflow b }",
        ),
        Code::MissingInput => (
            "The called workflow declares an input that must be given. Inputs of the calling workflow are not handed on by themselves.",
            "// child.wf\nworkflow child edition 1 { inputs { customer required } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child }",
            "// child.wf\nworkflow child edition 1 { inputs { customer required } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child { inputs { customer = \"ada\" } } }",
        ),
        Code::UndeclaredInput => (
            "The called workflow declares no such input and would not see it. In a file without an edition this is a warning.",
            "// child.wf\nworkflow child edition 1 { inputs { customer required } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child { inputs { custmer = \"ada\" } } }",
            "// child.wf\nworkflow child edition 1 { inputs { customer required } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child { inputs { customer = \"ada\" } } }",
        ),
        Code::SharedStepName => (
            "The steps of a called workflow can be asked for by their names alone, but this file has a step of that name, and its own steps come first. Write the workflow before the name to mean the other one: `child.push.done`, `steps.child.steps.push`.",
            "// child.wf\nworkflow child edition 1 { call push { use = test.fail } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child  call push { use = test.fail }  if push.done { call test.fail } }",
            "// child.wf\nworkflow child edition 1 { call push { use = test.fail } }\n\n// audit.wf\nworkflow audit edition 1 { call workflow child  call push { use = test.fail }  if child.push.done { call test.fail } }",
        ),
        Code::UnknownTarget => (
            "`meta.targets` says what a workflow is meant for. The project lists the words that it knows as `targets` in `[project]`; without such a list every word is accepted. Here it is `targets = [\"worktree\", \"pull-request\"]`.",
            "meta { targets = [worktre] }",
            "meta { targets = [worktree] }",
        ),
        _ => return None,
    })
}
