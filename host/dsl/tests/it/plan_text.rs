//! How a plan is shown in the tests: one line per step.

use cofferdam_engine::expr::{Template, TemplatePart, ValueSource};
use cofferdam_engine::plan::{
    Block, Call, Condition, Join, Loop, LoopOrder, NodeIndex, NodeKind, OnFail, OnLimit, Plan, RetryPolicy, Test,
    WaitUntil,
};
use std::fmt::Write as _;

/// Returns the whole plan as text.
pub(crate) fn plan_text(plan: &Plan) -> String {
    let mut text = Text {
        plan,
        out: String::new(),
    };
    let parts = plan.parts();
    let _ = writeln!(text.out, "workflow {} edition {}", parts.name, parts.edition);
    for input in &parts.inputs {
        let default = input
            .default
            .as_ref()
            .map(|default| format!(" = {default}"))
            .unwrap_or_default();
        let required = if input.required { " required" } else { "" };
        let _ = writeln!(text.out, "input {} {:?}{required}{default}", input.name, input.kind);
    }
    text.block(&parts.body, 0);
    text.block(&parts.always, 0);
    for (name, source) in parts.outputs.iter().flatten() {
        let _ = writeln!(text.out, "output {name} = {}", value(source));
    }
    text.out
}

struct Text<'p> {
    plan: &'p Plan,
    out: String,
}

impl Text<'_> {
    fn block(&mut self, block: &Block, depth: usize) {
        for node in block {
            self.node(*node, depth, "");
        }
    }

    fn line(&mut self, depth: usize, line: &str) {
        let _ = writeln!(self.out, "{}{line}", "  ".repeat(depth));
    }

    fn node(&mut self, index: NodeIndex, depth: usize, suffix: &str) {
        let node = self.plan.node(index);
        let mut head = format!("{}:{} {}", node.place.line, node.place.column, node.path);
        if let Some(key) = &node.key {
            head.push_str(&format!(" [{key}]"));
        }
        if let Some(guard) = &node.guard {
            head.push_str(&format!(" if {}", condition(guard)));
        }
        head.push_str(suffix);
        match &node.kind {
            NodeKind::Call(inner) => {
                self.line(depth, &format!("{head} {}", call(inner)));
                if let OnFail::Handle(block) = &inner.on_fail {
                    self.line(depth + 1, "on failure");
                    self.block(block, depth + 2);
                }
            }
            NodeKind::If(choice) => {
                self.line(depth, &head);
                for arm in &choice.arms {
                    self.line(depth + 1, &format!("when {}", condition(&arm.condition)));
                    self.block(&arm.body, depth + 2);
                }
                if !choice.otherwise.is_empty() {
                    self.line(depth + 1, "otherwise");
                    self.block(&choice.otherwise, depth + 2);
                }
            }
            NodeKind::Loop(repeat) => {
                self.line(depth, &format!("{head} {}", loop_head(repeat)));
                self.block(&repeat.body, depth + 1);
            }
            NodeKind::Do(block) => {
                self.line(depth, &format!("{head} do"));
                self.block(block, depth + 1);
            }
            NodeKind::Always(block) => {
                self.line(depth, &format!("{head} always"));
                self.block(block, depth + 1);
            }
            NodeKind::Parallel(parallel) => {
                let mut text = format!("{head} parallel");
                if parallel.join == Join::Any {
                    text.push_str(" join any");
                }
                if !parallel.fail_fast {
                    text.push_str(" not fail-fast");
                }
                if let Some(count) = parallel.max_parallel {
                    text.push_str(&format!(" at most {count}"));
                }
                if let Some(count) = parallel.min_success {
                    text.push_str(&format!(" at least {count}"));
                }
                self.line(depth, &text);
                for branch in &parallel.branches {
                    let any = if branch.needs_any_result {
                        " whatever their result"
                    } else {
                        ""
                    };
                    let suffix = if branch.needs.is_empty() {
                        String::new()
                    } else {
                        format!(" needs {:?}{any}", branch.needs)
                    };
                    self.node(branch.node, depth + 1, &suffix);
                }
            }
            NodeKind::Set(values) => {
                let values: Vec<String> = values
                    .iter()
                    .map(|(name, source)| format!("{name} = {}", value(source)))
                    .collect();
                self.line(depth, &format!("{head} {}", values.join(", ")));
            }
            NodeKind::Fail(text) => self.line(depth, &format!("{head} {}", template(text))),
            NodeKind::Gate(gate) => {
                let mut text = format!("{head} gate {}", gate.kind);
                for (name, source) in [("show", &gate.show), ("data", &gate.data), ("options", &gate.options)] {
                    if let Some(source) = source {
                        text.push_str(&format!(" {name} {}", value(source)));
                    }
                }
                if let Some(prompt) = &gate.prompt {
                    text.push_str(&format!(" prompt {}", template(prompt)));
                }
                text.push_str(&format!(
                    " {:?} then {:?}, rejected {:?}, approvals {}",
                    gate.timeout, gate.on_timeout, gate.on_reject, gate.min_approvals
                ));
                self.line(depth, &text);
            }
            NodeKind::Wait(wait) => {
                let until = match &wait.until {
                    WaitUntil::Passed(time) => format!("for {}", value(time)),
                    WaitUntil::Time(time) => format!("until {}", value(time)),
                    WaitUntil::Signal { topic, correlation } => {
                        let correlation = correlation.as_ref().map_or_else(|| "any".to_owned(), value);
                        format!("signal {} of {correlation}", value(topic))
                    }
                };
                let text = format!("{head} wait {until} {:?} then {:?}", wait.timeout, wait.on_timeout);
                self.line(depth, &text);
            }
        }
    }
}

fn call(call: &Call) -> String {
    let mut text = format!("{}.{} {}", call.action.plugin, call.action.action, value(&call.params));
    if call.retry != RetryPolicy::default() {
        let retry = &call.retry;
        text.push_str(&format!(
            " retry {}x {:?}*{}..{:?}~{} on {:?} never {:?}",
            retry.attempts, retry.backoff, retry.factor, retry.max, retry.jitter, retry.on, retry.never
        ));
    }
    if let Some(timeout) = call.timeout {
        text.push_str(&format!(" timeout {timeout:?}"));
    }
    if let Some(timeout) = call.timeout_total {
        text.push_str(&format!(" total {timeout:?}"));
    }
    if call.on_fail == OnFail::Continue {
        text.push_str(" on failure continue");
    }
    if let Some(schema) = &call.output {
        text.push_str(&format!(" output {schema}"));
    }
    if !call.with.is_empty() {
        text.push_str(&format!(" with {}", call.with.join(", ")));
    }
    text
}

fn loop_head(repeat: &Loop) -> String {
    let order = match repeat.order {
        LoopOrder::TestFirst => "while",
        LoopOrder::BodyFirst => "do-while",
    };
    let mut text = format!(
        "{order} {} limit {}",
        condition(&repeat.condition),
        value(&repeat.limit)
    );
    if repeat.on_limit == OnLimit::Continue {
        text.push_str(" then continue");
    }
    if let Some(rounds) = repeat.stuck_after {
        text.push_str(&format!(" stuck after {rounds}"));
    }
    text
}

fn condition(condition: &Condition) -> String {
    let not = if condition.negated { "not " } else { "" };
    match &condition.test {
        Test::Marker { step, marker } => format!("{not}marker {step}.{marker}"),
        Test::Input(name) => format!("{not}input {name}"),
        Test::Expression(expression) => format!("{not}({expression})"),
    }
}

fn value(source: &ValueSource) -> String {
    match source {
        ValueSource::Literal(data) => data.to_json(),
        ValueSource::Expression(expression) => format!("({expression})"),
        ValueSource::Template(text) => template(text),
        ValueSource::List(items) => format!("[{}]", items.iter().map(value).collect::<Vec<_>>().join(", ")),
        ValueSource::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(name, source)| format!("{name} = {}", value(source)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
    }
}

fn template(template: &Template) -> String {
    let parts = template.parts.iter().map(|part| match part {
        TemplatePart::Text(text) => text.clone(),
        TemplatePart::Expression(expression) => format!("«{expression}»"),
        TemplatePart::Variable(name) => format!("«${name}»"),
    });
    format!("{:?}", parts.collect::<String>())
}
