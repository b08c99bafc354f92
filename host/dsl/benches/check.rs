//! What does it cost to read and check a long file, in time and in memory?
//!
//! The files are made of the constructs of the language in equal shares. Time is that of the processor, the median of
//! several rounds after one that does not count; memory is what all that is kept of a checked file adds to the process.

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]
#![expect(clippy::disallowed_methods, reason = "the state of the machine is in files")]

#[path = "../../engine/benches/shared/table.rs"]
mod table;

use cofferdam_dsl::{ActionEntry, Actions, Compiled, Options, compile, format, parse};
use cofferdam_engine::Digest;
use table::{Table, median, threads};

fn main() {
    let mut table = Table::begin("check: one long file, read and checked");
    let before = threads("self");
    let actions = actions();
    let mut kept = Vec::new();
    for lines in [1_250, 2_500, 5_000, 10_000] {
        let text = text(lines);
        table.section(&format!("{} lines, {} KiB", text.lines().count(), text.len() / 1024));
        let parsed = median((0..7).map(|_| timed(|| drop(parse(&text)))).skip(1));
        table.row("parse, processor", &format!("{parsed:.1} ms"));
        let checked = median((0..7).map(|_| timed(|| drop(check(&text, &actions)))).skip(1));
        let shown = format!("{checked:.1} ms");
        if lines == 10_000 {
            table.bar("parse and check, processor", &shown, "<= 300 ms", checked <= 300.0);
        } else {
            table.row("parse and check, processor", &shown);
        }
        let formatted = median((0..5).map(|_| timed(|| drop(format(&text)))).skip(1));
        table.row("format, processor", &format!("{formatted:.1} ms"));
        let (start, files) = (resident(), 8);
        let results: Vec<Compiled> = (0..files).map(|_| check(&text, &actions)).collect();
        let per_line = (resident().saturating_sub(start) * 1024) as f64 / (files * text.lines().count()) as f64;
        assert!(
            results.iter().all(|result| result.plan.is_some()),
            "{:#?}",
            results[0].diagnostics.first()
        );
        table.row("kept of a checked file, for each line", &format!("{per_line:.0} B"));
        kept.push(per_line);
    }
    table.section("growth");
    let growth = kept[3] / kept[1].max(1.0);
    table.bar(
        "memory for a line, 10 000 lines over 2 500",
        &format!("{growth:.2}"),
        "<= 1.25",
        growth <= 1.25,
    );
    let now = threads("self");
    table.bar(
        "threads at the end",
        &now.to_string(),
        &format!("= {before}"),
        now == before,
    );
    table.end();
}

fn check(text: &str, actions: &Actions) -> Compiled {
    compile(text, "long.wf", actions, &Options::default())
}

fn actions() -> Actions {
    let digest = Digest::of(b"bench");
    Actions::new(
        [("fs", "list"), ("fs", "grep"), ("json", "merge")]
            .map(|(plugin, action)| ActionEntry::new(plugin, action, digest)),
    )
}

/// Returns a workflow of about `lines` lines.
fn text(lines: usize) -> String {
    let mut text =
        String::from("workflow long edition 1 {\n  inputs { root default = \".\"  limit type = number default = 3 }\n");
    let mut number = 0;
    while text.lines().count() + 14 < lines {
        // Counting lines is not what is measured; sixteen at a time are enough.
        for _ in 0..16 {
            number += 1;
            text.push_str(&format!(
                "  call list-{number} {{\n    use    = fs.list\n    params {{ root = (inputs.root)  include = [\"**/*.rs\"] }}\n    retry {{ attempts = 3  on = [timeout] }}\n  }}\n  // what is found is counted\n  if (size(steps.list-{number}.output.files) > inputs.limit) {{\n    set {{ n{number} = (steps.list-{number}.output.count + 1) }}\n  }}\n  parallel p{number} {{\n    call a{number} {{ use = fs.grep  params {{ pattern = \"x{{{{inputs.root}}}}\" }} }}\n    call b{number} {{ use = json.merge  needs = [a{number}]  params {{ of = (steps.a{number}.output) }} }}\n  }}\n"
            ));
        }
    }
    text.push_str("}\n");
    text
}

/// Returns how long `work` kept the processor, in milliseconds.
fn timed(work: impl FnOnce()) -> f64 {
    let before = processor();
    work();
    (processor() - before) as f64 / 1e6
}

/// Returns the time that this thread has had the processor, in nanoseconds.
fn processor() -> u64 {
    let times = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    times
        .split(' ')
        .next()
        .and_then(|time| time.parse().ok())
        .unwrap_or_default()
}

/// Returns the memory of this process, in KiB.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok())
        .unwrap_or_default()
}
