//! The host as a library: starts runs, takes them up again, and drives each in a task of its own.

use crate::clock;
use crate::driver::{Control, DEFAULT_GRACE, DriveError, Driven, Driver, Retrier, Surroundings};
use crate::executor::{Entry, Executed, Execution, Executor};
use crate::mail::Mail;
use crate::observer::Observer;
use crate::permits::Permits;
use crate::relay::Unheard;
use cofferdam_engine::plan::{Plan, UnreadablePlan};
use cofferdam_engine::{Data, Generation, Input, Recorded, Retrial, Retry, RetryRefused, Run, RunId, Start};
use cofferdam_store::{Beginning, Claim, ClaimError, Definition, NewRun, Reopening, RunLog};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// Drives runs on one log with one executor. Clones are the same host.
#[derive(Clone)]
pub struct Host {
    surroundings: Arc<Surroundings>,
    mail: Mail,
}

/// What a run begins with.
#[derive(Clone, Debug)]
pub struct Request {
    /// What is to be done.
    pub plan: Arc<Plan>,
    /// The file that it came from, as the user named it.
    pub file: String,
    /// The text of the file.
    pub source: String,
    /// The inputs, defaults applied.
    pub inputs: BTreeMap<String, Data>,
    /// What the host injects.
    pub injected: BTreeMap<String, String>,
    /// Whether nothing may leave the host.
    pub dry_run: bool,
    /// What its caller calls it.
    pub caller_id: Option<String>,
}

/// How a run that has ended is to go on.
#[derive(Clone, Debug)]
pub struct RetryRequest {
    /// The run.
    pub run: RunId,
    /// Its present generation.
    pub generation: Generation,
    /// All its events.
    pub events: Vec<Recorded>,
    /// What it executed so far.
    pub former: Arc<Plan>,
    /// What it executes from now on.
    pub plan: Arc<Plan>,
    /// The definition of `plan`, if that is another one.
    pub definition: Option<Definition>,
    /// The step to go on from; none for whatever did not end well.
    pub from: Option<String>,
    /// Who asks.
    pub by: String,
}

impl RetryRequest {
    /// Returns what the retry would do.
    ///
    /// # Errors
    /// If it cannot be done.
    pub fn weigh(&self) -> Result<Retrial<'_>, RetryRefused> {
        let retry = Retry {
            from: self.from.as_deref(),
            former: &self.former,
            plan: &self.plan,
        };
        Retrial::of(self.run, &self.events, retry)
    }
}

/// What becomes of a run once it is opened again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Afterwards {
    /// This host drives it.
    Drive,
    /// This host enters nothing of it and lets go of it, for another host to drive.
    LetGo,
}

/// A run that is being driven.
#[derive(Debug)]
pub struct Driving {
    /// The run.
    pub run: RunId,
    control: mpsc::Sender<Control>,
    task: JoinHandle<Result<Driven, DriveError>>,
}

/// Why a run cannot be taken up again.
#[derive(Debug, thiserror::Error)]
pub enum ResumeError {
    /// The log does not give it to this host.
    #[error(transparent)]
    Claim(#[from] ClaimError),
    /// Its plan cannot be read.
    #[error("what the run executes cannot be read")]
    Plan(#[from] UnreadablePlan),
    /// Its events are not a run.
    #[error("the run cannot be taken up again")]
    Drive(#[from] DriveError),
}

impl Host {
    /// Returns a host that carries out at most `attempts` attempts at a time.
    pub fn new(log: Arc<dyn RunLog>, executor: Arc<dyn Executor>, attempts: u32) -> Self {
        let permits = Permits::new(attempts);
        Self {
            surroundings: Arc::new(Surroundings {
                log,
                executor,
                permits,
                grace: DEFAULT_GRACE,
                desk: Arc::default(),
            }),
            mail: Mail::default(),
        }
    }

    /// Returns a host that carries nothing out by itself: runs only decide there, and [`Host::with_executor`] makes hosts
    /// that share everything else.
    pub fn deciding(log: Arc<dyn RunLog>, attempts: u32) -> Self {
        Self::new(log, Arc::new(Nobody), attempts)
    }

    /// Returns the host with another grace for guests that are to stop and can be noticed outside; others are stopped at
    /// once. For a host that drives nothing yet.
    #[must_use]
    pub fn with_grace(self, grace: Duration) -> Self {
        Self {
            surroundings: Arc::new(Surroundings {
                grace,
                ..(*self.surroundings).clone()
            }),
            mail: self.mail,
        }
    }

    /// Returns the same host with another executor: log, permits and inbox are shared.
    #[must_use]
    pub fn with_executor(&self, executor: Arc<dyn Executor>) -> Self {
        Self {
            surroundings: Arc::new(Surroundings {
                executor,
                ..(*self.surroundings).clone()
            }),
            mail: self.mail.clone(),
        }
    }

    /// Returns the log of the host.
    pub fn log(&self) -> &Arc<dyn RunLog> {
        &self.surroundings.log
    }

    /// Returns how much of what happened in its runs so far did not reach their observers.
    pub fn unheard(&self) -> Unheard {
        self.surroundings.desk.unheard()
    }

    /// Starts a run under `id`. It is recorded, and so not lost any more, once its first events are durable.
    pub fn start(&self, id: RunId, request: Request, observer: Arc<dyn Observer>) -> Driving {
        self.begin(id, request, observer, |_| ())
    }

    /// Starts a run under `id` and lets go of it before anything of it is entered: another host carries it on.
    pub fn start_for_others(&self, id: RunId, request: Request, observer: Arc<dyn Observer>) -> Driving {
        self.begin(id, request, observer, Driver::enter_nothing)
    }

    fn begin(
        &self,
        id: RunId,
        request: Request,
        observer: Arc<dyn Observer>,
        prepare: impl FnOnce(&mut Driver),
    ) -> Driving {
        let Request {
            plan,
            file,
            source,
            inputs,
            injected,
            dry_run,
            caller_id,
        } = request;
        let encoded = plan.encode();
        let new = NewRun {
            id,
            definition: Definition {
                workflow: plan.name().into(),
                file: file.into(),
                source: source.into(),
                digest: cofferdam_engine::Digest::of(&encoded),
                plan: encoded.into(),
            },
            created_at: clock::now(),
            caller_id,
            labels: BTreeMap::new(),
        };
        let (control, receiver) = control_channel();
        let mut driver = Driver::new(Arc::clone(&self.surroundings), plan, observer, receiver);
        prepare(&mut driver);
        let log = Arc::clone(&self.surroundings.log);
        let addressee = self.mail.deliver_to(&log, id, control.clone());
        let task = tokio::spawn(async move {
            let _addressee = addressee;
            let start = Input::Start(Start {
                inputs,
                injected,
                dry_run,
            });
            let run = match driver.begin(Run::new(id), start, &Beginning::new(&*log, &new)) {
                Ok(run) => run,
                Err(rejected) => unreachable!("a new run takes its start: {rejected}"),
            };
            driver.drive(run).await
        });
        Driving { run: id, control, task }
    }

    /// Opens a run again that has ended. If somebody else did so first, it ends as [`DriveError::Fenced`].
    ///
    /// # Errors
    /// If the retry cannot be done.
    pub fn retry(
        &self,
        request: &RetryRequest,
        afterwards: Afterwards,
        observer: Arc<dyn Observer>,
    ) -> Result<Driving, RetryRefused> {
        let retrial = request.weigh()?;
        let retrier = Retrier {
            run: request.run,
            generation: Generation(request.generation.0 + 1),
            by: &request.by,
        };
        let (control, receiver) = control_channel();
        let plan = Arc::clone(&request.plan);
        let mut driver = Driver::new(Arc::clone(&self.surroundings), plan, observer, receiver);
        if afterwards == Afterwards::LetGo {
            driver.enter_nothing();
        }
        let log = Arc::clone(&self.surroundings.log);
        let addressee = self.mail.deliver_to(&log, request.run, control.clone());
        let reopening = Reopening::new(&*log, request.definition.as_ref());
        let run = driver.retry(retrial, &retrier, &reopening)?;
        let task = tokio::spawn(async move {
            let _addressee = addressee;
            driver.drive(run).await
        });
        Ok(Driving {
            run: request.run,
            control,
            task,
        })
    }

    /// Takes up the run `id` where its log says it is.
    ///
    /// # Errors
    /// If it has ended, another host drives it, or what is stored of it cannot be read.
    pub async fn resume(&self, id: RunId, observer: Arc<dyn Observer>) -> Result<Driving, ResumeError> {
        let claim = self.surroundings.log.claim(id).await?;
        self.take_up(claim, observer).await
    }

    /// Takes up a run that was claimed already.
    ///
    /// # Errors
    /// If what is stored of it cannot be read.
    pub async fn take_up(&self, claim: Claim, observer: Arc<dyn Observer>) -> Result<Driving, ResumeError> {
        self.take_up_and(claim, observer, |_| ()).await
    }

    /// Takes up a run that was claimed already only to answer its messages: it enters nothing and lets go of the run.
    ///
    /// # Errors
    /// If what is stored of it cannot be read.
    pub async fn decide_only(&self, claim: Claim, observer: Arc<dyn Observer>) -> Result<Driving, ResumeError> {
        self.take_up_and(claim, observer, Driver::enter_nothing).await
    }

    /// Takes up a run that was claimed already: it answers its messages, and enters nothing before [`Driving::go_on`].
    ///
    /// # Errors
    /// If what is stored of it cannot be read.
    pub async fn take_up_when_told(&self, claim: Claim, observer: Arc<dyn Observer>) -> Result<Driving, ResumeError> {
        self.take_up_and(claim, observer, Driver::wait_until_told).await
    }

    /// Takes up a run that was claimed already and cannot go on here: it answers its messages, enters nothing, records what
    /// is missing (`reason`, as the end of a sentence that begins with the run) and is let go of. The next host that has what
    /// it needs goes on with it.
    ///
    /// # Errors
    /// If what is stored of it cannot be read.
    pub async fn set_aside(
        &self,
        claim: Claim,
        reason: String,
        observer: Arc<dyn Observer>,
    ) -> Result<Driving, ResumeError> {
        self.take_up_and(claim, observer, |driver| driver.set_aside(reason))
            .await
    }

    async fn take_up_and(
        &self,
        claim: Claim,
        observer: Arc<dyn Observer>,
        prepare: impl FnOnce(&mut Driver),
    ) -> Result<Driving, ResumeError> {
        let plan = Arc::new(Plan::decode(&claim.definition.plan)?);
        let (control, receiver) = control_channel();
        let mut driver = Driver::new(Arc::clone(&self.surroundings), plan, observer, receiver);
        prepare(&mut driver);
        let run = driver.adopt(&claim).await?;
        let addressee = self.mail.deliver_to(&self.surroundings.log, claim.run, control.clone());
        let task = tokio::spawn(async move {
            let _addressee = addressee;
            driver.drive(run).await
        });
        Ok(Driving {
            run: claim.run,
            control,
            task,
        })
    }
}

/// Carries nothing out: for runs that only decide.
struct Nobody;

impl Executor for Nobody {
    fn enter(&self, _: Entry) -> Execution {
        Box::pin(std::future::ready(Executed::host_fault(
            "this process carries nothing out",
        )))
    }
}

/// Returns the channel over which a run is controlled: people are slow, four requests at once are already many.
fn control_channel() -> (mpsc::Sender<Control>, mpsc::Receiver<Control>) {
    mpsc::channel(4)
}

impl Driving {
    /// Asks the host to let go of the run: guests may finish within `grace`, nothing new starts, the rest is stopped.
    pub async fn interrupt(&self, grace: Duration) {
        // A driver that is gone has nothing to let go of.
        let _ = self.control.send(Control::Interrupt { grace }).await;
    }

    /// Returns whether the run is no longer driven, so that [`Driving::wait`] returns at once.
    pub fn is_over(&self) -> bool {
        self.task.is_finished()
    }

    /// Lets a run enter its steps that was taken up with [`Host::take_up_when_told`].
    pub async fn go_on(&self) {
        // A driver that is gone has nothing to enter.
        let _ = self.control.send(Control::GoOn).await;
    }

    /// Returns what [`Driving::interrupt`] can be called on while the run is awaited.
    pub fn controller(&self) -> Controller {
        Controller {
            control: self.control.clone(),
        }
    }

    /// Waits until the run is no longer driven.
    ///
    /// # Errors
    /// If it is not driven any more although it has not ended.
    ///
    /// # Panics
    /// If the driver panicked.
    pub async fn wait(self) -> Result<Driven, DriveError> {
        match self.task.await {
            Ok(driven) => driven,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Controls a run from beside whoever waits for it.
#[derive(Clone, Debug)]
pub struct Controller {
    control: mpsc::Sender<Control>,
}

impl Controller {
    /// Asks the host to let go of the run: see [`Driving::interrupt`].
    pub async fn interrupt(&self, grace: Duration) {
        let _ = self.control.send(Control::Interrupt { grace }).await;
    }
}
