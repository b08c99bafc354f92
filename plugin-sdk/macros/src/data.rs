//! What does `#[data]` make of a struct or an enum?

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::parse::Parser;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
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
    let checks = checks(&item);
    Ok(quote! {
        #checks

        #[derive(#(#derives),*)]
        #[serde(crate = "::cofferdam_plugin::__private::serde")]
        #[schemars(crate = "::cofferdam_plugin::__private::schemars")]
        #item

        impl #impl_generics ::cofferdam_plugin::Data for #name #type_generics #generic_bounds {}
    })
}

/// Returns what says in one sentence that the type of a field is no data, before the derives say it in many.
///
/// Fields that say themselves how they are written, and types with parameters, are left to the derives.
fn checks(item: &DeriveInput) -> Option<TokenStream> {
    if !item.generics.params.is_empty() {
        return None;
    }
    let fields: Vec<&syn::Field> = match &item.data {
        syn::Data::Struct(item) => item.fields.iter().collect(),
        syn::Data::Enum(item) => item.variants.iter().flat_map(|variant| &variant.fields).collect(),
        syn::Data::Union(_) => Vec::new(),
    };
    let own_way = |field: &&syn::Field| {
        let says = |name| field.attrs.iter().any(|attribute| attribute.path().is_ident(name));
        says("serde") || says("schemars")
    };
    let checked = fields.into_iter().filter(|field| !own_way(field)).map(|field| {
        let kind = &field.ty;
        quote_spanned!(kind.span()=> ::cofferdam_plugin::__private::is_data::<#kind>();)
    });
    Some(quote! {
        const _: fn() = || { #(#checked)* };
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
