//! Whether everything acknowledged is there, and nothing by half, after a process is killed while it writes.

use cofferdam_engine::{Data, RunId, RunStatus};
use cofferdam_store::{ClaimError, Fate, RunFilter, RunLog};
use cofferdam_testkit::conformance::{answer, append, completed, first, new_run};
use std::collections::BTreeMap;
use std::io::{self, BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use tempfile::TempDir;

/// Tells the re-executed test that it is the child, and where to write.
const CHILD: &str = "COFFERDAM_STORE_CRASH_CHILD";

const RUNS: u32 = 5;

/// Writes to five runs for ever and says on stdout what is durable.
fn write_for_ever(directory: &Path) -> ! {
    let log = crate::open(directory, "child");
    let mut out = io::stdout();
    for number in 0..RUNS {
        let run = new_run(number);
        let fate = log.begin(run.clone(), first(&run)).wait();
        assert!(fate.position().is_some(), "{fate:?}");
        writeln!(out, "\ndurable {number} 1").expect("the parent reads");
    }
    let mut version = 1;
    loop {
        let tickets: Vec<_> = (0..RUNS)
            .map(|number| {
                let large = Data::list((0..20_000).map(|item| Data::Int(item + version as i64)));
                let events = vec![completed("small", Data::Int(1)), completed("large", large)];
                log.hand_over(append(new_run(number).id, 1, version, RunStatus::Running, events))
            })
            .collect();
        version += 2;
        for (number, ticket) in tickets.into_iter().enumerate() {
            if let Fate::Durable(_) = ticket.wait() {
                writeln!(out, "durable {number} {version}").expect("the parent reads");
            }
        }
    }
}

/// A child that writes.
struct Writing {
    child: Child,
    said: Lines<BufReader<ChildStdout>>,
    /// The version up to which each run is durable, as far as it was read.
    acknowledged: BTreeMap<u32, u64>,
}

impl Writing {
    /// Starts the child as `test` of this binary.
    fn start(test: &str, directory: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture"])
            .env(CHILD, directory)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let said = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child,
            said,
            acknowledged: BTreeMap::new(),
        }
    }

    /// Reads on until `count` more appends were acknowledged, or the child is gone.
    fn read(&mut self, count: usize) {
        let durable = self.said.by_ref().filter_map(|line| {
            let line = line.unwrap();
            let (run, version) = line.strip_prefix("durable ")?.split_once(' ')?;
            Some((run.parse::<u32>().ok()?, version.parse::<u64>().ok()?))
        });
        for (run, version) in durable.take(count) {
            self.acknowledged.insert(run, version);
        }
    }

    /// Kills the child with SIGKILL and reads what it had still said.
    fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.read(usize::MAX);
    }
}

// row J04
#[test]
fn what_was_acknowledged_survives_kill_9_and_nothing_is_half_there() {
    if let Some(directory) = std::env::var_os(CHILD) {
        write_for_ever(Path::new(&directory));
    }
    for lines in [1, 7, 60, 150] {
        let directory = TempDir::new().unwrap();
        let test = "crash::what_was_acknowledged_survives_kill_9_and_nothing_is_half_there";
        let mut writing = Writing::start(test, directory.path());
        writing.read(lines);
        writing.kill();
        assert!(!writing.acknowledged.is_empty());
        let log = crate::open(directory.path(), "parent");
        for (number, version) in &writing.acknowledged {
            let run = new_run(*number).id;
            let claim = answer(log.claim(run)).unwrap();
            assert!(claim.version.0 >= *version, "{} of {version}", claim.version.0);
        }
        for summary in answer(log.runs(RunFilter::default())).unwrap() {
            let events = answer(log.events(summary.id, 0, usize::MAX)).unwrap();
            // Reading checks numbers and digests; the row and the events are of the same append.
            assert_eq!(events.len() as u64, summary.version.0);
            assert_eq!(summary.version.0 % 2, 1);
        }
        assert_eq!(answer(log.findings()).unwrap(), Vec::<String>::new());
    }
}

#[test]
fn a_run_of_another_process_is_refused_while_it_lives_and_free_at_once_when_it_is_killed() {
    if let Some(directory) = std::env::var_os(CHILD) {
        write_for_ever(Path::new(&directory));
    }
    let directory = TempDir::new().unwrap();
    let test = "crash::a_run_of_another_process_is_refused_while_it_lives_and_free_at_once_when_it_is_killed";
    let mut writing = Writing::start(test, directory.path());
    writing.read(5);
    let log = crate::open(directory.path(), "parent");
    let run: RunId = new_run(0).id;
    match answer(log.claim(run)) {
        Err(ClaimError::Owned { host, pid, .. }) => {
            assert_eq!((host.as_str(), pid), ("child", writing.child.id()));
        }
        other => panic!("not refused: {other:?}"),
    }
    writing.kill();
    let claim = answer(log.claim(run)).unwrap();
    assert_eq!(claim.generation.0, 2);
}
