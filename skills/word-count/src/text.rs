//! How a text falls into characters, words, sentences and paragraphs. Rules of thumb over Unicode's properties that
//! need no tables beyond those of `char`; no counting.

/// Ends of a sentence that need no space after them.
const WIDE_ENDS: [char; 3] = ['。', '！', '？'];

/// Words after which a full stop does not end a sentence, in lower case.
const ABBREVIATIONS: [&str; 21] = [
    "bzw", "ca", "cf", "dr", "e.g", "etc", "fig", "i.e", "jr", "mr", "mrs", "ms", "nr", "prof", "sr", "st",
    "u.a", "usw", "vgl", "vs", "z.b",
];

/// The characters that a reader counts.
pub(crate) fn characters(text: &str) -> impl Iterator<Item = char> {
    let mut joined = false;
    text.replace("\r\n", "\n").chars().collect::<Vec<_>>().into_iter().filter(move |c| {
        let counts = !joins(*c) && !joined;
        joined = *c == '\u{200d}';
        counts
    })
}

/// Whether the character melts into the one before: accents, variation selectors, skin tones, the joiner of emoji.
fn joins(c: char) -> bool {
    matches!(c, '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{1dc0}'..='\u{1dff}' | '\u{20d0}'..='\u{20ff}')
        || matches!(c, '\u{fe00}'..='\u{fe0f}' | '\u{fe20}'..='\u{fe2f}' | '\u{1f3fb}'..='\u{1f3ff}' | '\u{200d}')
}

/// The words: runs of letters and digits, with the apostrophes, hyphens, points and commas inside them (`don't`,
/// `3.14`); each ideograph and kana alone.
pub(crate) fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut start = None;
    let mut characters = text.char_indices().peekable();
    while let Some((at, c)) = characters.next() {
        let next = characters.peek().map(|(_, next)| *next);
        let inside = match start {
            _ if stands_alone(c) => false,
            None => c.is_alphanumeric(),
            Some(_) => c.is_alphanumeric() || joins(c) || (links(c) && next.is_some_and(begins_word)),
        };
        match (start, inside) {
            (None, true) => start = Some(at),
            (Some(begin), false) => {
                words.push(&text[begin..at]);
                start = None;
            }
            _ => {}
        }
        if stands_alone(c) {
            words.push(&text[at..at + c.len_utf8()]);
        }
    }
    words.extend(start.map(|begin| &text[begin..]));
    words
}

fn begins_word(c: char) -> bool {
    c.is_alphanumeric() && !stands_alone(c)
}

fn links(c: char) -> bool {
    matches!(c, '\'' | '’' | '-' | '\u{2010}' | '.' | ',')
}

/// Ideographs and kana, which are written without spaces.
fn stands_alone(c: char) -> bool {
    matches!(c, '\u{3041}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{20000}'..='\u{3134f}')
        && c.is_alphanumeric()
}

/// The number of sentences. A heading or a last line without an end counts as one.
pub(crate) fn sentences(text: &str) -> u64 {
    blocks(text).map(|block| sentences_of(&block)).sum()
}

fn sentences_of(block: &str) -> u64 {
    let mut count = 0;
    let mut open = false;
    let characters: Vec<char> = block.chars().collect();
    let mut word = String::new();
    for (at, c) in characters.iter().copied().enumerate() {
        if c.is_alphanumeric() {
            open = true;
        }
        let rest = &characters[at + 1..];
        if open && (WIDE_ENDS.contains(&c) || (matches!(c, '.' | '!' | '?' | '…') && ends(c, &word, rest)))
        {
            count += 1;
            open = false;
        }
        match c {
            _ if c.is_alphanumeric() || c == '.' => word.extend(c.to_lowercase()),
            _ => word.clear(),
        }
    }
    count + u64::from(open)
}

/// Whether this mark ends a sentence: a space or the end follows (after closing quotes), and a full stop belongs to
/// no abbreviation, no initial, and is not followed by a small letter.
fn ends(mark: char, word: &str, rest: &[char]) -> bool {
    let mut rest =
        rest.iter().copied().skip_while(|c| matches!(c, '"' | '\'' | '”' | '’' | '»' | ')' | ']' | '“'));
    let Some(next) = rest.next() else {
        return true;
    };
    if !next.is_whitespace() {
        return false;
    }
    let lower = rest.find(|c| c.is_alphanumeric()).is_some_and(char::is_lowercase);
    let initial = word.chars().count() == 1 && word.chars().all(char::is_alphabetic) && word != "i";
    mark != '.' || !(lower || initial || ABBREVIATIONS.contains(&word))
}

/// The number of paragraphs.
pub(crate) fn paragraphs(text: &str) -> u64 {
    blocks(text).map(|_| 1).sum()
}

/// The runs of lines that are not blank.
fn blocks(text: &str) -> impl Iterator<Item = String> {
    let mut blocks = vec![String::new()];
    for line in text.lines() {
        match blocks.last_mut() {
            Some(last) if !line.trim().is_empty() => {
                last.push_str(line);
                last.push('\n');
            }
            _ => blocks.push(String::new()),
        }
    }
    blocks.into_iter().filter(|block| !block.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_keep_their_apostrophes_hyphens_and_decimals() {
        assert_eq!(words("Don't well-known, 3.14 — it's"), ["Don't", "well-known", "3.14", "it's"]);
        assert_eq!(words("'quoted' end."), ["quoted", "end"]);
    }

    #[test]
    fn ideographs_are_words_of_their_own() {
        assert_eq!(words("東京 2025年"), ["東", "京", "2025", "年"]);
    }

    #[test]
    fn a_composed_and_a_decomposed_accent_count_alike() {
        assert_eq!(characters("é").count(), 1);
        assert_eq!(characters("e\u{301}").count(), 1);
        assert_eq!(characters("👩\u{200d}🚀!").count(), 2);
        assert_eq!(words("e\u{301}tude").len(), 1);
    }

    #[test]
    fn abbreviations_initials_and_decimals_end_no_sentence() {
        assert_eq!(sentences("Dr. J. Smith paid 3.14 euros, e.g. for tea. Really?! Yes"), 3);
        assert_eq!(sentences("東京です。はい！"), 2);
        assert_eq!(sentences("A heading\n\nShe said “no.” Then she left…"), 3);
    }

    #[test]
    fn blank_lines_part_paragraphs() {
        assert_eq!(paragraphs("a\nb\n\n \nc\n"), 2);
    }
}
