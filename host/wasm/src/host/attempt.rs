//! The interface `attempt`: what the guest may know about the attempt that it works for.

use crate::action::{AttemptInfo, CancelFlag};
use crate::contract::{attempt, types};
use crate::store::State;
use cofferdam_engine::{Data, Failure, FailureClass};
use std::fmt;
use std::time::Instant;
use wasmtime::component::{HasSelf, Linker};

/// The facts of one attempt; none when the guest is only asked to describe itself.
pub(crate) struct AttemptFacts(Option<Facts>);

struct Facts {
    info: AttemptInfo,
    deadline: Instant,
    cancel: CancelFlag,
}

/// A call that makes sense only within an attempt.
#[derive(Debug)]
pub(crate) struct OutsideAttempt(&'static str);

impl AttemptFacts {
    pub(crate) fn none() -> Self {
        Self(None)
    }

    pub(crate) fn of(info: AttemptInfo, deadline: Instant, cancel: CancelFlag) -> Self {
        Self(Some(Facts { info, deadline, cancel }))
    }

    fn facts(&self, call: &'static str) -> wasmtime::Result<&Facts> {
        self.0
            .as_ref()
            .ok_or_else(|| wasmtime::Error::new(OutsideAttempt(call)))
    }
}

pub(crate) fn add_to_linker(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    attempt::add_to_linker::<_, HasSelf<AttemptFacts>>(linker, |state| &mut state.attempt)
}

impl attempt::Host for AttemptFacts {
    fn run(&mut self) -> wasmtime::Result<String> {
        Ok(self.facts("attempt.run")?.info.run.clone())
    }

    fn step(&mut self) -> wasmtime::Result<String> {
        Ok(self.facts("attempt.step")?.info.step.clone())
    }

    fn number(&mut self) -> wasmtime::Result<u32> {
        Ok(self.facts("attempt.number")?.info.number)
    }

    fn delivery(&mut self) -> wasmtime::Result<u32> {
        Ok(self.facts("attempt.delivery")?.info.delivery)
    }

    fn token(&mut self) -> wasmtime::Result<String> {
        Ok(self.facts("attempt.token")?.info.token.clone())
    }

    fn remaining_ms(&mut self) -> wasmtime::Result<u64> {
        let left = self
            .facts("attempt.remaining-ms")?
            .deadline
            .saturating_duration_since(Instant::now());
        Ok(u64::try_from(left.as_millis()).unwrap_or(u64::MAX))
    }

    fn cancelled(&mut self) -> wasmtime::Result<bool> {
        Ok(self.facts("attempt.cancelled")?.cancel.is_asked())
    }

    fn dry_run(&mut self) -> wasmtime::Result<bool> {
        Ok(self.facts("attempt.dry-run")?.info.dry_run)
    }

    fn previous(&mut self) -> wasmtime::Result<Option<types::Failure>> {
        Ok(self.facts("attempt.previous")?.info.previous.as_ref().map(to_contract))
    }

    fn get(&mut self, name: String) -> wasmtime::Result<Option<String>> {
        let info = &self.facts("attempt.get")?.info;
        Ok(match name.as_str() {
            "workflow" => Some(Data::text(&info.workflow).to_json()),
            "iteration" => info.iteration.map(|iteration| iteration.to_string()),
            _ => info.attributes.get(&name).map(Data::to_json),
        })
    }
}

/// The guest's contract knows four classes; what the host says about attempts is told with its own word as the code.
fn to_contract(failure: &Failure) -> types::Failure {
    let class = match failure.class {
        FailureClass::InvalidInput => types::FailureClass::InvalidInput,
        FailureClass::Transient | FailureClass::Timeout => types::FailureClass::Transient,
        FailureClass::Cancelled => types::FailureClass::Cancelled,
        FailureClass::Permanent
        | FailureClass::Exit
        | FailureClass::Trap
        | FailureClass::Limit
        | FailureClass::Denied
        | FailureClass::Expression
        | FailureClass::Lost => types::FailureClass::Permanent,
    };
    let code = failure.code.clone().or_else(|| match failure.class {
        FailureClass::InvalidInput | FailureClass::Transient | FailureClass::Cancelled | FailureClass::Permanent => {
            None
        }
        FailureClass::Timeout
        | FailureClass::Exit
        | FailureClass::Trap
        | FailureClass::Limit
        | FailureClass::Denied
        | FailureClass::Expression
        | FailureClass::Lost => Some(failure.class.word().to_owned()),
    });
    types::Failure {
        class,
        code,
        message: failure.message.clone(),
        retry_after_ms: failure.retry_after_ms,
        details: match &failure.details {
            Data::Map(entries) => entries
                .iter()
                .map(|(name, value)| (name.to_string(), value.to_json()))
                .collect(),
            Data::Null | Data::Bool(_) | Data::Int(_) | Data::Double(_) | Data::Text(_) | Data::List(_) => Vec::new(),
        },
    }
}

impl fmt::Display for OutsideAttempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` was called outside of an attempt", self.0)
    }
}

impl std::error::Error for OutsideAttempt {}
