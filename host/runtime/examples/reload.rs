//! Does a call fail while the file of its plugin is replaced? `cargo xtask reload [--seconds N] [--rate N]`

use cofferdam_engine::event::Ending;
use cofferdam_engine::{Data, Digest, Event, Plan, RunId};
use cofferdam_runtime::{Driven, Embedded, Unobserved, Workflow, used};
use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{MissedTickBehavior, interval, sleep};

/// One call.
const ONCE: &str = r#"workflow once edition 1 {
  inputs { n type = number required }
  call which { use = edition.which  params { n = (inputs.n) } }
  outputs {
    edition = (steps.which.output.edition)
    n       = (steps.which.output.n)
  }
}
"#;

/// Many calls that belong together: whatever is put in the place of their plugin, they are served by one build.
const OFTEN: &str = r#"workflow often edition 1 {
  set { n = 0 }
  while (vars.n < 100) {
    max_iterations = 100
    call which { use = edition.which  params { n = (vars.n) } }
    set { n = (vars.n + 1) }
  }
}
"#;

/// What stands in the bytes of the component, and is another number in each build.
const MARK: &[u8] = b"edition of the guest is ";
/// The most calls that are under way.
const MOST_CALLS: usize = 64;
/// How long a build that was put there may take until it serves, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// What happens to the plugin, and how often it is called meanwhile.
pub(crate) struct Load {
    /// How many different builds take turns.
    pub(crate) builds: u64,
    /// How often one takes the place of another.
    pub(crate) replacements: u64,
    /// How long each stays at least.
    pub(crate) stay: Duration,
    /// How many calls each must have served before it is replaced.
    pub(crate) least: u64,
    /// How many calls are begun in a second; none: as many as go.
    pub(crate) rate: Option<u32>,
}

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    /// How many calls each build has served.
    pub(crate) served: BTreeMap<u64, u64>,
    /// What went wrong.
    pub(crate) failures: Vec<String>,
    /// How many runs of many calls were served by one build each.
    pub(crate) whole: u64,
    /// How often a call ended that another build served than the one before: more often than builds are replaced, as calls overlap.
    pub(crate) turns: u64,
    last: u64,
}

struct Scene {
    host: Embedded,
    once: Workflow,
    often: Workflow,
    /// The components, by the number of their build.
    builds: Vec<Digest>,
    tally: Mutex<Tally>,
    over: AtomicBool,
    calls: AtomicU64,
}

type Failed = Box<dyn Error + Send + Sync>;

/// Calls the plugin `edition`, whose first build is `component`, while its builds replace each other in `directory`.
pub(crate) async fn reload(component: &[u8], directory: &Path, load: &Load) -> Result<Tally, Failed> {
    let plugins = directory.join("plugins");
    fs::create_dir(&plugins)?;
    let builds: Vec<Vec<u8>> = (0..load.builds)
        .map(|number| build(component, number))
        .collect::<Result<_, _>>()?;
    put(&plugins, &builds[0])?;
    let host = Embedded::builder()
        .state(directory.join("state.db"))
        .plugins(&plugins)
        .code(directory.join("code"));
    let host = host.build().await?;
    let scene = Arc::new(Scene {
        once: host.check(ONCE, "once.wf")?,
        often: host.check(OFTEN, "often.wf")?,
        host,
        builds: builds.iter().map(|bytes| Digest::of(bytes)).collect(),
        tally: Mutex::default(),
        over: AtomicBool::new(false),
        calls: AtomicU64::new(0),
    });
    let mut tasks = JoinSet::new();
    tasks.spawn(Arc::clone(&scene).call_often());
    tasks.spawn(Arc::clone(&scene).call(load.rate));
    let outcome = scene.replace(&plugins, &builds, load).await;
    scene.over.store(true, Ordering::Relaxed);
    while let Some(ended) = tasks.join_next().await {
        ended?;
    }
    outcome?;
    Ok(std::mem::take(&mut *scene.tally.lock().unwrap()))
}

impl Scene {
    async fn replace(&self, plugins: &Path, builds: &[Vec<u8>], load: &Load) -> Result<(), Failed> {
        for turn in 1..=load.replacements {
            let number = turn % load.builds;
            let before = self.served(number);
            put(plugins, &builds[usize::try_from(number)?])?;
            sleep(load.stay).await;
            let since = Instant::now();
            while self.served(number) < before + load.least {
                if since.elapsed() > PATIENCE {
                    return Err(format!("build {number} does not serve: {:?}", self.tally.lock().unwrap()).into());
                }
                sleep(Duration::from_millis(5)).await;
            }
        }
        Ok(())
    }

    fn served(&self, build: u64) -> u64 {
        self.tally.lock().unwrap().served.get(&build).copied().unwrap_or(0)
    }

    /// Calls until it is over, `rate` times a second or as often as it goes.
    async fn call(self: Arc<Self>, rate: Option<u32>) {
        let room = Arc::new(Semaphore::new(MOST_CALLS));
        let mut beat = rate.map(|rate| interval(Duration::from_secs(1) / rate.max(1)));
        if let Some(beat) = &mut beat {
            beat.set_missed_tick_behavior(MissedTickBehavior::Burst);
        }
        let mut calls = JoinSet::new();
        while !self.over.load(Ordering::Relaxed) {
            if let Some(beat) = &mut beat {
                beat.tick().await;
            }
            let Ok(place) = Arc::clone(&room).acquire_owned().await else {
                break;
            };
            let scene = Arc::clone(&self);
            calls.spawn(async move {
                let n = scene.calls.fetch_add(1, Ordering::Relaxed);
                let served = scene.call_once(n).await;
                scene.count(n, served);
                drop(place);
            });
            while calls.try_join_next().is_some() {}
        }
        while calls.join_next().await.is_some() {}
    }

    fn count(&self, n: u64, served: Result<u64, Failed>) {
        let mut tally = self.tally.lock().unwrap();
        match served {
            Ok(build) => {
                *tally.served.entry(build).or_default() += 1;
                tally.turns += u64::from(tally.last != build);
                tally.last = build;
            }
            Err(error) => tally.failures.push(format!("call {n}: {error}")),
        }
    }

    /// Returns which build served the call.
    async fn call_once(&self, n: u64) -> Result<u64, Failed> {
        let n = i64::try_from(n)?;
        let inputs = [("n".to_owned(), Data::Int(n))];
        let driving = self.host.start(&self.once, inputs, Arc::new(Unobserved)).await?;
        let Driven::Ended(run) = driving.wait().await? else {
            return Err("it did not end".into());
        };
        let Some((Ending::Completed, outputs)) = run.ending() else {
            return Err(format!("it ended as {:?}", run.ending()).into());
        };
        if outputs.data().get("n") != Some(&Data::Int(n)) {
            return Err(format!("another call was answered: {}", outputs.data().to_json()).into());
        }
        self.is_of_its_build(run.id(), outputs.data().get("edition")).await
    }

    /// Calls in runs of many calls until it is over.
    async fn call_often(self: Arc<Self>) {
        while !self.over.load(Ordering::Relaxed) {
            let called = self.call_in_a_row().await;
            let mut tally = self.tally.lock().unwrap();
            match called {
                Ok(()) => tally.whole += 1,
                Err(error) => tally.failures.push(format!("calls in a row: {error}")),
            }
        }
    }

    async fn call_in_a_row(&self) -> Result<(), Failed> {
        let driving = self.host.start(&self.often, [], Arc::new(Unobserved)).await?;
        let Driven::Ended(run) = driving.wait().await? else {
            return Err("they did not end".into());
        };
        let events = self.host.log().events(run.id(), 0, usize::MAX).await?;
        let mut calls = 0;
        for recorded in &events {
            if let Event::StepCompleted { output, .. } = &recorded.event
                && let Some(edition) = output.data().get("edition")
            {
                self.is_of_its_build(run.id(), Some(edition)).await?;
                calls += 1;
            }
        }
        if calls == 100 {
            Ok(())
        } else {
            Err(format!("{calls} of 100 calls, {:?}", run.ending()).into())
        }
    }

    /// Returns the build that said `edition`, which must be the one that the run is recorded to use.
    async fn is_of_its_build(&self, run: RunId, edition: Option<&Data>) -> Result<u64, Failed> {
        let Some(Data::Int(edition)) = edition else {
            return Err(format!("no build said which it is: {edition:?}").into());
        };
        let edition = u64::try_from(*edition)?;
        let definition = self.host.log().definition(run).await?.ok_or("it is not recorded")?;
        let plan = Plan::decode(&definition.plan)?;
        let recorded: Vec<&Digest> = used(&plan).into_iter().map(|(_, component)| component).collect();
        let component = self.builds.get(usize::try_from(edition)?).ok_or("no such build")?;
        if recorded == [component] {
            Ok(edition)
        } else {
            Err(format!("build {edition} served a run that uses {recorded:?}").into())
        }
    }
}

/// Returns another build of the component: the same but for its number.
fn build(component: &[u8], number: u64) -> Result<Vec<u8>, Failed> {
    let places: Vec<usize> = (0..component.len())
        .filter(|at| component[*at..].starts_with(MARK))
        .collect();
    let [place] = places.as_slice() else {
        return Err(format!("the component says {} times which build it is", places.len()).into());
    };
    let mut bytes = component.to_vec();
    let digits = place + MARK.len();
    bytes[digits..digits + 8].copy_from_slice(format!("{number:08}").as_bytes());
    Ok(bytes)
}

/// Writes aside and renames: there is a whole file at any time.
fn put(plugins: &Path, component: &[u8]) -> std::io::Result<()> {
    let aside = plugins.join(".edition.new");
    fs::write(&aside, component)?;
    fs::rename(aside, plugins.join("edition.wasm"))
}

#[tokio::main]
async fn main() -> Result<(), Failed> {
    let mut arguments = std::env::args().skip(1);
    let component = arguments.next().ok_or("the first argument is the component")?;
    let (mut seconds, mut rate) = (60_u64, 1_000_u32);
    while let Some(option) = arguments.next() {
        let value = arguments.next().ok_or("an option has a value")?;
        match option.as_str() {
            "--seconds" => seconds = value.parse()?,
            "--rate" => rate = value.parse()?,
            _ => return Err(format!("there is no option `{option}`").into()),
        }
    }
    let directory = tempfile::tempdir()?;
    let load = Load {
        builds: 2,
        replacements: seconds,
        stay: Duration::from_secs(1),
        least: 0,
        rate: Some(rate),
    };
    let since = Instant::now();
    let tally = reload(&fs::read(component)?, directory.path(), &load).await?;
    let took = since.elapsed().as_secs_f64();
    let calls: u64 = tally.served.values().sum();
    let Tally {
        failures, whole, turns, ..
    } = &tally;
    say(&format!(
        "{calls} calls in {took:.0} s ({:.0}/s of {rate}/s), {seconds} replacements, {turns} calls after one of another build (calls overlap), {whole} runs of 100 calls by one build each, {} failed",
        calls as f64 / took,
        failures.len()
    ));
    if let Some(failure) = failures.first() {
        return Err(failure.clone().into());
    }
    if turns == &0 {
        return Err("no other build ever served".into());
    }
    Ok(())
}

#[expect(clippy::print_stdout, reason = "the figures are what it is started for")]
fn say(text: &str) {
    println!("{text}");
}
