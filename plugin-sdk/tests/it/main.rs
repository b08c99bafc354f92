//! Tests of the SDK from the outside.

mod bindings;
mod calls;
mod messages;
mod template;

// The macros refer to what `plugin!` makes in the root of the crate.
cofferdam_plugin::plugin! {
    actions: [
        calls::add, calls::describe_all, calls::mark, calls::divide, calls::overflow, calls::quiet, calls::with_default,
    ],
    needs: [network("https://example.org", ["GET"]) because "asks for prices", secret("shop")],
}
