//! How the steps of a graph follow each other, for formats that do their own layout: vertices, arrows, nested frames.

use super::{Branch, Element, Graph, Handler, Kind, State};

/// A graph as vertices and arrows.
#[derive(Default)]
pub(super) struct Flow {
    pub(super) entries: Vec<Entry>,
    pub(super) arrows: Vec<Arrow>,
}

pub(super) enum Entry {
    Vertex(Vertex),
    Frame(Frame),
}

pub(super) struct Vertex {
    pub(super) id: usize,
    pub(super) shape: Shape,
    pub(super) lines: Vec<String>,
    pub(super) state: Option<State>,
}

/// A frame around vertices.
pub(super) struct Frame {
    pub(super) id: usize,
    pub(super) lines: Vec<String>,
    /// Whether it is a handler.
    pub(super) dashed: bool,
    pub(super) entries: Vec<Entry>,
    pub(super) state: Option<State>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    End,
    Step,
    Gate,
    Fail,
    Choice,
    /// Where ways part or meet.
    Dot,
}

pub(super) struct Arrow {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) label: &'static str,
    /// Whether it leads to a handler.
    pub(super) dashed: bool,
}

/// A way that leads on from a vertex.
#[derive(Clone, Copy)]
struct Way {
    from: usize,
    label: &'static str,
}

/// Returns the vertices and arrows of a graph.
pub(super) fn flow(graph: &Graph) -> Flow {
    let mut building = Building::default();
    let mut entries = Vec::new();
    let lines = std::iter::once(graph.name.clone()).chain(graph.title.clone()).collect();
    let start = building.vertex(&mut entries, Shape::End, lines, None);
    let ways = building.block(&mut entries, &graph.body, vec![Way::from(start)]);
    // Clean-up runs however the body ends.
    let ways = if ways.is_empty() { vec![Way::from(start)] } else { ways };
    let ways = building.block(&mut entries, &graph.cleanup, ways);
    let end = building.vertex(&mut entries, Shape::End, vec!["end".to_owned()], None);
    building.join(&ways, end);
    Flow {
        entries,
        arrows: building.arrows,
    }
}

impl From<usize> for Way {
    fn from(from: usize) -> Self {
        Self { from, label: "" }
    }
}

#[derive(Default)]
struct Building {
    next: usize,
    arrows: Vec<Arrow>,
}

impl Building {
    fn id(&mut self) -> usize {
        self.next += 1;
        self.next - 1
    }

    fn vertex(&mut self, entries: &mut Vec<Entry>, shape: Shape, lines: Vec<String>, state: Option<State>) -> usize {
        let id = self.id();
        entries.push(Entry::Vertex(Vertex {
            id,
            shape,
            lines,
            state,
        }));
        id
    }

    fn join(&mut self, ways: &[Way], to: usize) {
        for way in ways {
            self.arrows.push(Arrow {
                from: way.from,
                to,
                label: way.label,
                dashed: false,
            });
        }
    }

    fn block(&mut self, entries: &mut Vec<Entry>, elements: &[Element], mut ways: Vec<Way>) -> Vec<Way> {
        for element in elements {
            ways = self.element(entries, element, ways);
        }
        ways
    }

    /// Adds a step that `ways` lead to, and returns the ways that lead on from it.
    fn element(&mut self, entries: &mut Vec<Entry>, element: &Element, ways: Vec<Way>) -> Vec<Way> {
        match &element.kind {
            Kind::Simple | Kind::Gate | Kind::Fail => {
                let shape = match element.kind {
                    Kind::Gate => Shape::Gate,
                    Kind::Fail => Shape::Fail,
                    _ => Shape::Step,
                };
                let lines = lines(element);
                let id = self.vertex(entries, shape, lines, element.state);
                self.join(&ways, id);
                self.handlers(entries, &element.handlers, id);
                if shape == Shape::Fail {
                    Vec::new()
                } else {
                    vec![Way::from(id)]
                }
            }
            Kind::Choice { arms, otherwise } => {
                let mut on = Vec::new();
                let mut ways = ways;
                for arm in arms {
                    let id = self.vertex(entries, Shape::Choice, vec![arm.condition.clone()], element.state);
                    self.join(&ways, id);
                    let (taken, not) = if arm.negated { ("no", "yes") } else { ("yes", "no") };
                    on.extend(self.block(entries, &arm.body, vec![Way { from: id, label: taken }]));
                    ways = vec![Way { from: id, label: not }];
                }
                on.extend(self.block(entries, otherwise, ways));
                on
            }
            Kind::Loop {
                condition,
                test_first,
                body,
            } => self.repeat(entries, element, condition, *test_first, body, &ways),
            Kind::Group(body) => {
                let id = self.id();
                let mut inner = Vec::new();
                let on = if body.is_empty() {
                    ways
                } else {
                    self.block(&mut inner, body, ways)
                };
                self.handlers_of_frame(&mut inner, element);
                entries.push(frame(id, element, inner));
                on
            }
            Kind::Parallel(branches) => self.parallel(entries, element, branches, &ways),
        }
    }

    fn repeat(
        &mut self,
        entries: &mut Vec<Entry>,
        element: &Element,
        condition: &str,
        test_first: bool,
        body: &[Element],
        ways: &[Way],
    ) -> Vec<Way> {
        let id = self.id();
        let mut inner = Vec::new();
        let test = vec![condition.to_owned()];
        let out = if test_first {
            let test = self.vertex(&mut inner, Shape::Choice, test, None);
            self.join(ways, test);
            let back = self.block(
                &mut inner,
                body,
                vec![Way {
                    from: test,
                    label: "yes",
                }],
            );
            self.join(&back, test);
            test
        } else {
            let begin = self.vertex(&mut inner, Shape::Dot, Vec::new(), None);
            self.join(ways, begin);
            let on = self.block(&mut inner, body, vec![Way::from(begin)]);
            let test = self.vertex(&mut inner, Shape::Choice, test, None);
            self.join(&on, test);
            self.join(
                &[Way {
                    from: test,
                    label: "yes",
                }],
                begin,
            );
            test
        };
        entries.push(frame(id, element, inner));
        vec![Way { from: out, label: "no" }]
    }

    fn parallel(&mut self, entries: &mut Vec<Entry>, element: &Element, branches: &[Branch], ways: &[Way]) -> Vec<Way> {
        let id = self.id();
        let mut inner = Vec::new();
        let fork = self.vertex(&mut inner, Shape::Dot, Vec::new(), None);
        self.join(ways, fork);
        let mut ends: Vec<Option<Vec<Way>>> = branches.iter().map(|_| None).collect();
        let mut needed = vec![false; branches.len()];
        for place in order(branches) {
            let branch = &branches[place];
            let from: Vec<Way> = branch
                .needs
                .iter()
                .filter_map(|need| {
                    needed[*need] = true;
                    ends[*need].as_ref()
                })
                .flatten()
                .copied()
                .collect();
            let from = if from.is_empty() { vec![Way::from(fork)] } else { from };
            ends[place] = Some(self.element(&mut inner, &branch.element, from));
        }
        let join = self.vertex(&mut inner, Shape::Dot, Vec::new(), None);
        for (place, ways) in ends.iter().enumerate() {
            if !needed[place] {
                self.join(ways.as_deref().unwrap_or_default(), join);
            }
        }
        entries.push(frame(id, element, inner));
        vec![Way::from(join)]
    }

    fn handlers_of_frame(&mut self, entries: &mut Vec<Entry>, element: &Element) {
        if let Some(Entry::Vertex(first)) = entries.first() {
            let id = first.id;
            self.handlers(entries, &element.handlers, id);
        }
    }

    fn handlers(&mut self, entries: &mut Vec<Entry>, handlers: &[Handler], of: usize) {
        for handler in handlers.iter().filter(|handler| !handler.body.is_empty()) {
            let id = self.id();
            let mut inner = Vec::new();
            let before = self.arrows.len();
            self.block(
                &mut inner,
                &handler.body,
                vec![Way {
                    from: of,
                    label: handler.word,
                }],
            );
            for arrow in &mut self.arrows[before..] {
                arrow.dashed |= arrow.from == of;
            }
            entries.push(Entry::Frame(Frame {
                id,
                lines: vec![handler.word.to_owned()],
                dashed: true,
                entries: inner,
                state: None,
            }));
        }
    }
}

/// Returns the branches so that each stands after those it needs; what goes round in a circle stands last.
pub(super) fn order(branches: &[Branch]) -> Vec<usize> {
    let mut order = Vec::with_capacity(branches.len());
    let mut placed = vec![false; branches.len()];
    while order.len() < branches.len() {
        let free = (0..branches.len())
            .find(|place| !placed[*place] && branches[*place].needs.iter().all(|need| placed[*need]));
        let next = free.or_else(|| (0..branches.len()).find(|place| !placed[*place]));
        let Some(next) = next else { break };
        placed[next] = true;
        order.push(next);
    }
    order
}

/// Returns the lines of a step.
pub(super) fn lines(element: &Element) -> Vec<String> {
    let continues = element.handlers.iter().any(|handler| handler.body.is_empty());
    let on_fail = continues.then(|| "on failure: continue".to_owned());
    std::iter::once(element.heading())
        .chain(element.facts.iter().cloned())
        .chain(on_fail)
        .collect()
}

fn frame(id: usize, element: &Element, entries: Vec<Entry>) -> Entry {
    Entry::Frame(Frame {
        id,
        lines: lines(element),
        dashed: false,
        entries,
        state: element.state,
    })
}
