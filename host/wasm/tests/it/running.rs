//! What an attempt of an honest guest gets and gives.

use crate::guests::{Guest, call, limits, output, sandbox};

#[tokio::test]
async fn an_action_is_described_and_run() {
    let sandbox = sandbox();
    assert!(sandbox.is_pooled());
    let guest = Guest {
        spec: r#"{"params": {"type": "object"}}"#.to_owned(),
        ..Guest::default()
    };
    let action = guest.action(&sandbox).await;
    assert_eq!(action.descriptor().summary, "Does it.");
    assert!(action.descriptor().params.is_some());
    let report = action.run(call(&limits(&[]))).await;
    assert_eq!(output(&report).to_json(), r#"{"n":1}"#);
    assert_eq!(report.usage.memory, 65536);
    assert_eq!(report.usage.output, 7);
}
