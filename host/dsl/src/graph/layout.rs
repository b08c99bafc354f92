//! Where everything in a picture stands: each construct is a piece with an axis on which ways enter and leave it, and
//! pieces are put together from the inside out, so that nothing overlaps.

use super::flow::{lines, order};
use super::{Arm, Branch, Element, Graph, Handler, Kind, State, label};

/// What is drawn, with its place in pixels.
#[derive(Clone, Debug)]
pub(super) enum Mark {
    Box {
        at: Rectangle,
        outline: Outline,
        lines: Vec<String>,
        state: Option<State>,
        path: String,
    },
    Frame {
        at: Rectangle,
        lines: Vec<String>,
        dashed: bool,
        state: Option<State>,
    },
    Line {
        points: Vec<(i32, i32)>,
        arrow: bool,
        dashed: bool,
    },
    /// A way from one branch to another, whose column it may not share.
    Curve {
        from: (i32, i32),
        to: (i32, i32),
    },
    /// Where branches part or meet.
    Bar {
        from: i32,
        to: i32,
        y: i32,
    },
    Word {
        at: (i32, i32),
        text: &'static str,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rectangle {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outline {
    End,
    Step,
    Gate,
    Fail,
    Choice,
}

/// A part of a picture.
#[derive(Clone, Debug, Default)]
pub(super) struct Piece {
    pub(super) width: i32,
    pub(super) height: i32,
    /// Where ways enter at the top and leave at the bottom.
    axis: i32,
    /// Whether a way leaves it.
    continues: bool,
    pub(super) marks: Vec<Mark>,
}

/// The width of a character in the fixed font of pictures, in tenths of a pixel.
const CHARACTER: i32 = 73;
const LINE: i32 = 16;
const GAP: i32 = 28;
const PADDING: i32 = 16;

/// Returns the picture of a graph.
pub(super) fn layout(graph: &Graph) -> Piece {
    let heading = std::iter::once(graph.name.clone()).chain(graph.title.clone()).collect();
    let mut pieces = vec![boxed(heading, Outline::End, None, "")];
    let mut body: Vec<Piece> = graph.body.iter().map(element).collect();
    if let (Some(last), false) = (body.last_mut(), graph.cleanup.is_empty()) {
        // Clean-up runs however the body ends.
        last.continues = true;
    }
    pieces.append(&mut body);
    pieces.extend(graph.cleanup.iter().map(element));
    pieces.push(boxed(vec!["end".to_owned()], Outline::End, None, ""));
    stack(pieces)
}

/// Returns how wide a line is drawn.
fn text_width(text: &str) -> i32 {
    // Characters of East Asian scripts and pictures take two places.
    let places: i32 = text
        .chars()
        .map(|character| {
            if character >= '\u{1100}' && !('\u{2000}'..'\u{2e80}').contains(&character) {
                2
            } else {
                1
            }
        })
        .sum();
    places * CHARACTER / 10
}

fn shown(lines: &[String]) -> Vec<String> {
    lines.iter().map(|line| label(line)).collect()
}

fn count(lines: &[String]) -> i32 {
    i32::try_from(lines.len()).unwrap_or(i32::MAX)
}

fn widest(lines: &[String]) -> i32 {
    lines.iter().map(|line| text_width(line)).max().unwrap_or(0)
}

fn boxed(lines: Vec<String>, outline: Outline, state: Option<State>, path: &str) -> Piece {
    let lines = shown(&lines);
    let slant = match outline {
        Outline::Choice | Outline::Gate | Outline::Fail => 36,
        Outline::End | Outline::Step => 24,
    };
    // An even width has its axis on a pixel.
    let width = (widest(&lines) + slant).max(64) / 2 * 2;
    let height = count(&lines) * LINE + 12;
    Piece {
        width,
        height,
        axis: width / 2,
        continues: outline != Outline::Fail,
        marks: vec![Mark::Box {
            at: Rectangle {
                x: 0,
                y: 0,
                width,
                height,
            },
            outline,
            lines,
            state,
            path: path.to_owned(),
        }],
    }
}

fn element(element: &Element) -> Piece {
    let piece = match &element.kind {
        Kind::Simple => simple(element, Outline::Step),
        Kind::Gate => simple(element, Outline::Gate),
        Kind::Fail => simple(element, Outline::Fail),
        Kind::Choice { arms, otherwise } => choice(arms, otherwise, element),
        Kind::Loop {
            condition,
            test_first,
            body,
        } => framed(&repeat(condition, *test_first, body), element),
        Kind::Group(body) => framed(&stack(body.iter().map(self::element).collect()), element),
        Kind::Parallel(branches) => framed(&parallel(branches), element),
    };
    with_handlers(piece, &element.handlers)
}

fn simple(element: &Element, outline: Outline) -> Piece {
    boxed(lines(element), outline, element.state, &element.path)
}

impl Piece {
    /// Adds the marks of `other`, moved.
    fn add(&mut self, other: Self, x: i32, y: i32) {
        self.width = self.width.max(x + other.width);
        self.height = self.height.max(y + other.height);
        self.marks.extend(other.marks.into_iter().map(|mark| mark.moved(x, y)));
    }

    fn line(&mut self, points: &[(i32, i32)], arrow: bool) {
        self.marks.push(Mark::Line {
            points: points.to_vec(),
            arrow,
            dashed: false,
        });
    }
}

impl Mark {
    fn moved(mut self, x: i32, y: i32) -> Self {
        let point = |point: &mut (i32, i32)| {
            point.0 += x;
            point.1 += y;
        };
        match &mut self {
            Self::Box { at, .. } | Self::Frame { at, .. } => {
                at.x += x;
                at.y += y;
            }
            Self::Line { points, .. } => points.iter_mut().for_each(point),
            Self::Curve { from, to } => {
                point(from);
                point(to);
            }
            Self::Bar { from, to, y: at } => {
                *from += x;
                *to += x;
                *at += y;
            }
            Self::Word { at, .. } => point(at),
        }
        self
    }
}

/// Returns pieces one below the other, with arrows between them.
fn stack(pieces: Vec<Piece>) -> Piece {
    let mut whole = Piece {
        axis: pieces.iter().map(|piece| piece.axis).max().unwrap_or(0),
        continues: true,
        ..Piece::default()
    };
    let mut y = 0;
    for (place, piece) in pieces.into_iter().enumerate() {
        let axis = whole.axis;
        if place > 0 {
            if whole.continues {
                whole.line(&[(axis, y), (axis, y + GAP)], true);
            }
            y += GAP;
        }
        whole.continues = piece.continues;
        let (x, height) = (axis - piece.axis, piece.height);
        whole.add(piece, x, y);
        y += height;
    }
    whole
}

/// Returns the piece with a frame around it that says what it is.
fn framed(inner: &Piece, element: &Element) -> Piece {
    frame(inner, shown(&lines(element)), false, element.state)
}

fn frame(inner: &Piece, lines: Vec<String>, dashed: bool, state: Option<State>) -> Piece {
    let head = count(&lines) * LINE + 12;
    let width = (inner.width.max(widest(&lines)) + 2 * PADDING).max(80);
    let height = head + inner.height + PADDING;
    let mut whole = Piece {
        width,
        height,
        axis: PADDING + inner.axis,
        continues: inner.continues,
        marks: vec![Mark::Frame {
            at: Rectangle {
                x: 0,
                y: 0,
                width,
                height,
            },
            lines,
            dashed,
            state,
        }],
    };
    whole.add(inner.clone(), PADDING, head);
    if whole.continues && inner.height > 0 {
        let axis = whole.axis;
        whole.line(&[(axis, height - PADDING), (axis, height)], false);
    }
    whole
}

/// Returns the piece with its handlers at its right.
fn with_handlers(piece: Piece, handlers: &[Handler]) -> Piece {
    let mut whole = piece;
    let right = whole.width;
    let mut y = 0;
    for handler in handlers.iter().filter(|handler| !handler.body.is_empty()) {
        let body = stack(handler.body.iter().map(element).collect());
        let body = frame(
            &Piece {
                continues: false,
                ..body
            },
            vec![handler.word.to_owned()],
            true,
            None,
        );
        let height = body.height;
        let from = 14.min(whole.height / 2);
        whole.marks.push(Mark::Line {
            points: vec![
                (right, from),
                (right + GAP / 2, from),
                (right + GAP / 2, y + 14),
                (right + GAP, y + 14),
            ],
            arrow: true,
            dashed: true,
        });
        // The way on leaves at the bottom of all of it.
        let continues = (whole.axis, whole.height);
        whole.add(body, right + GAP, y);
        if whole.continues && whole.height > continues.1 {
            let height = whole.height;
            whole.line(&[continues, (continues.0, height)], false);
        }
        y += height + 12;
    }
    whole
}

/// Returns the first of `arms` with what else there is at its right.
fn choice(arms: &[Arm], otherwise: &[Element], of: &Element) -> Piece {
    let Some((arm, rest)) = arms.split_first() else {
        return stack(otherwise.iter().map(element).collect());
    };
    let test = boxed(vec![arm.condition.clone()], Outline::Choice, of.state, &of.path);
    let yes = stack(arm.body.iter().map(element).collect());
    let no = choice(rest, otherwise, of);
    let axis = (test.width / 2).max(yes.axis);
    let (corner, middle, below) = (axis + test.width / 2, test.height / 2, test.height + GAP);
    let column = corner.max(axis - yes.axis + yes.width) + GAP;
    let (taken, not) = if arm.negated { ("no", "yes") } else { ("yes", "no") };
    let bottom = below + yes.height.max(no.height) + GAP / 2;
    let mut whole = Piece {
        axis,
        continues: yes.continues || no.continues,
        ..Piece::default()
    };
    whole.marks.push(Mark::Word {
        at: (axis + 6, test.height + 18),
        text: taken,
    });
    whole.marks.push(Mark::Word {
        at: (corner + 6, middle - 5),
        text: not,
    });
    whole.line(&[(axis, test.height), (axis, below)], yes.height > 0);
    let aside = column + no.axis;
    whole.line(&[(corner, middle), (aside, middle), (aside, below)], no.height > 0);
    if yes.continues {
        whole.line(&[(axis, below + yes.height), (axis, bottom)], false);
    }
    if no.continues {
        let joins = bottom - 4;
        whole.line(
            &[
                (aside, below + no.height),
                (aside, joins),
                (axis, joins),
                (axis, bottom),
            ],
            false,
        );
    }
    whole.add(test, axis - (corner - axis), 0);
    whole.add(yes.clone(), axis - yes.axis, below);
    whole.add(no, column, below);
    whole.height = bottom;
    whole
}

/// Returns a loop: its way back runs at the left.
fn repeat(condition: &str, test_first: bool, body: &[Element]) -> Piece {
    const BACK: i32 = 22;
    /// As much more as the word beside it takes, where it leaves the test at the left.
    const WORD: i32 = 20;
    let test = boxed(vec![condition.to_owned()], Outline::Choice, None, "");
    let body = stack(body.iter().map(element).collect());
    let back = if test_first { BACK } else { BACK + WORD };
    let axis = back + (test.width / 2).max(body.axis);
    let mut whole = Piece {
        axis,
        continues: true,
        ..Piece::default()
    };
    let (left, right) = (axis - test.width / 2, axis + test.width / 2);
    if test_first {
        let middle = test.height / 2;
        let top = test.height + GAP;
        let bottom = top + body.height;
        let out = right.max(axis - body.axis + body.width) + 14;
        whole.line(&[(axis, test.height), (axis, top)], body.height > 0);
        whole.marks.push(Mark::Word {
            at: (axis + 6, test.height + 18),
            text: "yes",
        });
        whole.marks.push(Mark::Word {
            at: (right + 6, middle - 5),
            text: "no",
        });
        if body.continues {
            let turn = bottom + 10;
            whole.line(
                &[(axis, bottom), (axis, turn), (4, turn), (4, middle), (left, middle)],
                true,
            );
        }
        let leave = bottom + 20;
        whole.line(
            &[
                (right, middle),
                (out, middle),
                (out, leave),
                (axis, leave),
                (axis, leave + 6),
            ],
            false,
        );
        whole.add(body.clone(), axis - body.axis, top);
        whole.add(test, left, 0);
        whole.width = whole.width.max(out + 4);
        whole.height = leave + 6;
    } else {
        let top = GAP;
        let test_at = top + body.height + GAP;
        let middle = test_at + test.height / 2;
        whole.line(&[(axis, 0), (axis, top)], true);
        if body.continues {
            whole.line(&[(axis, top + body.height), (axis, test_at)], true);
        }
        whole.line(&[(left, middle), (4, middle), (4, 8), (axis, 8)], true);
        whole.marks.push(Mark::Word {
            at: (left - 30, middle - 5),
            text: "yes",
        });
        whole.marks.push(Mark::Word {
            at: (axis + 6, test_at + test.height + 14),
            text: "no",
        });
        let bottom = test_at + test.height;
        whole.line(&[(axis, bottom), (axis, bottom + 18)], false);
        whole.add(body.clone(), axis - body.axis, top);
        whole.add(test, left, test_at);
        whole.height = bottom + 18;
    }
    whole
}

/// One branch in the grid of a parallel block.
struct Cell {
    piece: Piece,
    column: usize,
    row: usize,
}

/// Returns branches beside each other: who waits for another stands below it, in its column if that is free.
fn parallel(branches: &[Branch]) -> Piece {
    let order = order(branches);
    let mut cells: Vec<Option<Cell>> = branches.iter().map(|_| None).collect();
    let mut last_of_column: Vec<usize> = Vec::new();
    for place in order {
        let needs = &branches[place].needs;
        let row = needs
            .iter()
            .filter_map(|need| cells[*need].as_ref())
            .map(|cell| cell.row + 1)
            .max()
            .unwrap_or(0);
        let below = needs
            .iter()
            .find_map(|need| last_of_column.iter().position(|last| last == need));
        let column = below.unwrap_or(last_of_column.len());
        match last_of_column.get_mut(column) {
            Some(last) => *last = place,
            None => last_of_column.push(place),
        }
        cells[place] = Some(Cell {
            piece: element(&branches[place].element),
            column,
            row,
        });
    }
    let cells: Vec<Cell> = cells.into_iter().flatten().collect();
    let (axes, gutters) = axes(&cells, last_of_column.len());
    let (tops, bottom) = tops(&cells);
    let mut whole = Piece {
        axis: i32::midpoint(axes.first().copied().unwrap_or(0), axes.last().copied().unwrap_or(0)),
        continues: true,
        ..Piece::default()
    };
    let (first, last) = (
        axes.first().map_or(0, |axis| axis - 20),
        axes.last().map_or(0, |axis| axis + 20),
    );
    let end = bottom + GAP - 6;
    for y in [2, end] {
        whole.marks.push(Mark::Bar {
            from: first,
            to: last,
            y,
        });
    }
    let mut needed = vec![false; branches.len()];
    let mut detours = 0;
    for (branch, cell) in branches.iter().zip(&cells) {
        let to = (axes[cell.column], tops[cell.row]);
        if branch.needs.is_empty() {
            whole.line(&[(to.0, 4), to], true);
        }
        for need in &branch.needs {
            needed[*need] = true;
            let from = &cells[*need];
            let at = (axes[from.column], tops[from.row] + from.piece.height);
            if cell.row > from.row + 1 {
                // Past the rows between them, where no column has a box.
                let gutter = gutters[from.column.min(cell.column)] + 4 * (detours % 3 - 1);
                detours += 1;
                let (leave, arrive) = (tops[from.row + 1] - GAP + 8, to.1 - 12);
                let points = [at, (at.0, leave), (gutter, leave), (gutter, arrive), (to.0, arrive), to];
                whole.line(&points, true);
                whole.width = whole.width.max(gutter + 4);
            } else if from.column == cell.column {
                whole.line(&[at, to], true);
            } else {
                whole.marks.push(Mark::Curve { from: at, to });
            }
        }
    }
    for (cell, needed) in cells.into_iter().zip(needed) {
        let (axis, top) = (axes[cell.column], tops[cell.row]);
        if !needed && cell.piece.continues {
            whole.line(&[(axis, top + cell.piece.height), (axis, end - 2)], false);
        }
        let x = axis - cell.piece.axis;
        whole.add(cell.piece, x, top);
    }
    whole.width = whole.width.max(last);
    whole.height = end + 4;
    whole
}

/// Returns the axis of each column, and the middle of the gap at its right.
fn axes(cells: &[Cell], columns: usize) -> (Vec<i32>, Vec<i32>) {
    let mut left = vec![20; columns];
    let mut right = vec![20; columns];
    for cell in cells {
        left[cell.column] = left[cell.column].max(cell.piece.axis);
        right[cell.column] = right[cell.column].max(cell.piece.width - cell.piece.axis);
    }
    let mut x = 0;
    left.iter()
        .zip(right)
        .map(|(left, right)| {
            let axis = x + left;
            x = axis + right + GAP;
            (axis, x - GAP / 2)
        })
        .unzip()
}

/// Returns where each row begins, and where the last one ends.
fn tops(cells: &[Cell]) -> (Vec<i32>, i32) {
    let rows = cells.iter().map(|cell| cell.row + 1).max().unwrap_or(0);
    let mut heights = vec![0; rows];
    for cell in cells {
        heights[cell.row] = heights[cell.row].max(cell.piece.height);
    }
    let mut y = 4 + GAP;
    let mut tops = Vec::with_capacity(rows);
    for height in heights {
        tops.push(y);
        y += height + GAP;
    }
    (tops, y - GAP)
}

#[cfg(test)]
mod tests {
    use super::{Mark, layout};
    use crate::graph::graph_of_file;
    use crate::parser::parse;

    /// Returns each horizontal or vertical piece of a way that runs under a box, or through a word.
    fn crossings(text: &str) -> Vec<String> {
        let (file, found) = parse(text);
        assert!(found.is_empty(), "{found:?}");
        let picture = layout(&graph_of_file(&file));
        let areas: Vec<(i32, i32, i32, i32, String)> = picture
            .marks
            .iter()
            .filter_map(|mark| match mark {
                Mark::Box { at, lines, .. } => Some((at.x, at.y, at.x + at.width, at.y + at.height, lines.join(" "))),
                Mark::Word { at, text } => {
                    let width = super::text_width(text);
                    Some((at.0 - 1, at.1 - 10, at.0 + width, at.1, (*text).to_owned()))
                }
                _ => None,
            })
            .collect();
        let mut crossings = Vec::new();
        for mark in &picture.marks {
            let Mark::Line { points, .. } = mark else { continue };
            for ends in points.windows(2) {
                let (left, right) = (ends[0].0.min(ends[1].0), ends[0].0.max(ends[1].0));
                let (top, bottom) = (ends[0].1.min(ends[1].1), ends[0].1.max(ends[1].1));
                for (x, y, to_x, to_y, name) in &areas {
                    if left < *to_x && right > *x && top < *to_y && bottom > *y {
                        crossings.push(format!("{ends:?} runs under {name}"));
                    }
                }
            }
        }
        crossings
    }

    #[test]
    fn no_way_runs_under_a_box_or_through_a_word() {
        let needs = "workflow w edition 1 { parallel {
            call a { use = fs.list }
            call b { use = fs.list  needs = [a] }
            call c { use = fs.list  needs = [a, b] }
            call d { use = fs.list  needs = [c, a, b] }
            call other-with-a-long-name { use = fs.list }
        } }";
        assert_eq!(crossings(needs), [""; 0]);
        let repeated = "workflow w edition 1 {
            do { max_iterations = 3  call a } while a.more
            while a.more { max_iterations = 3  call b }
        }";
        assert_eq!(crossings(repeated), [""; 0]);
    }
}
