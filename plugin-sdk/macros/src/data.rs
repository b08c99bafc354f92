//! What does `#[data]` make of a struct or an enum?

use proc_macro2::TokenStream;
use quote::quote;
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::{Attribute, DeriveInput, Path, Token};

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    if !options.is_empty() {
        return Err(syn::Error::new_spanned(
            options,
            "`#[data]` has no options: use `#[serde(..)]` below it",
        ));
    }
    let item: DeriveInput = syn::parse2(item)
        .map_err(|error| syn::Error::new(error.span(), "`#[data]` stands above a struct or an enum"))?;
    let written = written_derives(&item.attrs)?;
    let derive = |name: &str, path: TokenStream| (!written.iter().any(|derived| derived == name)).then_some(path);
    let derives: Vec<TokenStream> = [
        derive("Debug", quote!(::core::fmt::Debug)),
        derive("Clone", quote!(::core::clone::Clone)),
        derive("PartialEq", quote!(::core::cmp::PartialEq)),
        derive("Serialize", quote!(::cofferdam_plugin::__private::serde::Serialize)),
        derive("Deserialize", quote!(::cofferdam_plugin::__private::serde::Deserialize)),
        derive(
            "JsonSchema",
            quote!(::cofferdam_plugin::__private::schemars::JsonSchema),
        ),
    ]
    .into_iter()
    .flatten()
    .collect();
    let name = &item.ident;
    let (impl_generics, type_generics, _) = item.generics.split_for_impl();
    let bounds = item.generics.where_clause.as_ref().map(|clause| {
        let predicates = &clause.predicates;
        quote!(#predicates,)
    });
    let generic_bounds = (!item.generics.params.is_empty()).then(|| {
        quote! {
            where
                #bounds
                Self: ::cofferdam_plugin::__private::serde::Serialize
                    + ::cofferdam_plugin::__private::serde::de::DeserializeOwned
                    + ::cofferdam_plugin::__private::schemars::JsonSchema
        }
    });
    Ok(quote! {
        #[derive(#(#derives),*)]
        #[serde(crate = "::cofferdam_plugin::__private::serde")]
        #[schemars(crate = "::cofferdam_plugin::__private::schemars")]
        #item

        impl #impl_generics ::cofferdam_plugin::Data for #name #type_generics #generic_bounds {}
    })
}

/// Returns the last names of what the author derives already.
fn written_derives(attributes: &[Attribute]) -> syn::Result<Vec<String>> {
    let mut names = Vec::new();
    for attribute in attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("derive"))
    {
        let list = attribute.meta.require_list()?;
        let paths = Punctuated::<Path, Token![,]>::parse_terminated.parse2(list.tokens.clone())?;
        names.extend(
            paths
                .iter()
                .filter_map(|path| Some(path.segments.last()?.ident.to_string())),
        );
    }
    Ok(names)
}
