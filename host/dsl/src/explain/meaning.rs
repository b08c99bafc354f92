//! The pages of CF02xx and CF03xx: names, attributes, structure, values.

use super::Words;
use crate::code::Code;

pub(super) fn page(code: Code) -> Option<Words> {
    Some(match code {
        Code::NoStepBefore => (
            "A condition or expression may only speak of steps that can have run before it. The message lists those.",
            "call scan  if (steps.scna.output.n > 0) { call b }",
            "call scan  if (steps.scan.output.n > 0) { call b }",
        ),
        Code::NotABooleanInput => (
            "A bare name as a condition is a boolean input. For other inputs write an expression.",
            "inputs { mode default = \"full\" }  if mode { call a }",
            "inputs { mode default = \"full\" }  if (inputs.mode == \"full\") { call a }",
        ),
        Code::DuplicateBranch => (
            "The branches of one `parallel` run at the same time, so each needs a key of its own.",
            "parallel { call a  call a }",
            "parallel { call a  call b { use = plugin.a } }",
        ),
        Code::UnknownAttribute => (
            "The construct has no such attribute. In a file without an edition this is a warning and the attribute has no effect.",
            "call a { retires = 3 }",
            "call a { retries = 3 }",
        ),
        Code::DuplicateAttribute => (
            "An attribute is set once. In files without an edition the last one counts.",
            "call a { retries = 1  retries = 2 }",
            "call a { retries = 2 }",
        ),
        Code::InputsWithEquals => (
            "The inputs of a called workflow have one form.",
            "call workflow a { inputs = { x = 1 } }",
            "call workflow a { inputs { x = 1 } }",
        ),
        Code::MissingAttribute => (
            "The construct cannot work without this attribute.",
            "call a  while a.more { call a }",
            "call a  while a.more { max_iterations = 10  call a }",
        ),
        Code::IgnoredAttribute => (
            "`if` and `unless` have no attributes; the original reader skipped them silently.",
            "call a  if a.ok { x = 1  call b }",
            "call a  if a.ok { call b }",
        ),
        Code::NotCarriedOut => (
            "The language has this and `check` checks it in full, but this version does not carry it out yet. Nothing is ignored silently: `run` refuses the file and names each such construct.",
            "call fs.list { params { root = \".\" }  timeout_in_queue = 1m }",
            "call fs.list { params { root = \".\" }  timeout_total = 1m }",
        ),
        Code::ExclusiveAttributes => (
            "Both attributes say the same thing in different ways; keep one.",
            "call a { retries = 2  retry { attempts = 3 } }",
            "call a { retry { attempts = 3 } }",
        ),
        Code::UnknownParameter => (
            "The action declares its parameters; this is none of them. `cofferdam plugin inspect PLUGIN.ACTION` lists them.",
            "call fs.grep { params { files = []  patern = \"TODO\" } }",
            "call fs.grep { params { files = []  pattern = \"TODO\" } }",
        ),
        Code::BareWord => (
            "Where values have types, a bare word could be a text or a name; say which.",
            "params { mode = full }",
            "params { mode = \"full\" }",
        ),
        Code::RootAsCondition => (
            "Without parentheses a condition is a boolean input or `step.marker`. Everything else is an expression and stands in parentheses.",
            "inputs { full boolean }  if inputs.full { call a }",
            "inputs { full boolean }  if (inputs.full) { call a }",
        ),
        Code::WrongValue => (
            "The attribute takes another kind of value.",
            "call a { retries = \"many\" }",
            "call a { retries = 3 }",
        ),
        Code::ExpressionBudget => (
            "An expression may take 100 000 steps, nest 64 levels and give 1 MiB. The budget is counted, not timed, so the result is the same everywhere. `check` finds it in expressions that ask for nothing, such as the one below; `⟨x⟩×3` stands for `xxx`.",
            "set { n = ([⟨0, ⟩×400 0].map(a, [⟨0, ⟩×400 0].map(b, a + b)).size()) }",
            "set { n = (401 * 401) }",
        ),
        Code::NameIsNotFile => (
            "A workflow is found by the name of its file and shown by the name in it. One of the two should be renamed, so that people find what they read about. The examples are in a file `audit.wf`.",
            "workflow nightly { call a }",
            "workflow audit { call a }",
        ),
        Code::UnknownAction => (
            "No plugin that is loaded has this action. `cofferdam plugin list` shows the plugins, `cofferdam plugin inspect NAME` the actions of one. A file that was not loaded is named there with the reason.",
            "call fs.lsit { params { root = \".\" } }",
            "call fs.list { params { root = \".\" } }",
        ),
        Code::AmbiguousAction => (
            "The name of an action alone is enough where only one plugin has it. Here several do; the full name says which is meant.",
            "call read { params { path = \"README.md\" } }",
            "call fs.read { params { path = \"README.md\" } }",
        ),
        Code::UnknownBranch => (
            "`needs` names branches of the same `parallel` block. What ran before the block is visible anyway.",
            "parallel { call a  call b { needs = [c] } }",
            "parallel { call a  call b { needs = [a] } }",
        ),
        Code::NeedsCircle => (
            "Each of these branches waits for another one of them, so that none could ever start. The message shows the circle.",
            "parallel { call a { needs = [b] }  call b { needs = [a] } }",
            "parallel { call a  call b { needs = [a] } }",
        ),
        Code::NoBranches => (
            "A `parallel` block runs its branches beside each other; without any there is nothing to run.",
            "parallel { fail_fast = false }",
            "parallel { fail_fast = false  call a  call b }",
        ),
        Code::UnknownInput => (
            "The workflow declares its inputs in `inputs { }`; an expression can only ask for those.",
            "inputs { path required }  if (inputs.pth == \"x\") { call a }",
            "inputs { path required }  if (inputs.path == \"x\") { call a }",
        ),
        Code::UnknownVariable => (
            "`vars.NAME` is what a `set { NAME = .. }` of this workflow wrote. No `set` writes this name.",
            "if (vars.cuont > 3) { call a }",
            "set { count = 0 }  if (vars.count > 3) { call a }",
        ),
        Code::UnknownName => (
            "An expression begins with `inputs`, `steps`, `vars`, `run` or a loop's own name; a bare `{{name}}` is a built-in variable or an input. In a file with an edition the outputs of steps define no variables: they are read as `steps.KEY.output.FIELD`.",
            "call fs.list { params { root = \".\" } }  if (size(files) > 0) { call a }",
            "call fs.list { params { root = \".\" } }  if (size(steps.list.output.files) > 0) { call a }",
        ),
        Code::ReservedInput => (
            "This name is a variable that every run has. In a file without an edition the input takes its place; with an edition that is an error.",
            "inputs { prior_context required }",
            "inputs { context required }",
        ),
        Code::ImplicitlyRequired => (
            "An input with neither `required` nor a default must be given. Writing `required` says so to whoever reads the file.",
            "inputs { path }",
            "inputs { path required }",
        ),
        Code::InvalidPath => (
            "Paths in a workflow stay inside of the project: no absolute path, no `..`.",
            "call \"../agents/plan.md\"",
            "call \"agents/plan.md\"",
        ),
        Code::ConstantCondition => (
            "The condition asks for nothing that could differ from run to run, so that it decides nothing. A `while` that is always true is no mistake: it ends with `max_iterations`.",
            "if (1 > 2) { call a }",
            "inputs { n type = number required }  if (inputs.n > 2) { call a }",
        ),
        Code::Unreachable => (
            "`fail` ends the branch or the run, so that nothing after it in the same block can run. A nested `always` still does.",
            "fail \"no files\"  call a",
            "call fs.list { params { root = \".\" } }  if (size(steps.list.output.files) == 0) { fail \"no files\" }  call a",
        ),
        Code::UnusedVariable => (
            "`set` writes a variable that no expression of this workflow reads. Variables are not the result of a workflow: that is what `outputs` names.",
            "set { count = 3 }",
            "set { count = 3 }  outputs { count = (vars.count) }",
        ),
        Code::UnusedInput => (
            "The input is declared, and its name stands nowhere else. Only `check --strict` looks for it; not where scripts, agents or other workflows are called, which see inputs that the text does not name.",
            "inputs { path required }  call fs.list { params { root = \".\" } }",
            "inputs { path required }  call fs.list { params { root = (inputs.path) } }",
        ),
        Code::UselessLimit => (
            "`timeout` bounds one attempt, `timeout_total` all of them with the waits between, `timeout` of `meta` the whole run. What is longer than what ends first is never reached; the same is said of a limit `wall` that the configuration sets for a plugin.",
            "call fs.list { params { root = \".\" }  timeout = 5m  timeout_total = 1m }",
            "call fs.list { params { root = \".\" }  timeout = 20s  timeout_total = 1m }",
        ),
        Code::ExpressionSyntax => (
            "What stands in the parentheses, or between `{{` and `}}`, cannot be read as an expression. A minus needs a space on its left, since a hyphen belongs to a name.",
            "inputs { n type = number required }  if (inputs.n > ) { call a }",
            "inputs { n type = number required }  if (inputs.n > 3) { call a }",
        ),
        Code::MissingParameter => (
            "The action cannot do without this parameter. `cofferdam plugin inspect PLUGIN.ACTION` lists all of them.",
            "call fs.read { }",
            "call fs.read { params { path = \"README.md\" } }",
        ),
        Code::UnknownMember => (
            "What is selected here is known, from the declaration of an input or the output schema of an action, and has no such member. `.?name` asks for a member that may be missing.",
            "call fs.list { params { root = \".\" } }  if (steps.list.output.fils != null) { call a }",
            "call fs.list { params { root = \".\" } }  if (steps.list.output.files != null) { call a }",
        ),
        Code::WrongDefault => (
            "The default of an input must be what the input itself must be.",
            "inputs { limit type = number default = \"ten\" }",
            "inputs { limit type = number default = 10 }",
        ),
        Code::BadSchema => (
            "The plugin describes its parameters with a JSON Schema that cannot be used, so that calls of it are not checked. Tell its author. Below are such schemas.",
            "{ \"type\": \"object\", \"properties\": { \"path\": { \"type\": \"strnig\" } } }",
            "{ \"type\": \"object\", \"properties\": { \"path\": { \"type\": \"string\" } } }",
        ),
        _ => return None,
    })
}
