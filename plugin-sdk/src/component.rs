//! How does the plugin of an author become the exports of a component?

use std::time::Duration;

use serde_json::Value;

use crate::bindings::cofferdam::plugin::types;
use crate::bindings::exports::cofferdam::plugin::actions;
use crate::context::Context;
use crate::failure::{Failure, FailureClass};
use crate::plugin::Plugin;

/// Answers `actions.describe`.
pub fn describe(plugin: &Plugin) -> Vec<actions::Descriptor> {
    let descriptors = plugin.describe().into_iter();
    descriptors
        .map(|(name, summary, spec)| actions::Descriptor {
            name: name.into(),
            summary: summary.into(),
            spec: spec.to_string(),
        })
        .collect()
}

/// Answers `actions.run`.
pub fn run(plugin: &Plugin, action: &str, params: &str) -> Result<actions::Outcome, actions::Failure> {
    let settled = serde_json::from_str(params)
        .map_err(|error| Failure::invalid_input(format!("the parameters are not JSON: {error}")))
        .and_then(|params: Value| plugin.run(action, params, &Context::of_attempt()));
    match settled {
        Ok(settled) => Ok(actions::Outcome {
            output: settled.output,
            markers: settled.markers,
            context: settled.context,
            details: settled
                .details
                .iter()
                .map(|(name, value)| (name.clone(), value.to_string()))
                .collect(),
        }),
        Err(failure) => Err(failure_to_host(&failure)),
    }
}

fn failure_to_host(failure: &Failure) -> actions::Failure {
    actions::Failure {
        class: match failure.class() {
            FailureClass::InvalidInput => types::FailureClass::InvalidInput,
            FailureClass::Transient => types::FailureClass::Transient,
            FailureClass::Permanent => types::FailureClass::Permanent,
            FailureClass::Cancelled => types::FailureClass::Cancelled,
        },
        code: failure.code().map(str::to_owned),
        message: failure.message().to_owned(),
        retry_after_ms: failure
            .retry_after()
            .map(|after| u64::try_from(after.as_millis()).unwrap_or(u64::MAX)),
        details: failure
            .details()
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()))
            .collect(),
    }
}

/// Reads a failure that the host tells about.
pub(crate) fn failure_from_host(failure: types::Failure) -> Failure {
    let class = match failure.class {
        types::FailureClass::InvalidInput => FailureClass::InvalidInput,
        types::FailureClass::Transient => FailureClass::Transient,
        types::FailureClass::Permanent => FailureClass::Permanent,
        types::FailureClass::Cancelled => FailureClass::Cancelled,
    };
    let mut read = match failure.retry_after_ms {
        Some(after) if class == FailureClass::Transient => {
            Failure::transient_after(Duration::from_millis(after), failure.message)
        }
        _ => Failure::new(class, failure.message),
    };
    if let Some(code) = failure.code {
        read = read.with_code(code);
    }
    for (name, value) in failure.details {
        read = read.with_detail(name, serde_json::from_str(&value).unwrap_or(Value::String(value)));
    }
    read
}
