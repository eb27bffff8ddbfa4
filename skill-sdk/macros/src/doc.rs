//! Doc comments as one text: what a reader of the skill's contract sees.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of the doc comments among these attributes: the lines of a paragraph joined by spaces, paragraphs by a
/// line break. Empty if there is none.
pub(crate) fn text(attributes: &[Attribute]) -> String {
    let mut paragraphs = vec![String::new()];
    for line in attributes.iter().filter_map(line) {
        for line in line.lines().map(str::trim) {
            let last = paragraphs.last_mut().expect("it begins with one and only grows");
            match (line.is_empty(), last.is_empty()) {
                (true, true) => {}
                (true, false) => paragraphs.push(String::new()),
                (false, true) => last.push_str(line),
                (false, false) => {
                    last.push(' ');
                    last.push_str(line);
                }
            }
        }
        if line.trim().is_empty() && paragraphs.last().is_some_and(|last| !last.is_empty()) {
            paragraphs.push(String::new());
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    paragraphs.join("\n")
}

fn line(attribute: &Attribute) -> Option<String> {
    let Meta::NameValue(pair) = &attribute.meta else {
        return None;
    };
    match &pair.value {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) if pair.path.is_ident("doc") => Some(text.value()),
        _ => None,
    }
}
