//! How does an author write what a plugin asks for?

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Ident, LitStr, Token, bracketed, parenthesized};

mod keyword {
    syn::custom_keyword!(because);
    syn::custom_keyword!(optional);
}

/// One thing that is asked for, such as `network("https://example.org", ["GET"]) because "asks for prices"`.
pub(crate) struct Need {
    kind: Ident,
    texts: Vec<LitStr>,
    list: Option<Vec<LitStr>>,
    optional: bool,
    reason: Option<LitStr>,
}

/// A list of such things in brackets.
pub(crate) struct Needs(pub(crate) Vec<Need>);

impl Parse for Needs {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let content;
        bracketed!(content in input);
        Ok(Self(
            Punctuated::<Need, Token![,]>::parse_terminated(&content)?
                .into_iter()
                .collect(),
        ))
    }
}

impl Parse for Need {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        // `optional` may be the word before a kind; there is no kind of that name.
        let optional = input.parse::<Option<keyword::optional>>()?.is_some();
        let kind: Ident = input.parse()?;
        let (mut texts, mut list) = (Vec::new(), None);
        if input.peek(syn::token::Paren) {
            let content;
            parenthesized!(content in input);
            while !content.is_empty() {
                if content.peek(syn::token::Bracket) {
                    let items;
                    bracketed!(items in content);
                    list = Some(
                        Punctuated::<LitStr, Token![,]>::parse_terminated(&items)?
                            .into_iter()
                            .collect(),
                    );
                } else {
                    texts.push(content.parse()?);
                }
                if !content.is_empty() {
                    content.parse::<Token![,]>()?;
                }
            }
        }
        let reason = match input.parse::<Option<keyword::because>>()? {
            Some(_) => Some(input.parse()?),
            None => None,
        };
        let need = Self {
            kind,
            texts,
            list,
            optional,
            reason,
        };
        need.check()?;
        Ok(need)
    }
}

impl Need {
    fn check(&self) -> syn::Result<()> {
        let shape = (self.texts.len(), self.list.is_some());
        let (fits, form) = match self.kind.to_string().as_str() {
            "read" | "write" => (shape.0 <= 1 && !shape.1, "read, write, read(\"/src\"), write(\"/out\")"),
            "network" => (
                shape.0 == 1 || shape == (0, false),
                "network, network(\"https://example.org\", [\"GET\"])",
            ),
            "secret" => (shape.0 <= 1 && !shape.1, "secret, secret(\"name\")"),
            "reveal" => (shape == (1, false), "reveal(\"name\")"),
            "env" => (shape == (1, false), "env(\"NAME\")"),
            "context" => (shape.0 >= 1 && !shape.1, "context(\"key\", \"prefix.*\")"),
            other => {
                let message = format!(
                    "there is nothing called `{other}` to ask for: read, write, network(..), secret(..), reveal(..), env(..), context(..)"
                );
                return Err(syn::Error::new(self.kind.span(), message));
            }
        };
        if fits {
            Ok(())
        } else {
            Err(syn::Error::new(self.kind.span(), format!("write it like this: {form}")))
        }
    }
}

impl ToTokens for Need {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        let kind = self.kind.to_string();
        let texts = &self.texts;
        let first = self.texts.first();
        let facts = match kind.as_str() {
            "network" => {
                let methods = self.list.as_ref().map(|methods| quote!(, "methods": [#(#methods),*]));
                first.map(|url| quote!("url": #url #methods)).unwrap_or_default()
            }
            "secret" | "reveal" | "env" => first.map(|name| quote!("name": #name)).unwrap_or_default(),
            "context" => quote!("keys": [#(#texts),*]),
            _ => first.map(|path| quote!("path": #path)).unwrap_or_default(),
        };
        let separator = (!facts.is_empty()).then(|| quote!(,));
        let optional = self.optional.then(|| quote!(, "optional": true));
        let reason = self.reason.as_ref().map(|reason| quote!(, "reason": #reason));
        tokens.extend(quote! {
            specification.need(::cofferdam_plugin::__private::serde_json::json!({ "kind": #kind #separator #facts #optional #reason }));
        });
    }
}
