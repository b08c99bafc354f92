//! What do doc comments and `#[serde(..)]` say about an item or an argument?

use syn::{Attribute, Expr, ExprLit, ExprPath, Lit, LitStr, Meta};

/// Returns the first paragraph of a doc comment, in one line; empty if there is none.
pub(crate) fn first_paragraph(attributes: &[Attribute]) -> String {
    let lines = attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("doc"))
        .filter_map(|attribute| match &attribute.meta {
            Meta::NameValue(doc) => match &doc.value {
                Expr::Lit(ExprLit {
                    lit: Lit::Str(text), ..
                }) => Some(text.value()),
                _ => None,
            },
            _ => None,
        });
    let text: Vec<String> = lines
        .flat_map(|line| line.split('\n').map(str::to_owned).collect::<Vec<_>>())
        .collect();
    let trimmed = text.iter().map(|line| line.trim()).skip_while(|line| line.is_empty());
    trimmed
        .take_while(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// What `#[serde(..)]` on an argument may say.
#[derive(Default)]
pub(crate) struct SerdeOptions {
    pub(crate) default: Option<DefaultValue>,
    pub(crate) rename: Option<String>,
}

/// Where the value of an argument that was left out comes from.
pub(crate) enum DefaultValue {
    OfType,
    Function(ExprPath),
}

/// Reads `#[serde(default)]`, `#[serde(default = "function")]` and `#[serde(rename = "name")]`.
pub(crate) fn serde_options(attributes: &[Attribute]) -> syn::Result<SerdeOptions> {
    let mut options = SerdeOptions::default();
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| {
            if meta.path.is_ident("default") {
                options.default = Some(match meta.value() {
                    Ok(value) => DefaultValue::Function(value.parse::<LitStr>()?.parse()?),
                    Err(_) => DefaultValue::OfType,
                });
                Ok(())
            } else if meta.path.is_ident("rename") {
                options.rename = Some(meta.value()?.parse::<LitStr>()?.value());
                Ok(())
            } else {
                Err(meta.error("an argument can have `default`, `default = \"function\"` or `rename = \"name\"`"))
            }
        })?;
    }
    Ok(options)
}
