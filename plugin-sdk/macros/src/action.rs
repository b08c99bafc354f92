//! What does `#[action]` make of a function?

use proc_macro2::{Ident, Span, TokenStream};
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{FnArg, GenericArgument, ItemFn, LitStr, Pat, PatType, PathArguments, ReturnType, Token, Type, braced};

use crate::attributes::{DefaultValue, SerdeOptions, first_paragraph, serde_options};
use crate::needs::Needs;

pub(crate) fn expand(options: TokenStream, item: TokenStream) -> syn::Result<TokenStream> {
    let options: Options = syn::parse2(options)?;
    let mut function: ItemFn =
        syn::parse2(item).map_err(|error| syn::Error::new(error.span(), "`#[action]` stands above a function"))?;
    check_signature(&function)?;
    let summary = first_paragraph(&function.attrs);
    if summary.is_empty() {
        let message = format!(
            "`{}` needs a doc comment: its first line is what users see, such as `/// Counts the words of a text.`",
            function.sig.ident
        );
        return Err(syn::Error::new(function.sig.ident.span(), message));
    }
    let arguments = function
        .sig
        .inputs
        .iter_mut()
        .map(Argument::take)
        .collect::<syn::Result<Vec<_>>>()?;
    let entry = entry(&function, &options, &summary, &arguments);
    Ok(quote! {
        #[allow(clippy::too_many_arguments, reason = "an action has as many parameters as its users need")]
        #function

        #entry
    })
}

/// What stands in the parentheses of `#[action(..)]`.
#[derive(Default)]
struct Options {
    name: Option<LitStr>,
    needs: Option<Needs>,
    examples: Vec<TokenStream>,
    words: Vec<(&'static str, LitStr)>,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key = Ident::parse_any(input)?;
            input.parse::<Token![=]>()?;
            match key.to_string().as_str() {
                "name" => options.name = Some(action_name(input.parse()?)?),
                "needs" => options.needs = Some(input.parse()?),
                "example" => {
                    let content;
                    braced!(content in input);
                    options.examples.push(content.parse()?);
                }
                "retry" => options
                    .words
                    .push(("retry", one_of(input.parse()?, &["never", "transient"])?)),
                "dry_run" => options
                    .words
                    .push(("dry-run", one_of(input.parse()?, &["skip", "aware"])?)),
                "on_lost" => options
                    .words
                    .push(("on-lost", one_of(input.parse()?, &["redeliver", "fail", "ask"])?)),
                other => {
                    let message = format!(
                        "`#[action]` has no option `{other}`: it has name, needs, retry, dry_run, on_lost, example"
                    );
                    return Err(syn::Error::new(key.span(), message));
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn one_of(word: LitStr, allowed: &[&str]) -> syn::Result<LitStr> {
    if allowed.contains(&word.value().as_str()) {
        return Ok(word);
    }
    let allowed: Vec<String> = allowed.iter().map(|word| format!("\"{word}\"")).collect();
    Err(syn::Error::new(word.span(), format!("write {}", allowed.join(" or "))))
}

fn action_name(name: LitStr) -> syn::Result<LitStr> {
    let text = name.value();
    let well_formed = text.starts_with(|first: char| first.is_ascii_lowercase())
        && text.len() <= 64
        && !text.ends_with('-')
        && !text.contains("--")
        && text
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if well_formed {
        Ok(name)
    } else {
        Err(syn::Error::new(
            name.span(),
            "a name has lower-case letters, digits and single hyphens, at most 64",
        ))
    }
}

/// One argument of the function.
enum Argument {
    Context,
    Parameter {
        name: String,
        description: String,
        serde: SerdeOptions,
        kind: Box<Type>,
    },
}

impl Argument {
    /// Reads an argument and takes off the attributes that Rust would refuse there.
    fn take(argument: &mut FnArg) -> syn::Result<Self> {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                return Err(syn::Error::new_spanned(
                    receiver,
                    "an action is a plain function: it has no `self`",
                ));
            }
        };
        if let Type::Reference(reference) = &*argument.ty {
            if last_segment(&reference.elem).is_some_and(|ident| ident == "Context") {
                return Ok(Self::Context);
            }
            let message = "an action owns its parameters: write `String` for `&str`, `Vec<T>` for `&[T]`";
            return Err(syn::Error::new_spanned(&argument.ty, message));
        }
        Self::take_parameter(argument)
    }

    fn take_parameter(argument: &mut PatType) -> syn::Result<Self> {
        let Pat::Ident(pattern) = &*argument.pat else {
            return Err(syn::Error::new_spanned(
                &argument.pat,
                "a parameter needs a name: a pattern cannot stand here",
            ));
        };
        let serde = serde_options(&argument.attrs)?;
        let description = first_paragraph(&argument.attrs);
        let name = serde
            .rename
            .clone()
            .unwrap_or_else(|| pattern.ident.unraw().to_string());
        argument
            .attrs
            .retain(|attribute| !attribute.path().is_ident("doc") && !attribute.path().is_ident("serde"));
        Ok(Self::Parameter {
            name,
            description,
            serde,
            kind: argument.ty.clone(),
        })
    }
}

/// Writes the associated function through which `plugin!` finds the action.
fn entry(function: &ItemFn, options: &Options, summary: &str, arguments: &[Argument]) -> TokenStream {
    let ident = &function.sig.ident;
    let name = options
        .name
        .as_ref()
        .map_or_else(|| ident.unraw().to_string().replace('_', "-"), LitStr::value);
    let (mut names, mut declared, mut decoded, mut passed) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, argument) in arguments.iter().enumerate() {
        let Argument::Parameter {
            name,
            description,
            serde,
            kind,
        } = argument
        else {
            passed.push(quote!(context));
            continue;
        };
        let value = format_ident!("argument_{index}", span = Span::mixed_site());
        let span = kind.span();
        let (declare, take) = match &serde.default {
            None => (
                quote_spanned!(span=> specification.required::<#kind>(#name, #description);),
                quote_spanned!(span=> arguments.required::<#kind>(#name)?),
            ),
            Some(default) => {
                let default = match default {
                    DefaultValue::OfType => quote!(::core::default::Default::default),
                    DefaultValue::Function(path) => quote!(#path),
                };
                (
                    quote_spanned!(span=> specification.optional::<#kind>(#name, #description);),
                    quote_spanned!(span=> arguments.optional::<#kind>(#name, #default)?),
                )
            }
        };
        names.push(name);
        declared.push(declare);
        decoded.push(quote!(let #value = #take;));
        passed.push(quote!(#value));
    }
    let words = options
        .words
        .iter()
        .map(|(key, word)| quote!(specification.word(#key, #word);));
    let examples = options
        .examples
        .iter()
        .map(|example| quote!(specification.example(::cofferdam_plugin::__private::serde_json::json!({ #example }));));
    let needs = options
        .needs
        .as_ref()
        .map(|Needs(needs)| quote!(specification.own_needs(); #(#needs)*));
    let (output, settle) = answer(&function.sig.output, &quote!(#ident(#(#passed),*)));
    let mutable = (!decoded.is_empty()).then(|| quote!(mut));
    quote! {
        impl crate::the_call_of_plugin_at_the_end_of_src_lib_rs {
            #[doc(hidden)]
            pub(crate) fn #ident() -> ::cofferdam_plugin::__private::Action {
                ::cofferdam_plugin::__private::Action {
                    name: #name,
                    summary: #summary,
                    specify: |specification| {
                        #(#declared)*
                        #output
                        #(#words)*
                        #needs
                        #(#examples)*
                    },
                    run: |params, context| {
                        let _ = context;
                        #[allow(unused_variables, reason = "an action may have no parameters")]
                        let #mutable arguments =
                            ::cofferdam_plugin::__private::Arguments::new(#name, params, &[#(#names),*])?;
                        #(#decoded)*
                        #settle
                    },
                }
            }
        }
    }
}

/// Writes how the output is declared and encoded, so that an error points at the type that the author wrote.
fn answer(output: &ReturnType, call: &TokenStream) -> (TokenStream, TokenStream) {
    let kind = match output {
        ReturnType::Default => quote!(()),
        ReturnType::Type(_, kind) => quote!(#kind),
    };
    let span = match output {
        ReturnType::Default => Span::call_site(),
        ReturnType::Type(_, kind) => kind.span(),
    };
    (
        quote_spanned!(span=> specification.output::<<#kind as ::cofferdam_plugin::__private::Answer>::Data>();),
        quote_spanned!(span=> <#kind as ::cofferdam_plugin::__private::Answer>::settle(#call)),
    )
}

fn check_signature(function: &ItemFn) -> syn::Result<()> {
    let signature = &function.sig;
    if let Some(token) = &signature.asyncness {
        return Err(syn::Error::new(
            token.span(),
            "an action is a plain function: remove `async`",
        ));
    }
    if let Some(token) = &signature.unsafety {
        return Err(syn::Error::new(
            token.span(),
            "an action is a plain function: remove `unsafe`",
        ));
    }
    if !signature.generics.params.is_empty() {
        let message = "an action is a plain function: its parameters have types, not generics";
        return Err(syn::Error::new_spanned(&signature.generics, message));
    }
    if let ReturnType::Type(_, kind) = &signature.output
        && let Some(error) = textual_error(kind)
    {
        let message = "return `Result<_, Failure>`; `Failure::permanent(text)` makes one";
        return Err(syn::Error::new_spanned(error, message));
    }
    Ok(())
}

/// Returns the error type of a `Result` if it is plainly no `Failure`.
fn textual_error(kind: &Type) -> Option<&Type> {
    let Type::Path(path) = kind else { return None };
    let segment = path.path.segments.last().filter(|segment| segment.ident == "Result")?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
        return None;
    };
    match arguments.args.iter().nth(1)? {
        GenericArgument::Type(error) if last_segment(error).is_none_or(|ident| ident != "Failure") => Some(error),
        _ => None,
    }
}

fn last_segment(kind: &Type) -> Option<&Ident> {
    match kind {
        Type::Path(path) => path.path.segments.last().map(|segment| &segment.ident),
        _ => None,
    }
}
