//! `#[data]`: the derives that make JSON data of a type, through the SDK's own copies of serde and schemars.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Attribute, Data, DeriveInput, Error, Fields};

/// The type with its derives, and, if it is an object in JSON, the mark that says so.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    if !arguments.is_empty() {
        let error = Error::new_spanned(
            arguments,
            "#[data] takes no arguments\nhelp: rename or default fields with `#[serde(…)]` below it",
        );
        return error.into_compile_error();
    }
    let input = match syn::parse2::<DeriveInput>(item.clone()) {
        Ok(input) => input,
        Err(_) => {
            let error = Error::new_spanned(
                &item,
                "#[data] stands on a struct or an enum\nhelp: a skill's function is marked with #[skill]",
            );
            return error.into_compile_error();
        }
    };
    if let Data::Union(kind) = &input.data {
        let error = Error::new_spanned(kind.union_token, "JSON knows no union\nhelp: write an enum");
        return error.into_compile_error();
    }
    if let Some(lifetime) = input.generics.lifetimes().next() {
        let error = Error::new_spanned(
            lifetime,
            "data owns what it holds: nothing outlives the run that could lend it\nhelp: take `String` for `&str`",
        );
        return error.into_compile_error();
    }
    let sdk = quote!(::ringfence_sdk::__private);
    let strict = is_strict(&input).then(|| quote!(#[serde(deny_unknown_fields)]));
    let object = is_object(&input).then(|| {
        let name = &input.ident;
        let (generics, arguments, bounds) = input.generics.split_for_impl();
        quote!(impl #generics #sdk::input::Object for #name #arguments #bounds {})
    });
    quote! {
        #[derive(
            ::core::fmt::Debug,
            ::core::clone::Clone,
            #sdk::serde::Serialize,
            #sdk::serde::Deserialize,
            #sdk::schemars::JsonSchema,
        )]
        #[serde(crate = "::ringfence_sdk::__private::serde")]
        #[schemars(crate = "::ringfence_sdk::__private::schemars")]
        #strict
        #input
        #object
    }
}

/// Unknown fields are refused in structs with named fields and in tagged enums, unless a field collects them.
fn is_strict(input: &DeriveInput) -> bool {
    if has_serde(&input.attrs, "deny_unknown_fields") || has_serde(&input.attrs, "untagged") {
        return false;
    }
    let fields: Vec<_> = match &input.data {
        Data::Struct(kind) if matches!(kind.fields, Fields::Named(_)) => kind.fields.iter().collect(),
        Data::Enum(kind) => kind.variants.iter().flat_map(|variant| &variant.fields).collect(),
        _ => return false,
    };
    !fields.iter().any(|field| has_serde(&field.attrs, "flatten"))
}

/// Whether JSON shows the type as an object, so that it can be a skill's whole input.
fn is_object(input: &DeriveInput) -> bool {
    if has_serde(&input.attrs, "transparent")
        || has_serde(&input.attrs, "from")
        || has_serde(&input.attrs, "try_from")
    {
        return false;
    }
    match &input.data {
        Data::Struct(kind) => matches!(kind.fields, Fields::Named(_)),
        Data::Enum(_) => has_serde(&input.attrs, "tag"),
        Data::Union(_) => false,
    }
}

/// Whether a `#[serde(…)]` among these has this word at its top level.
fn has_serde(attributes: &[Attribute], word: &str) -> bool {
    attributes.iter().filter(|attribute| attribute.path().is_ident("serde")).any(|attribute| {
        let mut found = false;
        let parsed = attribute.parse_nested_meta(|meta| {
            found |= meta.path.is_ident(word);
            if meta.input.peek(syn::Token![=]) {
                meta.value()?.parse::<syn::Expr>()?;
            } else if meta.input.peek(syn::token::Paren) {
                let content;
                syn::parenthesized!(content in meta.input);
                content.parse::<TokenStream>()?;
            }
            Ok(())
        });
        found && parsed.is_ok()
    })
}
