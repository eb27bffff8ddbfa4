//! What a skill's function may look like, and for every other look a message that says what to write instead.

use crate::doc;
use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Error, FnArg, Ident, ItemFn, Pat, PatType, Result, ReturnType, Type};

/// What the host provides, by the names that the SDK gives it: never the input.
const PROVIDED: [&str; 12] = [
    "Log",
    "Memory",
    "Artifacts",
    "Context",
    "Files",
    "Http",
    "Model",
    "Clock",
    "Random",
    "Skills",
    "Tool",
    "Violations",
];

/// A function that may be a skill, taken apart.
pub(crate) struct Checked {
    pub(crate) name: String,
    pub(crate) description: String,
    /// The first argument; none if the skill takes no input.
    pub(crate) input: Option<(Ident, Type)>,
    /// The types of all further arguments.
    pub(crate) provided: Vec<Type>,
    pub(crate) output: Type,
}

/// Holds the function against all rules; the error names every rule that it breaks, not just the first.
pub(crate) fn check(arguments: &TokenStream, function: &ItemFn) -> Result<Checked> {
    let mut errors = Vec::new();
    if !arguments.is_empty() {
        errors.push(Error::new_spanned(
            arguments,
            "#[skill] takes no arguments: the name comes from the function, the description from its doc comment, \
             the version from Cargo.toml and the powers from the signature",
        ));
    }
    check_header(function, &mut errors);
    let description = doc::text(&function.attrs);
    if description.is_empty() {
        errors.push(Error::new_spanned(
            &function.sig.ident,
            "a skill needs a doc comment: it becomes the description by which agents choose the skill\n\
             help: write `/// Greets someone by name.` above #[skill]",
        ));
    }
    let output = match &function.sig.output {
        ReturnType::Type(_, output) => Some((**output).clone()),
        ReturnType::Default => {
            errors.push(Error::new_spanned(
                &function.sig.ident,
                "a skill returns a `Result`: its output becomes JSON, its `Failure` says `retry` or `stop`\n\
                 help: write `-> Result<()>` if there is nothing to give back",
            ));
            None
        }
    };
    let (input, provided) = check_arguments(function, &mut errors);
    match (
        errors.into_iter().reduce(|mut all, next| {
            all.combine(next);
            all
        }),
        output,
    ) {
        (None, Some(output)) => {
            Ok(Checked { name: kebab(&function.sig.ident), description, input, provided, output })
        }
        (Some(error), _) => Err(error),
        (None, None) => Err(Error::new_spanned(function, "a skill returns a `Result`")),
    }
}

fn check_header(function: &ItemFn, errors: &mut Vec<Error>) {
    let signature = &function.sig;
    if let Some(word) = &signature.asyncness {
        errors.push(Error::new_spanned(
            word,
            "a skill is a plain `fn`: the host suspends it while a power waits, so there is nothing to await\n\
             help: remove `async` and every `.await`",
        ));
    }
    if let Some(word) = &signature.unsafety {
        errors.push(Error::new_spanned(word, "a skill is a safe function\nhelp: remove `unsafe`"));
    }
    if let Some(abi) = &signature.abi {
        errors.push(Error::new_spanned(abi, "#[skill] makes the exports itself\nhelp: remove `extern`"));
    }
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        errors.push(Error::new_spanned(
            &signature.generics,
            "a skill cannot be generic: its contract is one JSON Schema for its input and one for its output\n\
             help: write the concrete types",
        ));
    }
    let name = signature.ident.to_string();
    let known = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    if !name.starts_with(|c: char| c.is_ascii_lowercase())
        || name.ends_with('_')
        || name.contains("__")
        || !name.chars().all(known)
    {
        errors.push(Error::new_spanned(
            &signature.ident,
            "a skill's name is made of lower-case ASCII words joined by single underscores\n\
             help: `word_count` becomes the skill `word-count`",
        ));
    }
}

fn check_arguments(function: &ItemFn, errors: &mut Vec<Error>) -> (Option<(Ident, Type)>, Vec<Type>) {
    let mut input = None;
    let mut provided = Vec::new();
    for (position, argument) in function.sig.inputs.iter().enumerate() {
        let argument = match argument {
            FnArg::Typed(argument) => argument,
            FnArg::Receiver(receiver) => {
                errors.push(Error::new_spanned(
                    receiver,
                    "a skill is a free function: each run begins with nothing but its input\n\
                     help: take the input as the first argument; what shall outlive a run belongs into `Memory`",
                ));
                continue;
            }
        };
        check_type(argument, position, errors);
        if position > 0 {
            provided.push((*argument.ty).clone());
        } else if let Some(name) = argument_name(argument, errors) {
            input = Some((name, (*argument.ty).clone()));
        }
    }
    (input, provided)
}

fn check_type(argument: &PatType, position: usize, errors: &mut Vec<Error>) {
    match &*argument.ty {
        Type::Reference(reference) => errors.push(Error::new_spanned(
            reference,
            "a skill owns its arguments: nothing outlives the run that could lend them\n\
             help: take `String` instead of `&str`, `Vec<T>` instead of `&[T]`, a power by value",
        )),
        Type::ImplTrait(kind) => errors.push(Error::new_spanned(
            kind,
            "a skill cannot be generic: its contract is one JSON Schema for its input and one for its output\n\
             help: write the concrete types",
        )),
        Type::Path(path) if position == 0 => {
            let last = path.path.segments.last().map(|segment| segment.ident.to_string());
            if let Some(name) = last.filter(|name| PROVIDED.contains(&name.as_str())) {
                errors.push(Error::new_spanned(
                    path,
                    format!(
                        "the first argument is the input, and `{name}` is provided by the host\n\
                         help: put the input first; a skill without input takes `_: ()` first"
                    ),
                ));
            }
        }
        _ => {}
    }
}

/// The name under which the input stands in the JSON object, if it must be wrapped in one.
fn argument_name(argument: &PatType, errors: &mut Vec<Error>) -> Option<Ident> {
    match &*argument.pat {
        Pat::Ident(pattern) => Some(pattern.ident.clone()),
        Pat::Wild(wild) if is_unit(&argument.ty) => Some(Ident::new("nothing", wild.underscore_token.span)),
        pattern => {
            errors.push(Error::new_spanned(
                pattern.to_token_stream(),
                "the input needs a plain name: the caller writes it in JSON\nhelp: write `name: String`",
            ));
            None
        }
    }
}

/// Whether the type is written `()`: no input.
pub(crate) fn is_unit(kind: &Type) -> bool {
    matches!(kind, Type::Tuple(tuple) if tuple.elems.is_empty())
}

fn kebab(name: &Ident) -> String {
    name.to_string().replace('_', "-")
}
