//! Lesson seven: skills that run other skills. The power `skills` hands on nothing that the caller does not have: each
//! skill that is asked runs in its own sandbox, with the caller's privileges, on this skill's ledger. What one of them
//! cannot do is said beside what the others did.

use ringfence_sdk::prelude::*;
use ringfence_sdk::skills::Request;

/// The most sources.
const MOST: usize = 16;

/// The longest excerpt, in characters.
const EXCERPT: usize = 280;

/// What to read.
#[data]
pub struct Sources {
    /// Texts, and pages by their URL (`http://…` or `https://…`); sixteen at most.
    pub sources: Vec<String>,
}

/// What is in one source.
#[data]
#[derive(PartialEq, Eq)]
pub struct Part {
    /// Where it is from: a URL, or `text 1`, `text 2`, …
    pub source: String,
    /// The page's title, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How it begins.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub excerpt: String,
    /// How many words it has.
    #[serde(default)]
    pub words: u64,
    /// How many seconds it takes to read.
    #[serde(default)]
    pub reading_seconds: u64,
    /// Why it could not be read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// What is in all of them.
#[data]
#[derive(PartialEq, Eq)]
pub struct Briefing {
    /// One for each source, in their order.
    pub parts: Vec<Part>,
    /// How many seconds it takes to read all of them.
    pub reading_seconds: u64,
}

/// Reads several sources at once, texts and web pages, and says what is in each and how long it takes to read.
#[skill]
fn briefing(input: Sources, skills: Skills) -> Result<Briefing> {
    let Sources { sources } = input;
    if sources.len() > MOST {
        return Err(Failure::stop(format!("{} sources; {MOST} are the most", sources.len())));
    }
    let mut drafts = fetch(&sources, &skills)?;
    count(&mut drafts, &skills)?;
    let parts: Vec<Part> = drafts.into_iter().map(|draft| draft.part).collect();
    let reading_seconds = parts.iter().map(|part| part.reading_seconds).sum();
    Ok(Briefing { parts, reading_seconds })
}

/// A part, and the text that it is about.
struct Draft {
    part: Part,
    text: Option<String>,
}

/// Gets the pages, all at once.
fn fetch(sources: &[String], skills: &Skills) -> Result<Vec<Draft>> {
    let is_page = |source: &str| source.starts_with("http://") || source.starts_with("https://");
    let pages = sources.iter().filter(|source| is_page(source));
    let asked = pages.map(|url| Request::new("fetch-page", &json!({ "url": url })));
    let mut fetched = skills.run_many(asked.collect::<std::result::Result<_, _>>()?).into_iter();
    let mut texts = 0;
    let drafts = sources.iter().map(|source| {
        if !is_page(source) {
            texts += 1;
            return Draft { part: part(&format!("text {texts}")), text: Some(source.clone()) };
        }
        let mut part = part(source);
        let text = match fetched.next() {
            Some(Ok(page)) => {
                part.title = page["title"].as_str().map(str::to_owned);
                Some(page["text"].as_str().unwrap_or_default().to_owned())
            }
            Some(Err(why)) => {
                part.problem = Some(why.to_string());
                None
            }
            None => None,
        };
        Draft { part, text }
    });
    Ok(drafts.collect())
}

/// Counts the words of all texts at once.
fn count(drafts: &mut [Draft], skills: &Skills) -> Result<()> {
    let texts = drafts.iter().filter_map(|draft| draft.text.as_ref());
    let asked = texts.map(|text| Request::new("word-count", &json!({ "text": text, "top": 0 })));
    let mut counted = skills.run_many(asked.collect::<std::result::Result<_, _>>()?).into_iter();
    for Draft { part, text } in drafts {
        let Some(text) = text else { continue };
        part.excerpt = text.chars().take(EXCERPT).collect();
        match counted.next() {
            Some(Ok(report)) => {
                part.words = report["words"].as_u64().unwrap_or_default();
                part.reading_seconds = report["reading_seconds"].as_u64().unwrap_or_default();
            }
            Some(Err(why)) => part.problem = Some(why.to_string()),
            None => {}
        }
    }
    Ok(())
}

fn part(source: &str) -> Part {
    Part {
        source: source.to_owned(),
        title: None,
        excerpt: String::new(),
        words: 0,
        reading_seconds: 0,
        problem: None,
    }
}

#[cfg(test)]
mod tests;
