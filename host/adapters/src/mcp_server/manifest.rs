//! Skills as the Skills extension (SEP-2640) lists them: each a folder with one file, made of its contract, with its digest.

use rmcp::model::{Skill, SkillFrontmatter, SkillResource, SkillResources};
use serde_json::{Value, json};

use super::Offer;

/// Where a skill's file is read.
pub(super) fn uri(offer: &Offer) -> String {
    format!("skill://{}/SKILL.md", offer.loaded.contract.name)
}

/// The skill's entry.
pub(super) fn entry(offer: &Offer) -> Skill {
    let contract = &offer.loaded.contract;
    let frontmatter = SkillFrontmatter::new(contract.name.to_string(), described(offer))
        .with_field("metadata", metadata(offer));
    let file = SkillResource::from_bytes(uri(offer), text(offer).as_bytes());
    Skill::new(uri(offer), frontmatter, SkillResources::Files(vec![file]))
}

/// Its file. The same skill has the same one.
pub(super) fn text(offer: &Offer) -> String {
    let contract = &offer.loaded.contract;
    let schema = |schema: &Value| serde_json::to_string_pretty(schema).unwrap_or_default();
    // What stands in JSON's quotes is YAML too.
    format!(
        "---\nname: {}\ndescription: {}\nmetadata: {}\n---\n\n# {}\n\n{}\n\nCall the tool `{}`. It takes:\n\n```json\n{}\n```\n\nand gives:\n\n```json\n{}\n```\n",
        contract.name,
        Value::from(described(offer)),
        metadata(offer),
        contract.name,
        contract.description,
        offer.tool,
        schema(contract.input.source()),
        schema(contract.output.source()),
    )
}

/// The most characters that the convention of Agent Skills allows a description.
const MOST_CHARACTERS: usize = 1_024;

fn described(offer: &Offer) -> String {
    let description: String = offer.loaded.contract.description.chars().take(MOST_CHARACTERS).collect();
    if description.trim().is_empty() { offer.loaded.contract.name.to_string() } else { description }
}

fn metadata(offer: &Offer) -> Value {
    json!({ "version": offer.loaded.contract.version, "component": offer.loaded.component, "tool": offer.tool })
}
