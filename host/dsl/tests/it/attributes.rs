//! The attribute tables against real files.

use crate::samples::SAMPLES;
use cofferdam_dsl::{check_attributes, not_carried_out, parse};

#[test]
fn every_sample_has_only_known_attributes() {
    for (name, text) in SAMPLES {
        assert_eq!(check_attributes(&parse(text).0), [], "{name}");
    }
}

#[test]
fn what_is_not_carried_out_is_refused_by_name() {
    let text = "workflow a edition 1 {\n  call x { as = bob }\n  wait w { for = 1s }\n  call y { undo { gate g { prompt = \"\" } } }\n}";
    let found: Vec<String> = not_carried_out(&parse(text).0)
        .into_iter()
        .map(|finding| finding.message)
        .collect();
    assert_eq!(
        found,
        [
            "the attribute `as` of a call is understood but not carried out by this version",
            "a wait is understood but not carried out by this version",
            "the attribute `undo` of a call is understood but not carried out by this version",
            "a gate is understood but not carried out by this version",
        ]
    );
}
