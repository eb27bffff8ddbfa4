//! The currency: as printed, and in ISO 4217.

use crate::choice::Reading;
use crate::kind::says;

/// The codes of ISO 4217 that money is charged in.
pub(crate) const CODES: &[&str] = &[
    "AED", "ARS", "AUD", "BGN", "BHD", "BRL", "CAD", "CHF", "CLP", "CNY", "COP", "CZK", "DKK", "EGP", "EUR",
    "GBP", "HKD", "HUF", "IDR", "ILS", "INR", "ISK", "JOD", "JPY", "KES", "KRW", "KWD", "MAD", "MXN", "MYR",
    "NGN", "NOK", "NZD", "OMR", "PEN", "PHP", "PKR", "PLN", "QAR", "RON", "RSD", "SAR", "SEK", "SGD", "THB",
    "TND", "TRY", "USD", "VND", "ZAR",
];

/// What is printed, and the codes that it may stand for, the likeliest first.
const PRINTED: [(&str, &[&str]); 34] = [
    ("US$", &["USD"]),
    ("CA$", &["CAD"]),
    ("C$", &["CAD"]),
    ("A$", &["AUD"]),
    ("NZ$", &["NZD"]),
    ("HK$", &["HKD"]),
    ("S$", &["SGD"]),
    ("R$", &["BRL"]),
    ("€", &["EUR"]),
    ("£", &["GBP"]),
    ("₹", &["INR"]),
    ("¥", &["JPY", "CNY"]),
    ("₩", &["KRW"]),
    ("₪", &["ILS"]),
    ("₺", &["TRY"]),
    ("₫", &["VND"]),
    ("฿", &["THB"]),
    ("zł", &["PLN"]),
    ("Kč", &["CZK"]),
    ("$", &["USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"]),
    ("kr", &["SEK", "NOK", "DKK", "ISK"]),
    ("Fr.", &["CHF"]),
    ("SFr", &["CHF"]),
    ("euros", &["EUR"]),
    ("euro", &["EUR"]),
    ("pounds", &["GBP"]),
    ("sterling", &["GBP"]),
    ("dollars", &["USD", "CAD", "AUD", "NZD", "SGD", "HKD"]),
    ("francs", &["CHF"]),
    ("franken", &["CHF"]),
    ("yen", &["JPY"]),
    ("yuan", &["CNY"]),
    ("rupees", &["INR"]),
    ("kronor", &["SEK"]),
];

/// Words that speak for one of several currencies of the same sign.
const HINTS: [(&str, &str); 20] = [
    ("canada", "CAD"),
    ("canadian", "CAD"),
    ("hst", "CAD"),
    ("ontario", "CAD"),
    ("australia", "AUD"),
    ("australian", "AUD"),
    ("abn", "AUD"),
    ("new zealand", "NZD"),
    ("singapore", "SGD"),
    ("hong kong", "HKD"),
    ("méxico", "MXN"),
    ("mexico", "MXN"),
    ("norge", "NOK"),
    ("norway", "NOK"),
    ("mva", "NOK"),
    ("danmark", "DKK"),
    ("denmark", "DKK"),
    ("sverige", "SEK"),
    ("sweden", "SEK"),
    ("china", "CNY"),
];

/// How many decimals the currency's amounts have.
pub(crate) fn decimals(code: &str) -> u32 {
    match code {
        "CLP" | "ISK" | "JPY" | "KRW" | "VND" => 0,
        "BHD" | "JOD" | "KWD" | "OMR" | "TND" => 3,
        _ => 2,
    }
}

/// The readings of the currency: what is printed first, and then the codes for it, a printed code before those that
/// signs and words stand for.
pub(crate) fn readings(text: &str) -> Vec<Reading<String>> {
    let code = printed_codes(text);
    let lower = text.to_lowercase();
    let mut printed: Vec<(usize, &str, Vec<&str>)> = PRINTED
        .iter()
        .filter_map(|(mark, codes)| Some((place(text, &lower, mark)?, *mark, ordered(codes, &lower))))
        .collect();
    // Signs hold each other: where `US$` stands, there is a `$` one byte behind.
    printed.sort_by_key(|(at, mark, _)| (at + mark.len(), *at));
    let face = match (code.first(), printed.first()) {
        (Some((code_at, code)), Some((at, ..))) if code_at < at => Some(*code),
        (_, Some((_, mark, _))) => Some(*mark),
        (code, None) => code.map(|(_, code)| *code),
    };
    let mut readings: Vec<Reading<String>> = Vec::new();
    readings.extend(face.map(|face| Reading::text(face, CODES.contains(&face))));
    let codes = code
        .iter()
        .map(|(_, code)| *code)
        .chain(printed.iter().flat_map(|(_, _, codes)| codes.iter().copied()));
    for code in codes {
        if readings.iter().all(|reading| reading.value != code) {
            readings.push(Reading::text(code, true));
        }
    }
    readings
}

/// Where the mark stands: a word as a word, in any case; a sign anywhere.
fn place(text: &str, lower: &str, mark: &str) -> Option<usize> {
    match mark.chars().all(char::is_alphabetic) {
        true if says(lower, &mark.to_lowercase()) => lower.find(&mark.to_lowercase()),
        true => None,
        // `S$` is not in `US$`.
        false => text.match_indices(mark).map(|(at, _)| at).find(|at| {
            let before = text[..*at].chars().next_back();
            !(mark.starts_with(char::is_alphabetic) && before.is_some_and(char::is_alphabetic))
        }),
    }
}

fn ordered<'a>(codes: &[&'a str], lower: &str) -> Vec<&'a str> {
    let hinted = |code: &str| HINTS.iter().any(|(hint, hinted)| *hinted == code && says(lower, hint));
    let mut codes = codes.to_vec();
    codes.sort_by_key(|code| !hinted(code));
    codes
}

/// The codes that stand in the text, with their places: beside a number, or in a row or brackets that speak of money.
fn printed_codes(text: &str) -> Vec<(usize, &'static str)> {
    let mut found: Vec<(usize, &'static str)> = Vec::new();
    for code in CODES.iter().copied() {
        let places = text.match_indices(code).filter(|(at, _)| {
            let (before, after) = (&text[..*at], &text[at + code.len()..]);
            let apart = |c: Option<char>| !c.is_some_and(|c| c.is_alphabetic());
            let near =
                |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit() || matches!(c, '(' | '[' | '-' | '+'));
            let row = before.rsplit('\n').next().unwrap_or_default().to_lowercase();
            apart(before.chars().next_back())
                && apart(after.chars().next())
                && (near(before.trim_end_matches([' ', '\u{a0}']).chars().next_back())
                    || near(after.trim_start_matches([' ', '\u{a0}', '$', '€', '£']).chars().next())
                    || ["currency", "währung", "devise", "moneda", "valuta", " in "]
                        .iter()
                        .any(|word| row.contains(word)))
        });
        found.extend(places.map(|(at, _)| (at, code)));
    }
    found.sort_unstable();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        readings(text).into_iter().map(|reading| reading.value).collect()
    }

    #[test]
    fn a_sign_stands_first_and_its_code_behind_it() {
        assert_eq!(values("Total 12,00 €"), ["€", "EUR"]);
        assert_eq!(values("Total US$12.00"), ["US$", "USD", "CAD", "AUD", "NZD", "SGD", "HKD", "MXN"]);
        assert_eq!(values("Total 12 Euro"), ["euro", "EUR"]);
    }

    #[test]
    fn a_printed_code_is_its_own_reading() {
        assert_eq!(values("Total EUR 12.00"), ["EUR"]);
        assert_eq!(values("TRY OUR CAD TOOLS"), Vec::<String>::new());
    }

    #[test]
    fn words_of_a_country_choose_among_dollars() {
        assert_eq!(values("Toronto, Canada\nTotal $12.00")[1], "CAD");
    }
}
