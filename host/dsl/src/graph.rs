//! How a workflow looks: its steps with conditions, retries, handlers, loops and branches, drawn in one of three formats.

mod dot;
mod flow;
mod from_plan;
mod from_text;
mod layout;
mod mermaid;
mod svg;

pub use from_plan::graph_of_plan;
pub use from_text::graph_of_file;

/// A workflow to be drawn, with or without the states of a run.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Graph {
    /// The name of the workflow.
    pub name: String,
    /// Its title for people.
    pub title: Option<String>,
    /// Its steps.
    pub body: Vec<Element>,
    /// Its top-level `always` blocks.
    pub cleanup: Vec<Element>,
}

/// One step of a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct Element {
    /// Its path.
    pub path: String,
    /// The word that it begins with.
    pub word: &'static str,
    /// The name of its result; empty if it has none.
    pub name: String,
    /// Facts about it, one a line: what it calls, when it runs, how often it is tried.
    pub facts: Vec<String>,
    /// What it does.
    pub kind: Kind,
    /// What runs when it fails, or when the run does.
    pub handlers: Vec<Handler>,
    /// What became of it, if a run is drawn.
    pub state: Option<State>,
}

/// What a step of a graph does.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// One thing: it calls an action or a workflow, runs a script, waits, writes variables.
    Simple,
    /// Waits for a decision.
    Gate,
    /// Ends the branch or the run as failed.
    Fail,
    /// Takes one of several ways.
    Choice {
        /// The ways with a condition, in order.
        arms: Vec<Arm>,
        /// The way when no condition holds.
        otherwise: Vec<Element>,
    },
    /// Repeats its steps.
    Loop {
        /// Goes on while this holds.
        condition: String,
        /// Whether the condition is tested before the first round.
        test_first: bool,
        /// What each round runs.
        body: Vec<Element>,
    },
    /// Runs steps one after the other.
    Group(Vec<Element>),
    /// Runs its branches beside each other.
    Parallel(Vec<Branch>),
}

/// One way of a choice.
#[derive(Clone, Debug, PartialEq)]
pub struct Arm {
    /// The condition.
    pub condition: String,
    /// Whether the way is taken when the condition does not hold (`unless`).
    pub negated: bool,
    /// Its steps.
    pub body: Vec<Element>,
}

/// One branch of a parallel block.
#[derive(Clone, Debug, PartialEq)]
pub struct Branch {
    /// Its step.
    pub element: Element,
    /// The branches, by their places, that it waits for.
    pub needs: Vec<usize>,
}

/// Steps that run for the sake of another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Handler {
    /// When they run: `on_fail` or `undo`.
    pub word: &'static str,
    /// The steps.
    pub body: Vec<Element>,
}

/// What became of a step in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// It is under way.
    Running,
    /// It waits for its next attempt.
    Waiting,
    /// It completed.
    Completed,
    /// It failed.
    Failed,
    /// It was skipped.
    Skipped,
    /// It was stopped.
    Cancelled,
    /// It was not reached.
    Pending,
}

/// A format that graphs are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Text that GitHub and many editors draw.
    Mermaid,
    /// The language of Graphviz.
    Dot,
    /// A picture.
    Svg,
}

impl Graph {
    /// Returns the graph in a format; the same graph always gives the same text.
    pub fn draw(&self, format: Format) -> String {
        match format {
            Format::Mermaid => mermaid::write(self),
            Format::Dot => dot::write(self),
            Format::Svg => svg::write(self),
        }
    }

    /// Returns whether it shows a run.
    pub fn shows_run(&self) -> bool {
        self.body
            .iter()
            .chain(&self.cleanup)
            .any(|element| element.state.is_some())
    }
}

impl Element {
    /// Returns its first line: word and name, with the sign of its state.
    fn heading(&self) -> String {
        let name = if self.name.is_empty() {
            self.word.to_owned()
        } else {
            format!("{} {}", self.word, self.name)
        };
        match self.state.and_then(State::sign) {
            Some(sign) => format!("{sign} {name}"),
            None => name,
        }
    }
}

impl State {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Running,
        Self::Waiting,
        Self::Completed,
        Self::Failed,
        Self::Skipped,
        Self::Cancelled,
        Self::Pending,
    ];

    /// Returns the word for the state.
    pub fn word(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Completed => "completed",
            Self::Failed => "failed",
            Self::Skipped => "skipped",
            Self::Cancelled => "cancelled",
            Self::Pending => "pending",
        }
    }

    /// Returns the sign that says the same as the colour, for those who do not see it.
    fn sign(self) -> Option<&'static str> {
        match self {
            Self::Running => Some("…"),
            Self::Waiting => Some("●"),
            Self::Completed => Some("✓"),
            Self::Failed => Some("✗"),
            Self::Skipped => Some("–"),
            Self::Cancelled => Some("◌"),
            Self::Pending => None,
        }
    }

    /// Returns the colours of the state where one pair must serve light and dark grounds: ground and ink.
    fn colours(self) -> (&'static str, &'static str) {
        match self {
            Self::Running => ("#cfe3ff", "#0b3d91"),
            Self::Waiting => ("#fff0c2", "#6b4a00"),
            Self::Completed => ("#d3f2d8", "#0f5323"),
            Self::Failed => ("#ffd9d6", "#8a1410"),
            Self::Skipped | Self::Pending => ("#ededed", "#4a4a4a"),
            Self::Cancelled => ("#e6dcf5", "#46287d"),
        }
    }
}

/// Returns `text` on one line, without characters that no picture can show, and not longer than a label may be.
fn label(text: &str) -> String {
    const LONGEST: usize = 64;
    let mut shown = String::new();
    for (count, character) in text.chars().enumerate() {
        if count == LONGEST {
            shown.push('…');
            break;
        }
        shown.push(if character.is_control() { ' ' } else { character });
    }
    shown
}
