//! What does a power cut leave of the log, whenever it comes?

use cofferdam_engine::{Append, Data, Request, RunId, RunStatus, Timestamp};
use cofferdam_store::{Fate, NewMessage, RunFilter, RunLog, Ticket, Urgency};
use cofferdam_testkit::conformance::{answer, append, completed, first, new_run};
use cofferdam_testkit::disk::Recording;
use std::collections::BTreeMap;
use tempfile::TempDir;

/// How many cuts are tried, and what they follow from; a campaign sets others.
const CUTS: &str = "COFFERDAM_POWER_CUTS";
const SEED: &str = "COFFERDAM_POWER_SEED";
const USUALLY: usize = 150;

const RUNS: u32 = 4;

/// A random sequence that is the same each time (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, most: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let drawn = (mixed ^ (mixed >> 31)) % u64::try_from(most).unwrap();
        usize::try_from(drawn).unwrap()
    }
}

/// Something that was acknowledged, and after how many operations on the disk.
enum Fact {
    /// A run has at least so many events, and was claimed so often.
    Recorded(RunId, u64, u64),
    /// A message was posted to a run.
    Posted(RunId),
}

/// A log that was written while its disk was recorded.
struct Story {
    recording: Recording,
    facts: Vec<(usize, Fact)>,
    /// What each run was given, in order.
    handed: BTreeMap<RunId, Vec<cofferdam_engine::Recorded>>,
    // Kept for the recording, which is of this place.
    _directory: TempDir,
}

/// Writes to some runs what hosts write: starts, small and large results, lines of guests, messages, and enough for a
/// checkpoint; with waits for the disk and without. Now and then a run is claimed, which waits for nothing.
fn write() -> Story {
    let directory = TempDir::new().unwrap();
    let recording = Recording::of(directory.path());
    let mut facts = Vec::new();
    let mut handed: BTreeMap<RunId, Vec<cofferdam_engine::Recorded>> = BTreeMap::new();
    let log = crate::open(directory.path(), "before");
    let mut tell = |run: RunId, append: &Append| handed.entry(run).or_default().extend(append.events.iter().cloned());
    for number in 0..RUNS {
        let run = new_run(number);
        let first = first(&run);
        tell(run.id, &first);
        assert!(log.begin(run.clone(), first).wait().position().is_some());
        facts.push((recording.position(), Fact::Recorded(run.id, 1, 1)));
    }
    let mut versions = [1_u64; RUNS as usize];
    let mut generations = [1_u64; RUNS as usize];
    for round in 0..90_u64 {
        if round % 7 == 0 {
            let number = u32::try_from(round % u64::from(RUNS)).unwrap();
            let flushes = log.statistics().flushes;
            generations[number as usize] = answer(log.claim(new_run(number).id)).unwrap().generation.0;
            assert_eq!(log.statistics().flushes, flushes, "a claim does not wait for the disk");
        }
        // Two results that nobody waits for, then one of another run that somebody does.
        let mut tickets: Vec<(Fact, Ticket)> = Vec::new();
        for (offset, urgency) in [(0, Urgency::Later), (1, Urgency::Soon), (2, Urgency::Now)] {
            let number = u32::try_from((round + offset) % u64::from(RUNS)).unwrap();
            let run = new_run(number).id;
            let version = &mut versions[number as usize];
            let size = if round % 5 == 0 { 3_000 } else { 3 };
            let large = Data::list((0..size).map(|item| Data::Int(item + round as i64)));
            let events = vec![completed("small", Data::Int(1)), completed("large", large)];
            let generation = generations[number as usize];
            let append = append(run, generation, *version, RunStatus::Running, events);
            tell(run, &append);
            *version += 2;
            let fact = Fact::Recorded(run, *version, generation);
            tickets.push((fact, log.hand_over_within(append, urgency)));
        }
        // All of them: what was handed over before something urgent is durable with it.
        for (fact, ticket) in tickets {
            assert!(matches!(ticket.wait(), Fate::Durable(_)));
            facts.push((recording.position(), fact));
        }
        if round % 5 == 0 {
            let run = new_run(u32::try_from(round % u64::from(RUNS)).unwrap()).id;
            let request = Request::Cancel {
                reason: "enough".to_owned(),
            };
            let at = Timestamp::from_millis(5_000);
            answer(log.post(NewMessage::new(run, at, "somebody".to_owned(), request))).unwrap();
            facts.push((recording.position(), Fact::Posted(run)));
        }
        log.note(cofferdam_store::LogLine {
            run: new_run(0).id,
            step: cofferdam_engine::StepPath::new("step"),
            occurrence: cofferdam_engine::Occurrence::default(),
            attempt: 1,
            delivery: 1,
            at: Timestamp::from_millis(1),
            level: cofferdam_store::LogLevel::Info,
            message: "at work".to_owned(),
            fields: Data::Null,
        });
    }
    // Closing moves everything into one file, which is cut short as well.
    drop(log);
    Story {
        recording,
        facts,
        handed,
        _directory: directory,
    }
}

impl Story {
    /// Opens what a power cut has left, and holds it against what was acknowledged before.
    fn check(&self, position: usize, dice: &mut Dice) {
        let directory = quick_directory();
        self.recording
            .cut(position, |most| dice.below(most), directory.path())
            .unwrap();
        let log = crate::open(directory.path(), "after");
        let mut posted: BTreeMap<RunId, usize> = BTreeMap::new();
        for (_, fact) in self.facts.iter().take_while(|(at, _)| *at <= position) {
            match fact {
                Fact::Recorded(run, version, generation) => {
                    let summary = answer(log.run(*run)).unwrap();
                    let found = summary.map(|summary| (summary.version.0, summary.generation.0));
                    assert!(
                        found.is_some_and(|(events, claims)| events >= *version && claims >= *generation),
                        "cut at {position}: {found:?} events and claims of {run}, acknowledged were {version}, {generation}"
                    );
                }
                Fact::Posted(run) => *posted.entry(*run).or_default() += 1,
            }
        }
        for (run, count) in posted {
            let found = answer(log.unanswered(cofferdam_store::Inbox::Of(run))).unwrap().len();
            assert!(
                found >= count,
                "cut at {position}: {found} messages of {count} for {run}"
            );
        }
        for summary in answer(log.runs(RunFilter::default())).unwrap() {
            let events = answer(log.events(summary.id, 0, usize::MAX)).unwrap();
            // The row and its events are of the same append, and the events are what was handed over.
            assert_eq!(events.len() as u64, summary.version.0, "cut at {position}");
            assert!(self.handed[&summary.id].starts_with(&events), "cut at {position}");
        }
        assert_eq!(
            answer(log.findings()).unwrap(),
            Vec::<String>::new(),
            "cut at {position}"
        );
        // It goes on from there.
        let run = new_run(u32::try_from(dice.below(RUNS as usize)).unwrap()).id;
        if answer(log.run(run)).unwrap().is_some() {
            let claim = answer(log.claim(run)).unwrap();
            let events = vec![completed("after", Data::Null)];
            let next = append(run, claim.generation.0, claim.version.0, RunStatus::Running, events);
            assert!(log.hand_over(next).wait().position().is_some(), "cut at {position}");
        }
    }
}

/// Returns a directory in memory, if there is such a place: what a cut has left need not survive another one.
fn quick_directory() -> TempDir {
    TempDir::new_in("/dev/shm").or_else(|_| TempDir::new()).unwrap()
}

fn number(name: &str, usually: usize) -> usize {
    std::env::var(name).map_or(usually, |set| set.parse().expect("a number is set"))
}

// row J04
// row J14
#[test]
fn nothing_that_was_acknowledged_is_lost_in_a_power_cut() {
    let story = write();
    let mut dice = Dice(number(SEED, 1) as u64);
    let operations = story.recording.position();
    assert!(story.facts.len() > 150 && operations > 1_000, "{operations} operations");
    for _ in 0..number(CUTS, USUALLY) {
        let position = dice.below(operations + 1);
        story.check(position, &mut dice);
    }
}

#[test]
fn a_disk_that_says_it_synced_and_did_not_is_found_out() {
    // Without its syncs the same story must lose something, or the cuts cut nothing.
    let story = write();
    let mut dice = Dice(1);
    let lost = (0..40).any(|_| {
        let position = story.recording.position() / 2 + dice.below(story.recording.position() / 2);
        let directory = quick_directory();
        story
            .recording
            .cut_of_a_liar(position, |most| dice.below(most), directory.path())
            .unwrap();
        let opened = std::panic::catch_unwind(|| crate::open(directory.path(), "after"));
        let Ok(log) = opened else { return true };
        story
            .facts
            .iter()
            .take_while(|(at, _)| *at <= position)
            .any(|(_, fact)| {
                let Fact::Recorded(run, version, _) = fact else {
                    return false;
                };
                !answer(log.run(*run)).is_ok_and(|summary| summary.is_some_and(|summary| summary.version.0 >= *version))
            })
    });
    assert!(lost);
}
