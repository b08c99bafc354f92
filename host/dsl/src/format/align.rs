//! Columns: where the author made neighbouring lines agree, they agree in the canonical form too.

use std::ops::Range;

/// What a place where columns can meet stands before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StopKind {
    /// The equals sign of an attribute or a pair on a line of its own.
    Equals,
    /// The brace of a map or a handler without equals sign.
    Brace,
    /// The brace of a step on one line.
    Step,
    /// The first property of an input.
    Property,
    /// A further pair, property or node between braces on one line.
    Cell,
    /// The comment at the end of a line.
    Comment,
}

impl StopKind {
    /// Returns how many blanks stand here in a line that agrees with no other.
    pub(super) fn blanks(self) -> usize {
        match self {
            Self::Equals | Self::Brace | Self::Step | Self::Property => 1,
            Self::Cell | Self::Comment => 2,
        }
    }

    /// Returns whether a line follows its neighbours although its author did not write it so: names that were
    /// added or changed later. Braces and cells stand where they are, most of them belong to no column.
    fn follows(self) -> bool {
        matches!(self, Self::Equals | Self::Property | Self::Comment)
    }
}

/// A place where columns can meet.
#[derive(Clone, Debug)]
pub(super) struct Stop {
    /// Where its blanks begin in the text.
    pub(super) at: usize,
    /// How many blanks the author wrote.
    pub(super) written: usize,
    pub(super) kind: StopKind,
}

/// A line that can agree with its neighbours.
struct Line<'a> {
    indentation: usize,
    /// Where the text of the line begins.
    start: usize,
    stops: &'a [Stop],
    /// How many blanks each stop gets.
    blanks: Vec<usize>,
}

impl Line<'_> {
    /// Returns the column where the blanks of stop `index` begin, counted with `blanks` before it.
    fn width(&self, text: &str, index: usize, blanks: impl Fn(usize) -> usize) -> usize {
        let characters = text[self.start..self.stops[index].at].chars().count();
        let more: usize = (0..index)
            .map(|before| blanks(before) - self.stops[before].kind.blanks())
            .sum();
        characters + more
    }
}

/// Returns `text` with more blanks at those stops where neighbouring lines agree.
///
/// `asides` are the beginnings of lines that hold nothing but a comment: they come between no neighbours.
pub(super) fn aligned(text: &str, stops: &[Stop], asides: &[usize]) -> String {
    if stops.iter().all(|stop| stop.written <= stop.kind.blanks()) {
        return text.to_owned();
    }
    let mut result = String::with_capacity(text.len() + text.len() / 8);
    let mut taken = 0;
    let mut asides = asides.iter().copied().peekable();
    let mut run: Vec<Line<'_>> = Vec::new();
    let mut start = 0;
    let mut next = 0;
    for line in text.split_inclusive('\n') {
        let end = start + line.len();
        let first = next;
        next += stops[first..].iter().take_while(|stop| stop.at < end).count();
        let indentation = line.len() - line.trim_start_matches(' ').len();
        let aside = asides.next_if(|aside| *aside < end).is_some();
        if next > first {
            if run.last().is_some_and(|last| last.indentation != indentation) {
                finish(&mut run, text, &mut result, &mut taken);
            }
            run.push(Line {
                indentation,
                start,
                stops: &stops[first..next],
                blanks: Vec::new(),
            });
        } else if !aside {
            finish(&mut run, text, &mut result, &mut taken);
        }
        start = end;
    }
    finish(&mut run, text, &mut result, &mut taken);
    result.push_str(&text[taken..]);
    result
}

/// Writes the lines of a run up to the last stop of each.
fn finish(run: &mut Vec<Line<'_>>, text: &str, result: &mut String, taken: &mut usize) {
    for index in 0..run.iter().map(|line| line.stops.len()).max().unwrap_or(0) {
        let mut at = 0;
        while at < run.len() {
            let range = neighbours(run, at, index);
            at = range.end.max(at + 1);
            agree(&mut run[range], text, index);
        }
    }
    for line in run.drain(..) {
        for (stop, blanks) in line.stops.iter().zip(line.blanks) {
            result.push_str(&text[*taken..stop.at]);
            result.extend(std::iter::repeat_n(' ', blanks - stop.kind.blanks()));
            *taken = stop.at;
        }
    }
}

/// Returns the lines from `first` on that have a stop of one kind at `index`.
fn neighbours(run: &[Line<'_>], first: usize, index: usize) -> Range<usize> {
    let kind = |line: &Line<'_>| line.stops.get(index).map(|stop| stop.kind);
    // An equals sign and a brace share the column of an attribute.
    let class = |kind: StopKind| {
        if kind == StopKind::Brace {
            StopKind::Equals
        } else {
            kind
        }
    };
    let Some(wanted) = kind(&run[first]).map(class) else {
        return first..first;
    };
    let more = run[first..]
        .iter()
        .take_while(|line| kind(line).map(class) == Some(wanted));
    first..first + more.count()
}

/// Gives stop `index` of neighbouring lines its blanks.
fn agree(lines: &mut [Line<'_>], text: &str, index: usize) {
    struct Place {
        /// Where the blanks begin in the text that is being made.
        width: usize,
        /// The column that the author gave to what follows.
        written: usize,
        least: usize,
        padded: bool,
        follows: bool,
    }
    let places: Vec<Place> = lines
        .iter()
        .map(|line| {
            let Stop { written, kind, .. } = line.stops[index];
            let as_written = |before: usize| line.stops[before].written.max(line.stops[before].kind.blanks());
            Place {
                width: line.width(text, index, |before| line.blanks[before]),
                written: line.width(text, index, as_written) + written.max(kind.blanks()),
                least: kind.blanks(),
                padded: written > kind.blanks(),
                follows: kind.follows(),
            }
        })
        .collect();
    let agreeing = places.iter().enumerate().filter(|(at, place)| {
        let twin = |(other, it): (usize, &Place)| other != *at && it.written == place.written;
        place.padded && places.iter().enumerate().any(twin)
    });
    let Some(column) = agreeing.map(|(_, place)| place.written).max() else {
        for (line, place) in lines.iter_mut().zip(&places) {
            line.blanks.push(place.least);
        }
        return;
    };
    let joins = |place: &Place| place.follows || place.padded;
    // Names of inputs stand one or two blanks before what is said about them, as the author likes.
    let of_input = lines.iter().all(|line| line.stops[index].kind == StopKind::Property);
    let narrow = lines.iter().any(|line| line.stops[index].written < 2);
    let gap = |place: &Place| if of_input && !narrow { 2 } else { place.least };
    let reach = places
        .iter()
        .filter(|place| joins(place) || place.width + gap(place) <= column)
        .map(|place| place.width + gap(place))
        .max()
        .unwrap_or(column);
    for (line, place) in lines.iter_mut().zip(&places) {
        line.blanks.push(match joins(place) {
            true => reach - place.width,
            false => place.least,
        });
    }
}
