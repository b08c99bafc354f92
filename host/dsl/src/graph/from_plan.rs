//! How the plan of a run becomes a graph: what was bound when the run began, with what became of it.

use super::{Arm, Branch, Element, Graph, Handler, Kind, State};
use crate::written::{duration_text, single_blanks};
use cofferdam_engine::Plan;
use cofferdam_engine::expr::{Template, TemplatePart, ValueSource};
use cofferdam_engine::plan::{
    Call, Condition, Join, Loop, LoopOrder, Node, NodeIndex, NodeKind, OnFail, OnLimit, Parallel, Test, WaitUntil,
};

/// Returns the graph of a plan; `state` knows what became of each step.
pub fn graph_of_plan(plan: &Plan, state: &dyn Fn(NodeIndex) -> Option<State>) -> Graph {
    let builder = Builder { plan, state };
    let parts = plan.parts();
    Graph {
        name: parts.name.clone(),
        title: parts.title.clone(),
        body: builder.block(&parts.body),
        cleanup: builder.block(&parts.always),
    }
}

struct Builder<'a> {
    plan: &'a Plan,
    state: &'a dyn Fn(NodeIndex) -> Option<State>,
}

impl Builder<'_> {
    fn block(&self, block: &[NodeIndex]) -> Vec<Element> {
        block.iter().map(|node| self.element(*node)).collect()
    }

    fn element(&self, index: NodeIndex) -> Element {
        let node = self.plan.node(index);
        let mut facts = Vec::new();
        if let Some(guard) = &node.guard {
            let (condition, negated) = condition(guard);
            let not = if negated { "not " } else { "" };
            facts.push(format!("if {not}{condition}"));
        }
        let (word, kind, handlers) = self.meaning(node, &mut facts);
        Element {
            path: node.path.to_string(),
            word,
            name: node.key.as_deref().unwrap_or_default().to_owned(),
            facts,
            kind,
            handlers,
            state: (self.state)(index),
        }
    }

    fn meaning(&self, node: &Node, facts: &mut Vec<String>) -> (&'static str, Kind, Vec<Handler>) {
        let mut handlers = Vec::new();
        let (word, kind) = match &node.kind {
            NodeKind::Call(call) => {
                call_facts(call, facts);
                match &call.on_fail {
                    OnFail::Fail => {}
                    OnFail::Continue => handlers.push(Handler {
                        word: "on_fail",
                        body: Vec::new(),
                    }),
                    OnFail::Handle(block) => handlers.push(Handler {
                        word: "on_fail",
                        body: self.block(block),
                    }),
                }
                ("call", Kind::Simple)
            }
            NodeKind::If(choice) => {
                let arms = choice.arms.iter().map(|arm| {
                    let (condition, negated) = condition(&arm.condition);
                    Arm {
                        condition,
                        negated,
                        body: self.block(&arm.body),
                    }
                });
                let kind = Kind::Choice {
                    arms: arms.collect(),
                    otherwise: self.block(&choice.otherwise),
                };
                ("if", kind)
            }
            NodeKind::Loop(repeat) => self.repeat(repeat, facts),
            NodeKind::Do(block) => ("do", Kind::Group(self.block(block))),
            NodeKind::Always(block) => ("always", Kind::Group(self.block(block))),
            NodeKind::Parallel(parallel) => {
                parallel_facts(parallel, facts);
                let branches = parallel.branches.iter().map(|branch| Branch {
                    element: self.element(branch.node),
                    needs: branch.needs.iter().map(|need| *need as usize).collect(),
                });
                ("parallel", Kind::Parallel(branches.collect()))
            }
            NodeKind::Set(values) => {
                let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
                facts.push(names.join(", "));
                ("set", Kind::Simple)
            }
            NodeKind::Fail(text) => {
                facts.push(template(text));
                ("fail", Kind::Fail)
            }
            NodeKind::Gate(gate) => {
                if node.key.as_deref() != Some(gate.kind.as_str()) {
                    facts.push(gate.kind.clone());
                }
                ("gate", Kind::Gate)
            }
            NodeKind::Wait(wait) => {
                facts.push(match &wait.until {
                    WaitUntil::Passed(time) | WaitUntil::Time(time) => source(time),
                    WaitUntil::Signal { topic, .. } => source(topic),
                });
                ("wait", Kind::Simple)
            }
        };
        (word, kind, handlers)
    }

    fn repeat(&self, repeat: &Loop, facts: &mut Vec<String>) -> (&'static str, Kind) {
        facts.push(format!("at most {} rounds", source(&repeat.limit)));
        if repeat.on_limit == OnLimit::Continue {
            facts.push("then continue".to_owned());
        }
        if let Some(rounds) = repeat.stuck_after {
            facts.push(format!("stuck after {rounds}"));
        }
        let (text, negated) = condition(&repeat.condition);
        let test_first = repeat.order == LoopOrder::TestFirst;
        let kind = Kind::Loop {
            condition: if negated { format!("not {text}") } else { text },
            test_first,
            body: self.block(&repeat.body),
        };
        (if test_first { "while" } else { "do" }, kind)
    }
}

fn call_facts(call: &Call, facts: &mut Vec<String>) {
    facts.insert(0, format!("{}.{}", call.action.plugin, call.action.action));
    let retry = &call.retry;
    if retry.attempts > 1 {
        let mut words = format!("attempts {}", retry.attempts);
        if !retry.backoff.is_zero() {
            words.push_str(&format!(", {} apart", duration_text(retry.backoff)));
        }
        facts.push(words);
    }
    facts.extend(call.timeout.map(|time| format!("timeout {}", duration_text(time))));
    facts.extend(call.timeout_total.map(|time| format!("in all {}", duration_text(time))));
}

fn parallel_facts(parallel: &Parallel, facts: &mut Vec<String>) {
    if parallel.join == Join::Any {
        facts.push("join any".to_owned());
    }
    if !parallel.fail_fast {
        facts.push("fail fast: false".to_owned());
    }
    facts.extend(parallel.max_parallel.map(|count| format!("at most {count} at once")));
    facts.extend(parallel.min_success.map(|count| format!("successes: {count}")));
}

fn condition(condition: &Condition) -> (String, bool) {
    let text = match &condition.test {
        Test::Marker { step, marker } => format!("{step}.{marker}"),
        Test::Input(name) => name.clone(),
        Test::Expression(expression) => single_blanks(expression.source()),
    };
    (text, condition.negated)
}

fn source(source: &ValueSource) -> String {
    match source {
        ValueSource::Literal(data) => data.to_string(),
        ValueSource::Expression(expression) => format!("({})", single_blanks(expression.source())),
        ValueSource::Template(text) => template(text),
        ValueSource::List(_) | ValueSource::Map(_) => "…".to_owned(),
    }
}

fn template(template: &Template) -> String {
    let part = |part: &TemplatePart| match part {
        TemplatePart::Text(text) => text.clone(),
        TemplatePart::Variable(name) => format!("{{{{{name}}}}}"),
        TemplatePart::Expression(expression) => format!("{{{{{}}}}}", expression.source()),
    };
    template.parts.iter().map(part).collect()
}
