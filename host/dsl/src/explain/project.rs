//! The pages of CF032x and CF033x: other files that a workflow names, gates, secrets.

use super::Words;
use crate::code::Code;

pub(super) fn page(code: Code) -> Option<Words> {
    Some(match code {
        Code::UnknownSchema => (
            "`output = NAME` names a schema file, `NAME.yaml` in a directory of `[project] schemas`, or by a path below the project. A later directory wins over an earlier one.",
            "call reviewer { output = reviw }",
            "call reviewer { output = review }",
        ),
        Code::BadSchemaFile => (
            "A schema file is YAML: `fields`, by name, each with one of the types string, number, boolean, enum(a, b), array and object, and `markers`, by name, each with an expression. A name that ends with `?` may be missing. Aliases are not read. Below are such files.",
            "fields:\n  files: {type: array, items: strng}\n",
            "fields:\n  files: {type: array, items: string}\n  note?: string\n",
        ),
        Code::BadMarker => (
            "The expression of a marker asks for the fields of its schema by their names, or for all of the output as `output`. It is an expression of workflows, or one comparison in the form of older files: `findings[severity == critical].length > 0`. Below are schema files.",
            "fields:\n  findings: array\nmarkers:\n  many: size(finding) > 10\n",
            "fields:\n  findings: array\nmarkers:\n  many: size(findings) > 10\n  some: findings.length > 0\n",
        ),
        Code::UnknownMarker => (
            "The markers of this step are known, from its schema or because of what it is, and this is none of them: the condition is never true.",
            "call reviewer { output = review }  if reviewer.has_critcal { fail \"no\" }",
            "call reviewer { output = review }  if reviewer.has_critical { fail \"no\" }",
        ),
        Code::UnknownSnippet => (
            "`with = NAME` names a text that goes with the prompt, `NAME.md` in a directory of `[project] snippets`, or by a path below the project.",
            "call reviewer { with = [scop] }",
            "call reviewer { with = [scope] }",
        ),
        Code::UnknownAgent => (
            "`call \"path\"` names an agent's file by its path below the project. `call NAME` finds `NAME.md` in a directory of `[project] agents`.",
            "call \"agents/revewer.md\"",
            "call \"agents/reviewer.md\"",
        ),
        Code::BadAgentFile => (
            "An agent's file is Markdown, behind `role`, `can_commit` and `model` between two lines `---`. `{{name}}` is filled in; conditions such as `{{#if x}}` are not read, the model would see them. Make two agents instead, or let the workflow decide what it says.",
            "call chooser",
            "call reviewer",
        ),
        Code::MissingScript => (
            "`run` begins with the path of a file below the project, or with the bare name of a program that the configuration allows. There is no such file.",
            "script tests { run = \"ci/tset.sh --json\" }",
            "script tests { run = \"ci/test.sh --json\" }",
        ),
        Code::NotExecutable => (
            "The file is there and nobody may run it: `chmod +x` makes it a program.",
            "script build { run = \"ci/build.sh\" }",
            "script build { run = \"ci/test.sh\" }",
        ),
        Code::QuotedPlaceholder => (
            "The value of a placeholder in `run` reaches the command as one quoted word. Quotes around it become a part of the value, or end what protects it.",
            "inputs { a required }  script s { run = \"ci/test.sh '{{a}}'\" }",
            "inputs { a required }  script s { run = \"ci/test.sh {{a}}\" }",
        ),
        Code::UnknownLanguage => (
            "The word behind the fence, or `lang`, says what runs the text: js, python, sh and their other names.",
            "script s { source = \"x\"  lang = pyton }",
            "script s { source = \"print(1)\"  lang = python }",
        ),
        Code::UnknownGateKind => (
            "Gates of the kinds human_review and human_approval are decided by people, a quality_gate by a number. The configuration says who decides other kinds: `[gates]` with `pr_checks = \"human\"`.",
            "gate human_reviw { timeout = 1h }",
            "gate human_review { timeout = 1h }",
        ),
        Code::NoDeadline => (
            "Nothing is wrong; but somebody who reads the workflow should see how long it can wait, and what happens then. A wait for an event has no end of its own, a gate is open for 24 hours. Only `check --strict` says so.",
            "wait shipped { event = \"orders/shipped\" }",
            "wait shipped { event = \"orders/shipped\"  timeout = 8h  on_timeout = continue }",
        ),
        Code::SecretLeak => (
            "A secret is a placeholder that is replaced on the way out, where the configuration lets it go. It may stand in the `params` of an action, alone or joined to a text, and in the `env` of a script with an identity. Everywhere else it would be kept or shown.",
            "inputs { token type = secret default = \"crm\" }  set { t = (inputs.token) }",
            "inputs { token type = secret default = \"crm\" }  call note.keep { params { text = \"Bearer {{inputs.token}}\" } }",
        ),
        Code::UnknownSecret => (
            "The value of an input of the type `secret` is the name of a secret that the configuration has, `[secrets.NAME]`. The value of the secret itself never stands in a workflow.",
            "inputs { token type = secret default = \"gh p_1!\" }  call note.keep { params { text = (inputs.token) } }",
            "inputs { token type = secret default = \"crm\" }  call note.keep { params { text = (inputs.token) } }",
        ),
        Code::UnknownIdentity => (
            "`as = NAME` says who a step is; the configuration says what that means, `[identities.NAME]`.",
            "script s { run = \"ci/test.sh\"  as = publsher }",
            "script s { run = \"ci/test.sh\"  as = publisher }",
        ),
        Code::AlwaysNull => (
            "`outputs` says what the workflow gives back. This one never has a value.",
            "outputs { report = null }",
            "set { report = \"r\" }  outputs { report = (vars.report) }",
        ),
        Code::UnchangingLoop => (
            "The condition of the loop asks only for what nothing in the loop changes. If it is true, it stays true, and the loop goes on until `max_iterations`. A loop that is meant to go on so long is `while (true)`.",
            "inputs { full boolean }  while full { max_iterations = 3  call fs.list { params { root = \".\" } } }",
            "while (steps.list.output.files == null) { max_iterations = 3  call fs.list { params { root = \".\" } } }",
        ),
        Code::UnsafeRetry => (
            "A plugin can say of an action that an attempt whose end nobody knows is not repeated: a mail would go out twice. A failure that the action reports itself is known, and may be followed by another attempt; after a timeout, a trap or a limit it is not.",
            "call mail.post { retries = 2 }",
            "call mail.post { retry { attempts = 3  on = [transient] } }",
        ),
        _ => return None,
    })
}
