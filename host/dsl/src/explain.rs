//! What a code means at length, with a wrong and a right example: the pages of `cofferdam explain`.

use crate::code::Code;

/// The page about one code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// What the code stands for.
    pub title: &'static str,
    /// Why it is so and what to do.
    pub text: &'static str,
    /// What leads to it; may be empty.
    pub wrong: &'static str,
    /// What is meant; may be empty.
    pub right: &'static str,
}

/// Returns the page about a code such as `CF0204`, in any case; nothing if there is no such code.
pub fn explain(number: &str) -> Option<Page> {
    let code = Code::ALL
        .iter()
        .copied()
        .find(|code| code.number().eq_ignore_ascii_case(number.trim()))?;
    let (text, wrong, right) = words(code);
    Some(Page {
        title: code.title(),
        text,
        wrong,
        right,
    })
}

type Words = (&'static str, &'static str, &'static str);

fn words(code: Code) -> Words {
    syntax(code).or_else(|| meaning(code)).unwrap_or(("", "", ""))
}

/// The pages of CF01xx.
fn syntax(code: Code) -> Option<Words> {
    Some(match code {
        Code::UnexpectedToken => (
            "The file could be read up to here, but what follows does not fit the grammar. The message says what was expected. Reading goes on after it, so later findings are real too.",
            "call fetch { timeout 30s }",
            "call fetch { timeout = 30s }",
        ),
        Code::CommentMark => (
            "Comments begin with `//` or `#` and go to the end of the line; `--` is part of names.",
            "-- fetch it",
            "// fetch it",
        ),
        Code::UnclosedText => (
            "A text begins with a quote and must end with the same quote. Texts may span lines, so a missing quote can swallow what follows; the message points at the text that most likely lacks it.",
            "title = \"Nightly",
            "title = \"Nightly\"",
        ),
        Code::UnclosedExpression => (
            "An expression stands in parentheses; every bracket inside must be closed in order.",
            "if (inputs.n > 3 { call a }",
            "if (inputs.n > 3) { call a }",
        ),
        Code::UnclosedBrace => (
            "A brace or bracket was opened and the end, or something that cannot stand inside, came first. When braces and indentation disagree, the message points at the block that is not closed where it begins.",
            "if a.ok { call b",
            "if a.ok { call b }",
        ),
        Code::UnclosedFence => (
            "A code fence is three or more backticks, a language name, and a line break; it ends with as many backticks on a line of their own.",
            "source = ```python",
            "source = ```python\n  print(1)\n  ```",
        ),
        Code::InvalidNumber => (
            "Numbers are `3`, `-1.5`, `1e6`. Durations are a whole number and one unit: ms, s, m, h or d.",
            "timeout = 1h30m",
            "timeout = 90m",
        ),
        Code::TextAfterEnd => (
            "A file holds one workflow and nothing after its last brace. Files without an edition only get a warning.",
            "workflow a { } }",
            "workflow a { }",
        ),
        Code::DoubtfulEscape => (
            "In double quotes `\\n`, `\\t`, `\\\"`, `\\\\` and `\\{` have a meaning; before anything else the backslash is simply dropped. Regular expressions belong into single quotes, where nothing is an escape.",
            "pattern = \"\\d+\"",
            "pattern = '\\d+'",
        ),
        Code::FileTooLarge => (
            "A workflow file has at most 10 MiB. Data belongs into files that steps read.",
            "",
            "",
        ),
        Code::NulByte => (
            "A text never holds a NUL byte: this is most likely a binary file.",
            "",
            "",
        ),
        Code::NotUtf8 => ("Workflow files are UTF-8. Save the file in that encoding.", "", ""),
        Code::TooDeep => (
            "Braces, brackets and the brackets of expressions nest at most 64 levels deep. Move the inner part into a workflow and call it.",
            "",
            "",
        ),
        Code::TooManyNodes => (
            "A file has at most 10 000 steps. Use a loop, `foreach`, or several workflows.",
            "",
            "",
        ),
        Code::ExpressionTooLong => (
            "An expression has at most 64 KiB. Put data into a file or the output of a step.",
            "",
            "",
        ),
        Code::TooManyValues => (
            "A file has at most 250 000 values, attributes and list items. Put data into a file that a step reads.",
            "",
            "",
        ),
        Code::UnexpectedCharacter => (
            "This character begins nothing in the language. Operators belong into parentheses, texts into straight quotes.",
            "params { n = 1; }",
            "params { n = 1 }",
        ),
        Code::UnclosedBlock => (
            "A text block begins and ends with three double quotes.",
            "prompt = \"\"\"\n  Hello",
            "prompt = \"\"\"\n  Hello\n  \"\"\"",
        ),
        Code::MissingHeader => (
            "A file is one workflow. With `edition 1` doubtful things are errors, not warnings.",
            "{ call a }",
            "workflow hello edition 1 { call a }",
        ),
        Code::UnknownEdition => (
            "The edition says which rules the file is written for. This version knows edition 1.",
            "workflow a edition 2 { }",
            "workflow a edition 1 { }",
        ),
        Code::MisplacedElse => (
            "`else` and `else if` stand directly after the closing brace of an `if` or `unless`.",
            "if a.ok { call b }  call c  else { call d }",
            "if a.ok { call b } else { call d }",
        ),
        Code::UnknownStep => (
            "Every step begins with one of the words of the language.",
            "cal fetch",
            "call fetch",
        ),
        Code::MisplacedAttribute => (
            "The attributes of a block stand before its steps; bodies such as `else { }` and `always { }` have none; `meta`, `inputs` and `outputs` stand between the outer braces.",
            "parallel { call a  fail_fast = false }",
            "parallel { fail_fast = false  call a }",
        ),
        Code::ColonInMap => (
            "Maps are written with `=`. Colons belong to maps inside of expressions.",
            "params { a: 1 }",
            "params { a = 1 }",
        ),
        Code::TooManyFindings => ("Only the first findings of a file are shown. Mend those first.", "", ""),
        _ => return None,
    })
}

/// The pages of the other hundreds.
fn meaning(code: Code) -> Option<Words> {
    Some(match code {
        Code::NoStepBefore => (
            "A condition or expression may only speak of steps that can have run before it. The message lists those.",
            "if (steps.scna.output.n > 0) { call b }",
            "if (steps.scan.output.n > 0) { call b }",
        ),
        Code::NotABooleanInput => (
            "A bare name as a condition is a boolean input. For other inputs write an expression.",
            "if mode { call a }",
            "if (inputs.mode == \"full\") { call a }",
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
            "while a.more { call a }",
            "while a.more { max_iterations = 10  call a }",
        ),
        Code::IgnoredAttribute => (
            "`if` and `unless` have no attributes; the original reader skipped them silently.",
            "if a.ok { x = 1  call b }",
            "if a.ok { call b }",
        ),
        Code::NotCarriedOut => (
            "The language has this, this version does not carry it out yet. Nothing is ignored silently, so the file is refused.",
            "",
            "",
        ),
        Code::ExclusiveAttributes => (
            "Both attributes say the same thing in different ways; keep one.",
            "call a { retries = 2  retry { attempts = 3 } }",
            "call a { retry { attempts = 3 } }",
        ),
        Code::UnknownParameter => (
            "The action declares its parameters; this is none of them. `cofferdam plugin inspect PLUGIN.ACTION` lists them.",
            "params { patern = \"TODO\" }",
            "params { pattern = \"TODO\" }",
        ),
        Code::BareWord => (
            "Where values have types, a bare word could be a text or a name; say which.",
            "params { mode = full }",
            "params { mode = \"full\" }",
        ),
        Code::RootAsCondition => (
            "Without parentheses a condition is a boolean input or `step.marker`. Everything else is an expression and stands in parentheses.",
            "if inputs.full { call a }",
            "if (inputs.full) { call a }",
        ),
        Code::WrongValue => (
            "The attribute takes another kind of value.",
            "call a { retries = \"many\" }",
            "call a { retries = 3 }",
        ),
        Code::ExpressionBudget => (
            "An expression may take 100 000 steps, nest 64 levels and give 1 MiB. The budget is counted, not timed, so the result is the same everywhere.",
            "",
            "",
        ),
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
        Code::NameIsNotFile => (
            "A workflow is found by the name of its file and shown by the name in it. One of the two should be renamed, so that people find what they read about.",
            "workflow nightly { call a }",
            "",
        ),
        Code::UnknownAction => (
            "No plugin that is loaded has this action. `cofferdam plugin list` shows the plugins, `cofferdam plugin inspect NAME` the actions of one. A file that was not loaded is named there with the reason.",
            "call fs.lsit { }",
            "call fs.list { }",
        ),
        Code::AmbiguousAction => (
            "The name of an action alone is enough where only one plugin has it. Here several do; the full name says which is meant.",
            "call read { }",
            "call fs.read { }",
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
            "inputs { path }  if (inputs.pth == \"x\") { call a }",
            "inputs { path }  if (inputs.path == \"x\") { call a }",
        ),
        Code::UnknownVariable => (
            "`vars.NAME` is what a `set { NAME = .. }` of this workflow wrote. No `set` writes this name.",
            "if (vars.cuont > 3) { call a }",
            "set { count = 0 }  if (vars.count > 3) { call a }",
        ),
        Code::UnknownName => (
            "An expression begins with `inputs`, `steps`, `vars`, `run` or a loop's own name; a bare `{{name}}` is a built-in variable or an input. In a file with an edition the outputs of steps define no variables: they are read as `steps.KEY.output.FIELD`.",
            "if (size(files) > 0) { call a }",
            "if (size(steps.list.output.files) > 0) { call a }",
        ),
        Code::ReservedInput => (
            "This name is a variable that every run has. In a file without an edition the input takes its place; with an edition that is an error.",
            "inputs { prior_context }",
            "inputs { context }",
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
        Code::ExpressionSyntax => (
            "What stands in the parentheses, or between `{{` and `}}`, cannot be read as an expression. A minus needs a space on its left, since a hyphen belongs to a name.",
            "if (inputs.n > ) { call a }",
            "if (inputs.n > 3) { call a }",
        ),
        Code::MissingParameter => (
            "The action cannot do without this parameter. `cofferdam plugin inspect PLUGIN.ACTION` lists all of them.",
            "call fs.read { }",
            "call fs.read { params { path = \"README.md\" } }",
        ),
        Code::UnknownMember => (
            "What is selected here is known, from the declaration of an input or the output schema of an action, and has no such member. `.?name` asks for a member that may be missing.",
            "if (steps.list.output.cuont > 0) { call a }",
            "if (steps.list.output.count > 0) { call a }",
        ),
        Code::WrongDefault => (
            "The default of an input must be what the input itself must be.",
            "inputs { limit type = number default = \"ten\" }",
            "inputs { limit type = number default = 10 }",
        ),
        Code::BadSchema => (
            "The plugin describes its parameters with a JSON Schema that cannot be used, so that calls of it are not checked. Tell its author.",
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
