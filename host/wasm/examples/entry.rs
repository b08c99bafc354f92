//! How long it takes to enter a component once: a fresh instance, one call, and everything dropped.
//!
//! `cargo run --release -p cofferdam-wasm --example entry -- COMPONENT.wasm ACTION PARAMS`

#![expect(clippy::print_stdout, reason = "printing is what this program is for")]

use cofferdam_engine::Data;
use cofferdam_wasm::{
    AttemptCall, AttemptInfo, CancelFlag, Effective, Limits, Sandbox, SandboxOptions, Silent, Verdict,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

const ROUNDS: usize = 5_000;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let path = arguments.next().ok_or("which component?")?;
    let name = arguments.next().ok_or("which action?")?;
    let params = Data::from_json(&arguments.next().unwrap_or_else(|| "{}".to_owned()), 1 << 20)?;
    let sandbox = Sandbox::new(&SandboxOptions::default())?;
    let began = Instant::now();
    let component = sandbox.load(std::fs::read(path)?.into()).await?;
    println!(
        "{} bytes, loaded in {:?}, pooled: {}",
        component.size(),
        began.elapsed(),
        sandbox.is_pooled()
    );
    let action = component.action(&name).ok_or("no such action")?;
    let call = AttemptCall {
        params,
        attempt: AttemptInfo::default(),
        grants: Arc::new(Effective::nothing()),
        settings: Arc::new(BTreeMap::new()),
        limits: Limits::default(),
        observer: Arc::new(Silent),
        cancel: CancelFlag::default(),
    };
    let mut times: Vec<Duration> = Vec::with_capacity(ROUNDS);
    let mut guest: Vec<Duration> = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let began = Instant::now();
        let report = action.run(call.clone()).await;
        times.push(began.elapsed());
        guest.push(report.usage.cpu);
        if !matches!(report.verdict, Verdict::Completed(_)) {
            return Err(format!("{:?}", report.verdict).into());
        }
    }
    for (what, mut times) in [
        ("whole", times),
        ("of which instantiated and called, processor time", guest),
    ] {
        times.sort_unstable();
        let at = |share: usize| times[ROUNDS * share / 100];
        println!("p50 {:?}  p95 {:?}  p99 {:?}  {what}", at(50), at(95), at(99));
    }
    Ok(())
}
