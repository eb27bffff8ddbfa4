//! `#[skill]`: the function as it was written, a type of the same name that implements `Skill`, and the exports.

use crate::check::{Checked, check, is_unit};
use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Ident, ItemFn};

/// The whole expansion. A function that breaks a rule vanishes, so that the compiler speaks of the rule alone.
pub(crate) fn expand(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let function = match syn::parse2::<ItemFn>(item.clone()) {
        Ok(function) => function,
        Err(_) => {
            let error = syn::Error::new_spanned(
                &item,
                "#[skill] stands on a function\nhelp: write `#[skill] fn hello(name: String) -> Result<String>`",
            );
            return error.into_compile_error();
        }
    };
    match check(&arguments, &function) {
        Ok(checked) => {
            let skill = implementation(&function.sig.ident, &checked);
            quote!(#function #skill)
        }
        Err(error) => error.into_compile_error(),
    }
}

fn implementation(function: &Ident, checked: &Checked) -> TokenStream {
    let Checked { name, description, input, provided, output } = checked;
    let sdk = quote!(::ringfence_sdk::__private);
    let provided = provided
        .iter()
        .map(|kind| quote_spanned!(kind.span()=> <#kind as ::ringfence_sdk::Provided>::provide(host)));
    let (schema, read, arguments) = match input {
        None => (
            quote!(#sdk::input::empty_schema()),
            quote!(#sdk::input::read_empty(input)?;),
            quote!(#(#provided),*),
        ),
        Some((_, kind)) if is_unit(kind) => (
            quote!(#sdk::input::empty_schema()),
            quote!(#sdk::input::read_empty(input)?;),
            quote!((), #(#provided),*),
        ),
        Some((name, kind)) => {
            let name = name.to_string();
            let name = name.trim_start_matches("r#").trim_start_matches('_');
            let shape = quote! {
                #sdk::input::Shape {
                    name: #name,
                    direct: #sdk::input::Probe::<#kind>::DIRECT,
                    optional: #sdk::input::Probe::<#kind>::OPTIONAL,
                }
            };
            (
                quote_spanned!(kind.span()=> #sdk::input::schema::<#kind>(&#shape)),
                quote_spanned!(kind.span()=> let input = #sdk::input::read::<#kind>(&#shape, input)?;),
                quote!(input, #(#provided),*),
            )
        }
    };
    let returned = quote_spanned!(output.span()=> <#output as #sdk::output::Returned>);
    let output_schema = quote_spanned!(output.span()=> #sdk::output::schema::<#returned::Output>());
    let write = quote_spanned!(output.span()=> #sdk::output::write::<#returned::Output>);
    quote! {
        #[doc(hidden)]
        #[expect(non_camel_case_types, reason = "a skill's type bears the name of its function")]
        #[derive(Debug)]
        pub struct #function {}

        const _: () = {
            use #sdk::input::{NotDirect as _, NotOptional as _};

            impl ::ringfence_sdk::Skill for #function {
                fn contract() -> ::ringfence_sdk::Contract {
                    ::ringfence_sdk::Contract {
                        name: #sdk::String::from(#name),
                        description: #sdk::String::from(#description),
                        version: #sdk::String::from(::core::env!("CARGO_PKG_VERSION")),
                        input_schema: #schema,
                        output_schema: #output_schema,
                    }
                }

                fn run(input: &str, host: &::ringfence_sdk::Host) -> ::ringfence_sdk::Result<#sdk::String> {
                    #read
                    let returned = #function(#arguments);
                    #write(&#returned::into_result(returned)?)
                }
            }

            #[cfg(target_family = "wasm")]
            type Component = #sdk::Component<#function>;
            #[cfg(target_family = "wasm")]
            #sdk::export!(Component);
        };
    }
}
