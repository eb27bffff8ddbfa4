//! Lesson two: input and output of one's own types. `#[data]` gives them JSON and a schema, and the doc comments
//! become its descriptions. Still pure.

mod text;

use ringfence_sdk::prelude::*;
use std::collections::BTreeMap;

/// Silent reading of English non-fiction, in words a minute: Brysbaert, "How many words do we read per minute?",
/// Journal of Memory and Language 109 (2019).
const WORDS_A_MINUTE: u64 = 238;

/// What to count.
#[data]
pub struct Request {
    /// Plain text in any language.
    pub text: String,
    /// How many of the most frequent words to name.
    #[serde(default = "ten")]
    pub top: u16,
}

fn ten() -> u16 {
    10
}

/// What was counted.
#[data]
#[derive(PartialEq, Eq)]
pub struct Report {
    /// Words; each Chinese or Japanese character is one.
    pub words: u64,
    /// Words that differ by more than upper and lower case.
    pub different_words: u64,
    /// Sentences.
    pub sentences: u64,
    /// Paragraphs: runs of lines that are not blank.
    pub paragraphs: u64,
    /// Characters as a reader sees them: marks that join the character before are not counted, spaces are.
    pub characters: u64,
    /// The same without spaces and line breaks.
    pub characters_without_spaces: u64,
    /// The most frequent words in lower case, the most frequent first, equally frequent ones in order of their code
    /// points.
    pub most_frequent: Vec<Frequency>,
    /// How long reading takes, in seconds, rounded up.
    pub reading_seconds: u64,
}

/// How often a word occurs.
#[data]
#[derive(PartialEq, Eq)]
pub struct Frequency {
    /// The word in lower case.
    pub word: String,
    /// How often.
    pub count: u64,
}

/// Counts words, sentences and characters of a text, names its most frequent words and estimates the reading time.
#[skill]
fn word_count(request: Request) -> Result<Report> {
    let text = &request.text;
    let mut counts = BTreeMap::<String, u64>::new();
    let mut words = 0;
    for word in text::words(text) {
        words += 1;
        *counts.entry(word.to_lowercase()).or_default() += 1;
    }
    let different_words = count(counts.len());
    let mut most_frequent: Vec<Frequency> =
        counts.into_iter().map(|(word, count)| Frequency { word, count }).collect();
    // The map gave them in order of their words, and a stable sort keeps that among equals.
    most_frequent.sort_by_key(|frequency| std::cmp::Reverse(frequency.count));
    most_frequent.truncate(request.top.into());
    Ok(Report {
        words,
        different_words,
        sentences: text::sentences(text),
        paragraphs: text::paragraphs(text),
        characters: count(text::characters(text).count()),
        characters_without_spaces: count(text::characters(text).filter(|c| !c.is_whitespace()).count()),
        most_frequent,
        reading_seconds: (words * 60).div_ceil(WORDS_A_MINUTE),
    })
}

fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        word_count(Request { text: text.into(), top: 2 }).unwrap()
    }

    #[test]
    fn an_empty_text_has_nothing_to_count() {
        let report = report(" \n\n ");
        assert_eq!((report.words, report.sentences, report.paragraphs, report.reading_seconds), (0, 0, 0, 0));
    }

    #[test]
    fn words_are_counted_without_regard_to_case() {
        let report = report("The fish saw the Fish. THE END!");
        assert_eq!((report.words, report.different_words, report.sentences), (7, 4, 2));
        let frequent: Vec<_> = report.most_frequent.iter().map(|f| (f.word.as_str(), f.count)).collect();
        assert_eq!(frequent, [("the", 3), ("fish", 2)]);
    }

    #[test]
    fn equally_frequent_words_stand_in_a_fixed_order() {
        let names: Vec<_> = report("zebra apple Éclair").most_frequent.into_iter().map(|f| f.word).collect();
        assert_eq!(names, ["apple", "zebra"]);
    }

    #[test]
    fn top_may_be_left_out_and_nothing_else_may_be_added() {
        let run = |input| <word_count as Skill>::run(input, &Host::fake());
        assert!(run(r#"{"text":"a"}"#).unwrap().contains(r#""words":1"#));
        assert!(run(r#"{"text":"a","bottom":1}"#).is_err());
    }

    #[test]
    fn reading_takes_a_minute_for_238_words() {
        assert_eq!(report(&"word ".repeat(238)).reading_seconds, 60);
        assert_eq!(report("word").reading_seconds, 1);
    }
}
