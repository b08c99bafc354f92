//! What does `plugin!` make of a list of actions?

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, Path, Token, bracketed};

use crate::needs::Needs;

struct Plugin {
    actions: Vec<Path>,
    needs: Needs,
}

impl Parse for Plugin {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        if !(input.peek(Ident) && input.peek2(Token![:]) && !input.peek2(Token![::])) {
            let actions = Punctuated::<Path, Token![,]>::parse_terminated(input)?
                .into_iter()
                .collect();
            return Ok(Self {
                actions,
                needs: Needs(Vec::new()),
            });
        }
        let mut plugin = Self {
            actions: Vec::new(),
            needs: Needs(Vec::new()),
        };
        while !input.is_empty() {
            let key: Ident = input.parse()?;
            input.parse::<Token![:]>()?;
            if key == "actions" {
                let content;
                bracketed!(content in input);
                plugin.actions = Punctuated::<Path, Token![,]>::parse_terminated(&content)?
                    .into_iter()
                    .collect();
            } else if key == "needs" {
                plugin.needs = input.parse()?;
            } else {
                return Err(syn::Error::new(
                    key.span(),
                    "a plugin has `actions: [..]` and `needs: [..]`",
                ));
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(plugin)
    }
}

pub(crate) fn expand(input: TokenStream) -> syn::Result<TokenStream> {
    let Plugin { actions, needs } = syn::parse2(input)?;
    if actions.is_empty() {
        let message = "a plugin needs at least one action: plugin!(my_action)";
        return Err(syn::Error::new(proc_macro2::Span::call_site(), message));
    }
    // Actions are found through a type that this macro makes: rustc then says "no associated function named `cuont`"
    // and offers the one that there is, instead of advising to add a crate of that name.
    let entries = actions.iter().filter_map(|path| {
        let name = &path.segments.last()?.ident;
        Some(quote_spanned!(name.span()=> PluginActions::#name()))
    });
    let needs = needs.0;
    let add_needs = match needs.as_slice() {
        [] => quote!(|_| {}),
        needs => quote!(|specification| { #(#needs)* }),
    };
    Ok(quote! {
        #[doc(hidden)]
        #[allow(clippy::exhaustive_structs, reason = "made by a macro")]
        pub struct PluginActions;

        // Actions look for the type under this name, so that what rustc says without `plugin!` tells what is missing.
        #[doc(hidden)]
        #[allow(non_camel_case_types, dead_code, reason = "a name to be read in an error")]
        pub type the_call_of_plugin_at_the_end_of_src_lib_rs = PluginActions;

        /// Returns the actions of this plugin, for the host and for tests.
        pub fn plugin() -> ::cofferdam_plugin::Plugin {
            ::cofferdam_plugin::Plugin::new(::std::vec![#(#entries),*], #add_needs)
        }

        #[cfg(target_arch = "wasm32")]
        #[allow(unsafe_code, clippy::all, reason = "the exports of a component are written this way")]
        const _: () = {
            struct Component;

            impl ::cofferdam_plugin::__private::bindings::exports::cofferdam::plugin::actions::Guest for Component {
                fn describe()
                -> ::std::vec::Vec<::cofferdam_plugin::__private::bindings::exports::cofferdam::plugin::actions::Descriptor>
                {
                    ::cofferdam_plugin::__private::describe(&plugin())
                }

                fn run(
                    action: ::std::string::String,
                    params: ::std::string::String,
                ) -> ::core::result::Result<
                    ::cofferdam_plugin::__private::bindings::exports::cofferdam::plugin::actions::Outcome,
                    ::cofferdam_plugin::__private::bindings::exports::cofferdam::plugin::actions::Failure,
                > {
                    ::cofferdam_plugin::__private::run(&plugin(), &action, &params)
                }
            }

            ::cofferdam_plugin::__private::bindings::export!(Component with_types_in ::cofferdam_plugin::__private::bindings);
        };
    })
}
