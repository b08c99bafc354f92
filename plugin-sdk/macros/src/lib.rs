//! Macros of `cofferdam-plugin`; use them through that crate, which documents them by example.

mod action;
mod attributes;
mod data;
mod needs;
mod plugin;

use proc_macro::TokenStream;

/// Makes a function an action: its arguments are the parameters, its doc comment is the summary.
///
/// An argument that is an `Option` or has `#[serde(default)]` may be left out, a doc comment on an argument describes
/// the parameter, `#[serde(rename = "type")]` renames it, `&Context` gives access to the attempt. Options:
///
/// - `name = "open-issue"`: the name, if it shall not be that of the function in kebab case
/// - `needs = [read, network("https://example.org", ["GET"]) because "asks for prices"]`: what this action asks for,
///   instead of what `plugin!` says for all
/// - `retry = "transient"`: transient failures may be tried again by default; `"never"` is the default
/// - `dry_run = "aware"`: the action is entered in a dry run too and asks `ctx.dry_run()`; `"skip"` is the default
/// - `on_lost = "fail"`: what happens when a host died meanwhile: `"redeliver"` (default), `"fail"` or `"ask"`
/// - `example = { "text": "to be" }`: an example of the parameters, in JSON; may be repeated
#[proc_macro_attribute]
pub fn action(options: TokenStream, item: TokenStream) -> TokenStream {
    action::expand(options.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Makes a struct or an enum data: something that a parameter or an output can be, compared and printed in tests.
///
/// Attributes of `serde` and `schemars` can be used on it and on its fields.
#[proc_macro_attribute]
pub fn data(options: TokenStream, item: TokenStream) -> TokenStream {
    data::expand(options.into(), item.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}

/// Lists the actions of the plugin, once, in `src/lib.rs`: `plugin!(count, sort)`, or with what all of them ask for:
/// `plugin! { actions: [count, sort], needs: [read, secret("github")] }`.
///
/// An action that has `needs` of its own asks for those instead. Kinds: `read`, `write` (both also with a guest path),
/// `network(url, [methods])`, `secret(name)`, `reveal(name)`, `env(name)`, `context(keys..)`, each with `because "reason"` if
/// wanted, and with `optional` before it where the action can do without. `network` and `secret` alone ask for whatever
/// the operator allows.
#[proc_macro]
pub fn plugin(input: TokenStream) -> TokenStream {
    plugin::expand(input.into())
        .unwrap_or_else(syn::Error::into_compile_error)
        .into()
}
