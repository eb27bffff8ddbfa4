//! A row of an invoice: its words, and which of them are numbers. Does no sums.

use crate::kind::Kind;

/// A number in a row.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    /// Digits and marks as printed.
    pub(crate) digits: String,
    /// Which word of the row it is.
    pub(crate) position: usize,
    /// It has decimals or a currency beside it.
    pub(crate) is_money: bool,
}

/// A row, taken apart.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) kind: Kind,
    pub(crate) description: String,
    pub(crate) figures: Vec<Figure>,
}

/// Signs that stand beside a number and belong to no word.
const SIGNS: [char; 18] =
    ['€', '$', '£', '¥', '₹', '(', ')', '@', '×', '*', ':', '=', ';', '~', '≈', '[', ']', '₽'];
const CURRENCIES: [char; 6] = ['€', '$', '£', '¥', '₹', '₽'];

impl Row {
    /// Takes a line apart. `spaced`: a single space may part thousands.
    pub(crate) fn read(line: &str, spaced: bool) -> Self {
        let words = words(line, spaced);
        let mut figures = Vec::new();
        let mut description = Vec::new();
        for (position, word) in words.iter().enumerate() {
            let percent = words.get(position + 1).is_some_and(|next| next.starts_with('%'));
            match figure(word, position) {
                Some(_) if percent => {}
                Some(mut figure) => {
                    let beside = [position.checked_sub(1), Some(position + 1)];
                    let beside = beside.into_iter().flatten().filter_map(|at| words.get(at));
                    figure.is_money |= beside.into_iter().any(|word| is_currency(word));
                    figures.push(figure);
                }
                None if is_unit(word) && figures.last().is_some_and(|last| last.position + 1 == position) => {
                }
                None if word.starts_with('(')
                    || word.chars().any(char::is_alphabetic) && !is_currency(word) && !is_times(word) =>
                {
                    description.push(word.trim_matches([':', '|', '@', '/']));
                }
                None => {}
            }
        }
        let kind = Kind::of(&line.to_lowercase());
        Self {
            kind,
            description: description.join(" ").trim_matches([' ', ',', '-', '–']).to_owned(),
            figures,
        }
    }
}

fn words(line: &str, spaced: bool) -> Vec<String> {
    let mut text = String::new();
    let characters: Vec<char> = line.chars().collect();
    for (at, c) in characters.iter().copied().enumerate() {
        let digit =
            |at: Option<usize>| at.and_then(|at| characters.get(at)).is_some_and(char::is_ascii_digit);
        let (before, after) = (digit(at.checked_sub(1)), digit(Some(at + 1)));
        let dots = c == '.' && (characters.get(at + 1) == Some(&'.') || at > 0 && characters[at - 1] == '.');
        match c {
            '\u{a0}' | '\u{202f}' | '\u{2009}' if before && after => text.push('\''),
            'x' | 'X' if before && after && !is_dimension(&characters, at, line) => text.push_str(" x "),
            '|' | '\t' | ';' | '_' | '×' | '@' | '=' => text.push_str(&format!(" {c} ")),
            ':' if !(before && after) => text.push_str(": "),
            _ if dots => text.push(' '),
            _ => text.push(c),
        }
    }
    let mut words: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        let last = words.last().map_or("", |last| last.trim_start_matches(SIGNS).trim_start_matches('-'));
        let head = (1..=3).contains(&last.len()) && last.bytes().all(|byte| byte.is_ascii_digit());
        let bare = word.trim_end_matches(SIGNS);
        let tail = bare.len() >= 3
            && bare.bytes().take(3).all(|byte| byte.is_ascii_digit())
            && !bare.as_bytes().get(3).is_some_and(|byte| byte.is_ascii_digit());
        match words.last_mut() {
            Some(last) if spaced && head && tail => last.push_str(&format!("'{word}")),
            _ => words.push(word.to_owned()),
        }
    }
    words
}

/// Whether the `x` between two numbers makes them a size, as in `Desk 120x60  199.00`, and not a quantity times a price: both
/// are whole and of two digits at least, the money stands elsewhere, and is not what they make together.
fn is_dimension(characters: &[char], at: usize, line: &str) -> bool {
    let is_digit = |c: &&char| c.is_ascii_digit();
    let one: String = characters[..at].iter().rev().take_while(is_digit).collect();
    let one: String = one.chars().rev().collect();
    let other: String = characters[at + 1..].iter().take_while(is_digit).collect();
    let beside = [at.checked_sub(one.len() + 1), Some(at + 1 + other.len())];
    let mut beside = beside.into_iter().flatten().filter_map(|at| characters.get(at));
    if one.len() < 2 || other.len() < 2 || beside.any(|c| matches!(c, '.' | ',') || CURRENCIES.contains(c)) {
        return false;
    }
    let (Ok(one), Ok(other)) = (one.parse::<u64>(), other.parse::<u64>()) else { return false };
    let together = one.saturating_mul(other).to_string();
    let is_money = |word: &&str| word.contains(['.', ',']) || word.contains(CURRENCIES);
    let digits = |word: &str| word.chars().filter(char::is_ascii_digit).collect::<String>();
    let mut money =
        line.split_whitespace().filter(is_money).map(digits).filter(|digits| !digits.is_empty()).peekable();
    money.peek().is_some() && money.all(|money| money != together && money != format!("{together}00"))
}

fn figure(word: &str, position: usize) -> Option<Figure> {
    // `(12 months)` describes.
    let describes = word.starts_with('(') && !word.ends_with(')') && !word.contains(CURRENCIES);
    if word.contains('%') || describes {
        return None;
    }
    let is_negative =
        word.starts_with('(') && word.ends_with(')') || word.ends_with('-') || word.starts_with(['-', '−']);
    let has_sign = word.contains(CURRENCIES);
    let is_edge = |c: char| SIGNS.contains(&c) || matches!(c, '-' | '−' | '–' | '+');
    let core = word
        .split_once('/')
        .map_or(word, |(core, unit)| if unit.starts_with(char::is_alphabetic) { core } else { word });
    let core = core.trim_matches(is_edge);
    let core = strip_code(core).trim_matches(is_edge).trim_end_matches(['.', ',']);
    let core = core.trim_end_matches(".-");
    let unit = core.chars().rev().take_while(|c| c.is_alphabetic()).count();
    let core: String = core.chars().take(core.chars().count() - if unit <= 3 { unit } else { 0 }).collect();
    let is_number = core.starts_with(|c: char| c.is_ascii_digit())
        && core.chars().all(|c| c.is_ascii_digit() || matches!(c, '.' | ',' | '\'' | '’'));
    let decimals = core.rsplit_once(['.', ',']).map_or(0, |(_, part)| part.len());
    let is_money = has_sign || decimals == 2;
    is_number.then(|| Figure {
        digits: format!("{}{core}", if is_negative { "-" } else { "" }),
        position,
        is_money,
    })
}

/// Without a currency's letters before the digits: `EUR12.50`, `US$5`, `Rs.500`.
fn strip_code(word: &str) -> &str {
    let rest = word.trim_start_matches(|c: char| c.is_alphabetic() || CURRENCIES.contains(&c));
    if is_currency(&word[..word.len() - rest.len()]) { rest } else { word }
}

/// Whether the word is a currency: a sign, a code in capitals or a common word for one.
fn is_currency(word: &str) -> bool {
    let bare = word.trim_matches([':', '(', ')', '.', ',']);
    !bare.is_empty()
        && (bare.chars().all(|c| CURRENCIES.contains(&c))
            || crate::currency::CODES.contains(&bare)
            || matches!(
                bare,
                "US$" | "A$" | "C$" | "CA$" | "Fr" | "kr" | "zł" | "Kč" | "Euro" | "euro" | "euros"
            ))
}

/// Whether the word is the unit of a quantity before it.
fn is_unit(word: &str) -> bool {
    const UNITS: [&str; 22] = [
        "h", "hr", "hrs", "hour", "hours", "std", "stunden", "tim", "stk", "stück", "st", "pcs", "pc", "ea",
        "unit", "units", "kg", "g", "m", "l", "days", "pieces",
    ];
    UNITS.contains(&word.trim_end_matches('.').to_lowercase().as_str())
}

fn is_times(word: &str) -> bool {
    matches!(word, "x" | "X" | "à" | "at")
}
