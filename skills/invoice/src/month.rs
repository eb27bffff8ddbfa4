//! The names of months in the languages that invoices come in.

/// The beginnings of the names, January first: English, German, French, Spanish, Italian, Dutch, Portuguese.
const MONTHS: [&[&str]; 12] = [
    &["jan", "jän", "ene", "gen"],
    &["feb", "fév", "fev"],
    &["mar", "mär", "mrz", "maa", "mrt"],
    &["apr", "avr", "abr"],
    &["may", "mai", "mag", "mei"],
    &["jun", "juin", "giu"],
    &["jul", "juil", "lug"],
    &["aug", "aoû", "aou", "ago"],
    &["sep", "set"],
    &["oct", "okt", "ott", "out"],
    &["nov"],
    &["dec", "dez", "déc", "dic"],
];

/// The longest and the shortest rest of a name: `Sept`, `settembre`.
const REST: usize = 7;

/// The number of the month that a word names, 1 to 12. The word has to look like a name: `Marketing` is none.
pub(crate) fn number(word: &str) -> Option<u32> {
    let word = word.trim_matches(['.', ',']).to_lowercase();
    let all_letters = word.chars().all(char::is_alphabetic);
    let month = MONTHS.iter().position(|names| {
        names.iter().any(|name| word.strip_prefix(name).is_some_and(|rest| rest.is_empty() || is_rest(rest)))
    })?;
    (all_letters && word.len() <= REST + 4).then(|| u32::try_from(month + 1).ok())?
}

/// What full names have after their first letters.
fn is_rest(rest: &str) -> bool {
    const RESTS: [&str; 50] = [
        "uary", "uar", "ner", "vier", "ero", "naio", "eiro", "uari", "ruary", "ruar", "rier", "rero",
        "braio", "ereiro", "ruari", "ch", "z", "s", "zo", "rt", "ço", "il", "ile", "il", "o", "gio", "e",
        "i", "y", "li", "io", "let", "lho", "nho", "gno", "ust", "t", "osto", "ustus", "tember", "tembre",
        "tiembre", "tembro", "ober", "obre", "tubre", "ubre", "ember", "embre", "iembre",
    ];
    RESTS.contains(&rest)
        || matches!(rest, "embro" | "tt" | "ubro" | "r" | "raio" | "lio" | "ly" | "tob" | "sto" | "ril")
}
