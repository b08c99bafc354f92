//! Does a call by name with JSON reach the function, and does its answer come back as JSON?

use cofferdam_plugin::{Context, Failure, FailureClass, Outcome, TestAttempt, action, data, json};

use crate::plugin;

#[data]
#[derive(Eq)]
pub(crate) struct Term {
    amount: i64,
    #[serde(default)]
    note: Option<String>,
}

/// Adds the amounts of some terms.
///
/// This paragraph is not part of the summary.
#[action(needs = [], example = { "terms": [{ "amount": 1 }] })]
pub(crate) fn add(
    /// What is added.
    terms: Vec<Term>,
) -> i64 {
    terms.iter().map(|term| term.amount).sum()
}

/// Tells what the context says.
#[action(dry_run = "aware", on_lost = "ask")]
pub(crate) fn describe_all(ctx: &Context, mut list: Option<Vec<String>>) -> Vec<String> {
    ctx.info("described");
    let list = list.get_or_insert_default();
    list.extend([
        ctx.run(),
        ctx.step(),
        ctx.token(),
        ctx.dry_run().to_string(),
        ctx.feedback().unwrap_or_default(),
    ]);
    std::mem::take(list)
}

/// Returns an outcome with all its parts.
#[action(name = "mark-it", retry = "transient", needs = [read("/src") because "looks around", write])]
pub(crate) fn mark() -> Outcome<Option<Term>> {
    Outcome::new(None).marker("marked").context("a text").detail("took", 3)
}

/// Divides a number by another.
#[action]
pub(crate) fn divide(dividend: f64, #[serde(rename = "by")] divisor: f64) -> Result<f64, Failure> {
    if divisor == 1.5 {
        return Err(Failure::invalid_input("not by 1.5"));
    }
    Ok(dividend / divisor)
}

/// Returns a number that JSON does not have here.
#[action]
pub(crate) fn overflow() -> Result<Vec<u64>, Failure> {
    Ok(vec![0, u64::MAX])
}

/// Returns nothing.
#[action]
pub(crate) fn quiet(r#type: String, _ctx: &Context) {
    assert!(!r#type.is_empty());
}

fn ten() -> u8 {
    10
}

/// Returns its parameters.
#[action]
pub(crate) fn with_default(#[serde(default = "ten")] size: u8, #[serde(default)] strict: bool) -> (u8, bool) {
    (size, strict)
}

fn refused(action: &str, params: cofferdam_plugin::Value) -> String {
    plugin()
        .call(action, params, &Context::for_test())
        .unwrap_err()
        .to_string()
}

#[test]
fn parameters_are_arguments() {
    let ctx = Context::for_test();
    let terms = json!({ "terms": [{ "amount": 1 }, { "amount": 2, "note": "x" }] });
    assert_eq!(plugin().call("add", terms, &ctx).unwrap(), json!(3));
    assert_eq!(
        plugin().call("with-default", json!({}), &ctx).unwrap(),
        json!([10, false])
    );
    assert_eq!(
        plugin()
            .call("with-default", json!({ "size": 1, "strict": true }), &ctx)
            .unwrap(),
        json!([1, true])
    );
    assert_eq!(
        plugin().call("quiet", json!({ "type": "x" }), &ctx).unwrap(),
        json!(null)
    );
    assert_eq!(
        plugin()
            .call("divide", json!({ "dividend": 1, "by": 4 }), &ctx)
            .unwrap(),
        json!(0.25)
    );
}

#[test]
fn the_context_is_an_argument_like_any_other() {
    let facts = [("feedback".to_owned(), json!("shorter"))].into();
    let ctx = Context::for_test_of(TestAttempt {
        dry_run: true,
        facts,
        ..TestAttempt::default()
    });
    let told = plugin()
        .call("describe-all", json!({ "list": ["first"] }), &ctx)
        .unwrap();
    assert_eq!(
        told,
        json!(["first", "test-run", "test-step", "test-token", "true", "shorter"])
    );
    assert_eq!(ctx.recorded(), ["info: described"]);
}

#[test]
fn wrong_calls_are_refused_with_the_place() {
    assert_eq!(refused("ad", json!({})), "invalid-input: there is no action `ad`");
    assert_eq!(
        refused("add", json!({ "term": [] })),
        "invalid-input: `add` has no parameter `term`: it takes `terms`"
    );
    assert_eq!(
        refused("add", json!({})),
        "invalid-input: the parameter `terms` is missing"
    );
    assert_eq!(
        refused("add", json!({ "terms": [{ "amount": 1 }, {}] })),
        "invalid-input: the parameter `terms[1]` does not fit: missing field `amount`"
    );
    assert_eq!(
        refused("mark-it", json!({ "x": 1 })),
        "invalid-input: `mark-it` has no parameter `x`: it takes none"
    );
    assert_eq!(
        refused("add", json!([1])),
        "invalid-input: the parameters of `add` are a list, not an object"
    );
}

#[test]
fn failures_and_outputs_that_do_not_fit_come_back() {
    assert_eq!(
        refused("divide", json!({ "dividend": 1, "by": 1.5 })),
        "invalid-input: not by 1.5"
    );
    assert_eq!(
        refused("divide", json!({ "dividend": 0, "by": 0 })),
        "permanent: the output does not fit the contract: NaN is not a number of JSON"
    );
    let failure = plugin().call("overflow", json!({}), &Context::for_test()).unwrap_err();
    assert_eq!(failure.class(), FailureClass::Permanent);
    assert_eq!(failure.code(), Some("bad-output"));
    assert!(failure.message().contains("`[1]`: 18446744073709551615"), "{failure}");
}

#[test]
fn the_description_has_summary_schemas_and_needs() {
    let described = plugin().describe();
    let of = |wanted: &str| {
        described
            .iter()
            .find(|(name, ..)| *name == wanted)
            .expect("the action is described")
    };
    let (_, summary, add) = of("add");
    assert_eq!(*summary, "Adds the amounts of some terms.");
    assert_eq!(add["params"]["properties"]["terms"]["description"], "What is added.");
    assert_eq!(add["params"]["required"], json!(["terms"]));
    assert_eq!(add["params"]["additionalProperties"], false);
    assert_eq!(
        add["params"]["$defs"]["Term"]["properties"]["amount"]["type"],
        "integer"
    );
    assert_eq!(add["output"]["type"], "integer");
    assert_eq!(add["needs"], json!([]));
    assert_eq!(add["examples"], json!([{ "params": { "terms": [{ "amount": 1 }] } }]));

    let (_, _, mark) = of("mark-it");
    let read = json!({ "kind": "read", "path": "/src", "reason": "looks around" });
    assert_eq!(mark["needs"], json!([read, { "kind": "write" }]));
    assert_eq!(mark["retry"], "transient");

    let (_, _, rest) = of("describe-all");
    assert_eq!(rest["dry-run"], "aware");
    assert_eq!(rest["on-lost"], "ask");
    assert_eq!(rest["params"].get("required"), None);
    let network = json!({
        "kind": "network", "url": "https://example.org", "methods": ["GET"], "reason": "asks for prices",
    });
    assert_eq!(rest["needs"], json!([network, { "kind": "secret", "name": "shop" }]));
}

#[test]
fn markers_context_and_details_travel_with_the_output() {
    let outcome = mark();
    assert_eq!(outcome.markers(), ["marked"]);
    assert_eq!(outcome.output(), &None);
}
