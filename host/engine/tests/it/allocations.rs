//! What a step allocates does not depend on how many steps were before it.
//!
//! Time is measured by `cargo xtask bench`; what is asked of the allocator is the same each time and can be asserted.

use cofferdam_testkit::Scenario;
use cofferdam_testkit::plan_builder::{Step, call, workflow};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    static ASKED: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn count(bytes: usize) {
    // A thread that is ending has no counter any more, and nobody who reads it.
    let _ = ASKED.try_with(|asked| {
        let (times, total) = asked.get();
        asked.set((times + 1, total + bytes as u64));
    });
}

#[expect(unsafe_code, reason = "an allocator that counts is one that passes on")]
// SAFETY: every call is passed on to the allocator of the system as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: as above.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size);
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

// row Q01
#[test]
fn the_last_thousand_of_four_thousand_steps_allocate_what_the_first_did() {
    const STEPS: usize = 4_000;
    // One more than is counted: the end of a run is not a step.
    let steps: Vec<Step> = (0..=STEPS)
        .map(|number| match number.checked_sub(1) {
            None => call("s0").with("n", "0"),
            Some(before) => call(&format!("s{number}")).with("n", &format!("steps.s{before}.output + 1")),
        })
        .collect();
    let mut scenario = Scenario::started(workflow(steps).plan());
    // The log of the harness must not grow while the core is counted.
    scenario.log.reserve(2 * STEPS + 4);
    let mut marks = vec![ASKED.get()];
    for number in 0..STEPS {
        scenario.complete(&format!("s{number}"), "1");
        if (number + 1) % (STEPS / 4) == 0 {
            marks.push(ASKED.get());
        }
    }
    let quarter = |number: usize| {
        let (before, after) = (marks[number], marks[number + 1]);
        (after.0 - before.0, after.1 - before.1)
    };
    let (first, last) = (quarter(0), quarter(3));
    assert!(first.0 > 1_000, "nothing was counted: {first:?}");
    assert!(
        // A snapshot each time that the log has doubled is larger in the last quarter, and costs no more per event.
        last.0 * 10 <= first.0 * 12 && last.1 * 10 <= first.1 * 16,
        "times and bytes: {first:?}, then {last:?}"
    );
}
