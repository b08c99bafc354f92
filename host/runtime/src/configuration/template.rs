//! What `init` writes.

/// Returns the text of a new `cofferdam.toml` for a project called `name`.
pub fn template(name: &str) -> String {
    TEMPLATE.replace("NAME", &name.replace(['"', '\\'], "").replace(char::is_control, ""))
}

const TEMPLATE: &str = r#"# cofferdam.toml: what this host may do on behalf of workflows and plugins.
# Everything that is not written here is off. An unknown key is an error, not a warning.
# `cofferdam config check` validates it, `cofferdam config show --effective` prints every
# default that applies, `cofferdam grants` prints who may touch what, as one table.
config = 1                                   # format of this file

[project]                                    # relative paths start at this file
name      = "NAME"
workflows = ["workflows"]
# targets     = ["worktree"]                 # what `targets` of a workflow may name; anything without it
# call_levels = 5                            # how many calls of workflows may be inside of each other

# guest path -> host path. Reading this project's own tree and writing one directory inside
# it need no trust; for more than that, look at this file and say `cofferdam trust`.
[plugins.fs]
dirs = [
  { guest = "/", host = ".", access = "read" },
  { guest = "/out", host = "out", access = "write", create = true },
]

[plugins.report]                             # a line can bound what lies there: quota = "256 MiB", files = 10_000
dirs = [{ guest = "/out", host = "out", access = "write", create = true }]

# [state]
# path       = ".cofferdam/state.db"         # its directory is hidden from every plugin
# durability = "full"                        # "process": survives a crash of cofferdam, not of the machine
# run_logs   = false                         # true: a file per run in .cofferdam/logs, to follow without cofferdam

# [host]
# attempts       = 64                        # guests at the same time, all plugins together
# shutdown_grace = "5s"                      # for guests at work when the host is to stop
# cancel_grace   = "5s"                      # for guests at work when their run is cancelled

# Limits of one attempt, for every plugin; `limits` of a plugin overrides them. None may be
# 0 or "unlimited".
# [limits]
# wall       = "30s"                         # a step's `timeout` may lengthen it up to wall_max
# wall_max   = "1h"
# cpu        = "10s"
# memory     = "128 MiB"                     # all memories of the instance together
# output     = "8 MiB"
# params     = "8 MiB"
# log        = "256 KiB"
# open_files = 64
# disk       = "256 MiB"                     # written to granted directories, what was deleted again included
# new_files  = 10000
# compile    = { wall = "60s", memory = "2 GiB" }   # of a component, in a process of its own

# A later directory wins over an earlier one. A file in them is loaded without any grant
# unless it has a section here, and its component was accepted.
# [registry]
# dirs  = ["plugins"]
# trust = "lock"                             # grants are for the component that was accepted (cofferdam plugin accept);
#                                            # "name": for whatever is in the file, while you are writing it
# keys  = { release = "ed25519:AYsdX88GezNDNLuA+qTlh7ZRtPEpqjPL/Gd6pdj9+Y4=" }   # cofferdam plugin keygen; see signed_by
# require_signature = true                   # no plugin from a file is used that none of them signed

# [plugins.wordcount]
# enabled = true
# dirs    = [{ guest = "/src", host = "data", access = "read" }]
# signed_by = ["release"]                    # whatever this key signs as `wordcount` has these grants
# limits  = { wall = "2m", memory = "64 MiB" }
# env     = ["LANG"]                         # variables of cofferdam's own environment that it sees, by name
# context = ["ticket.*"]                     # values that the steps of a run share, by their keys

# Where requests may go. Addresses of this network also need `private`, set to true.
# [plugins.http]
# network = [{ url = "https://api.example.org/v1", methods = ["GET"] }]
# secrets = ["example"]                      # may be used; the plugin never sees the value

# A workflow can be left less than its plugins have, never more.
# [workflows."csv-*"]
# network = "none"                           # or lines, of which only what is in both is left
# dirs    = { "/out" = "read" }              # or "none"
# limits  = { cpu = "2s" }

# A value never stands here: it comes from a variable (`env`), a file that is yours alone (`file`)
# or what a program prints (`command`).
# [secrets.example]
# env  = "EXAMPLE_TOKEN"
# to   = ["https://api.example.org"]         # where it may go
# only = ["header:authorization"]            # header, header:NAME, query or body

# Kinds of gates that people decide, beside human_review and human_approval.
# [gates]
# pr_checks = "human"

# Further names for actions. `fallback` takes a name that no action has, if agents/NAME.md is there.
# [actions]
# alias    = { notify = "http.request", "csv.parse" = "json.parse-csv" }
# fallback = "agent.run"

# Values that the host injects into every run; they win over inputs of the same name.
# [variables]
# repo_name = "NAME"
"#;
