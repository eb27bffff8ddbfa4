//! Skills as the Skills extension (SEP-2640) lists them: each a folder with one file, made of its contract, with its digest.

use ringfence_core::content::acts;
use rmcp::model::{Skill, SkillFrontmatter, SkillResource, SkillResources};
use serde_json::{Value, json};

use super::Offer;

/// Where a skill's file is read: by the name of its tool, which is one client's own.
pub(super) fn uri(offer: &Offer) -> String {
    format!("skill://{}/SKILL.md", offer.tool)
}

/// The skill's entry.
pub(super) fn entry(offer: &Offer) -> Skill {
    let frontmatter =
        SkillFrontmatter::new(offer.tool.clone(), described(offer)).with_field("metadata", metadata(offer));
    let file = SkillResource::from_bytes(uri(offer), text(offer).as_bytes());
    Skill::new(uri(offer), frontmatter, SkillResources::Files(vec![file]))
}

/// Its file. The same skill has the same one. The author's words stand within quotes, where they end nothing.
pub(super) fn text(offer: &Offer) -> String {
    let contract = &offer.loaded.contract;
    let schema = |schema: &Value| printable(&serde_json::to_string_pretty(schema).unwrap_or_default());
    let quoted: String =
        contract.description.lines().map(|line| format!("> {}\n", printable(line))).collect();
    format!(
        "---\nname: {}\ndescription: {}\nmetadata: {}\n---\n\n# {}\n\nCall the tool `{}`. What its author says of it:\n\n{quoted}\nIt takes:\n\n```json\n{}\n```\n\nand gives:\n\n```json\n{}\n```\n",
        quoted_for_yaml(&offer.tool),
        quoted_for_yaml(&described(offer)),
        metadata(offer),
        offer.tool,
        offer.tool,
        schema(contract.input.source()),
        schema(contract.output.source()),
    )
}

/// A text in JSON's quotes with everything escaped that a reader of YAML would take for the end of a line or refuse.
fn quoted_for_yaml(text: &str) -> String {
    printable(&Value::from(text).to_string())
}

/// The text with escapes, as YAML has them, for what acts on terminals or ends lines.
fn printable(text: &str) -> String {
    let is_plain = |c: char| c == '\n' || !(acts(c) || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}'));
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        if is_plain(c) {
            plain.push(c);
        } else {
            let code = u32::from(c);
            let escape = if code > 0xffff { format!("\\U{code:08x}") } else { format!("\\u{code:04x}") };
            plain.push_str(&escape);
        }
    }
    plain
}

/// The most characters that the convention of Agent Skills allows a description.
const MOST_CHARACTERS: usize = 1_024;

fn described(offer: &Offer) -> String {
    let description: String = offer.loaded.contract.description.chars().take(MOST_CHARACTERS).collect();
    if description.trim().is_empty() { offer.tool.clone() } else { description }
}

fn metadata(offer: &Offer) -> Value {
    json!({ "version": offer.loaded.contract.version, "component": offer.loaded.component, "tool": offer.tool })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_author_says_ends_no_line_of_the_file() {
        let said = quoted_for_yaml("a\u{85}---\u{2028}b\u{7f}\u{9b}\u{e0041}\"\n---\n");
        assert_eq!(said, r#""a\u0085---\u2028b\u007f\u009b\U000e0041\"\n---\n""#);
    }
}
