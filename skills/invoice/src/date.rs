//! The date of an invoice: as printed, and in ISO 8601.

use crate::choice::Reading;
use crate::kind::says;
use crate::month;

/// Rows whose date is another one.
const OTHERS: [&str; 20] = [
    "due",
    "fällig",
    "fälligkeit",
    "zahlbar",
    "échéance",
    "vencimiento",
    "scadenza",
    "delivery",
    "lieferdatum",
    "lieferung",
    "shipped",
    "order",
    "bestelldatum",
    "period",
    "zeitraum",
    "leistungszeitraum",
    "until",
    "bis",
    "valid",
    "payment",
];
/// Rows whose date is the one.
const OWN: [&str; 12] = [
    "invoice date",
    "rechnungsdatum",
    "date of issue",
    "issue date",
    "issued",
    "date",
    "datum",
    "date de facture",
    "fecha",
    "data",
    "dated",
    "ausgestellt",
];

/// A date in the text.
#[derive(Debug, Clone)]
struct Found {
    printed: String,
    parts: Parts,
    /// 0 for the invoice's own, 1 unlabelled, 2 for another.
    rank: u8,
}

/// What the printed date says.
#[derive(Debug, Clone, Copy)]
enum Parts {
    /// Year, month, day.
    Certain(u32, u32, u32),
    /// Two numbers whose order is unknown, and the year.
    Unordered(u32, u32, u32, char),
}

/// The readings of the date: as printed, and the days that it may be, the likeliest first.
pub(crate) fn readings(text: &str) -> Vec<Reading<String>> {
    let mut found = find(text);
    let month_first = month_first(&found, text);
    found.sort_by_key(|date| date.rank);
    let Some(best) = found.first() else {
        return Vec::new();
    };
    let mut readings =
        vec![Reading::text(best.printed.clone(), best.parts.iso(month_first) == [best.printed.as_str()])];
    // Another row's date is never the invoice's, however often this one is refused.
    for day in found.iter().filter(|date| date.rank == best.rank).flat_map(|date| date.parts.iso(month_first))
    {
        if readings.iter().all(|reading| reading.value != day) {
            readings.push(Reading::text(day, true));
        }
    }
    readings
}

impl Parts {
    fn iso(self, month_first: bool) -> Vec<String> {
        let orders = match self {
            Self::Certain(year, month, day) => vec![(year, month, day)],
            Self::Unordered(first, second, year, _) if month_first => {
                vec![(year, first, second), (year, second, first)]
            }
            Self::Unordered(first, second, year, _) => vec![(year, second, first), (year, first, second)],
        };
        let days = orders.into_iter().filter(|(year, month, day)| is_day(*year, *month, *day));
        days.map(|(year, month, day)| format!("{year:04}-{month:02}-{day:02}")).collect()
    }
}

fn is_day(year: u32, month: u32, day: u32) -> bool {
    let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let days = match month {
        2 => 28 + u32::from(leap),
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => 0,
    };
    (1900..=2999).contains(&year) && (1..=days).contains(&day)
}

/// Whether the month stands first: any date in the text may tell, otherwise the signs of a country that writes so.
fn month_first(found: &[Found], text: &str) -> bool {
    let mut unordered = found.iter().filter_map(|date| match date.parts {
        Parts::Unordered(first, second, _, mark) => Some((first, second, mark)),
        Parts::Certain(..) => None,
    });
    let told = unordered.clone().find(|(first, second, _)| (*first > 12) != (*second > 12));
    if let Some((_, second, _)) = told {
        return second > 12;
    }
    let american = ["USD", "US$", "USA", "Sales Tax", "sales tax", "Sales tax", "SALES TAX"];
    let american = american.iter().any(|sign| text.contains(sign))
        || text.contains('$') && !says(&text.to_lowercase(), "gst");
    american && unordered.all(|(_, _, mark)| mark == '/' || mark == '-')
}

fn find(text: &str) -> Vec<Found> {
    let mut found = Vec::new();
    for line in text.lines() {
        let spaced = line.replace([':', '|', '\t', ';', '(', ')', '[', ']'], " ");
        let words: Vec<&str> = spaced.split_whitespace().collect();
        let mut at = 0;
        while at < words.len() {
            match [1, 3, 4, 5, 2]
                .into_iter()
                .filter(|count| at + count <= words.len())
                .find_map(|count| parts(&words[at..at + count]).map(|parts| (count, parts)))
            {
                Some((count, parts)) => {
                    let printed = words[at..at + count].join(" ").trim_matches([',', '.']).to_owned();
                    found.push(Found { printed, parts, rank: rank(line, &words[..at]) });
                    at += count;
                }
                None => at += 1,
            }
        }
    }
    found
}

/// The rank by the words before the date in its row, the last label of which counts.
fn rank(line: &str, before: &[&str]) -> u8 {
    let label = match before {
        [] => line.to_lowercase(),
        words => words[words.len().saturating_sub(4)..].join(" ").to_lowercase(),
    };
    let last = |words: &[&str]| {
        words.iter().filter(|word| says(&label, word)).filter_map(|word| label.rfind(word)).max()
    };
    match (last(&OTHERS), last(&OWN)) {
        (None, Some(_)) => 0,
        (None, None) => 1,
        (Some(_), None) => 2,
        // `Due date` is another one; `Payment terms 30 days, invoice date` is not.
        (Some(other), Some(own))
            if label.get(other..own).is_some_and(|between| between.contains("invoice")) =>
        {
            0
        }
        (Some(other), Some(own)) if own > other + 12 => 0,
        _ => 2,
    }
}

fn parts(words: &[&str]) -> Option<Parts> {
    if let [word] = words {
        return numeric(word.trim_matches([',', '.']));
    }
    let words: Vec<&str> =
        words.iter().copied().filter(|word| !matches!(*word, "of" | "de" | "di" | "the")).collect();
    match words.as_slice() {
        [a, b, c] => match (month::number(a), month::number(b)) {
            (None, Some(month)) if day(a).is_some() => Some(Parts::Certain(year(c)?, month, day(a)?)),
            (Some(month), None) => Some(Parts::Certain(year(c)?, month, day(b)?)),
            (None, Some(month)) => Some(Parts::Certain(year(a)?, month, day(c)?)),
            _ => numeric(&words.concat()).filter(|_| b.len() <= 3 && a.ends_with(['.', '/'])),
        },
        [a, b] => {
            // `Dec 3,2025` and `3.März 2025`.
            let (first, second) = a.split_once('.').or_else(|| b.split_once(','))?;
            match month::number(a) {
                Some(month) => Some(Parts::Certain(year(second)?, month, day(first)?)),
                None => Some(Parts::Certain(year(b)?, month::number(second)?, day(first)?)),
            }
        }
        _ => None,
    }
}

/// Whether the word is a date of numbers.
pub(crate) fn is_numeric(word: &str) -> bool {
    numeric(word.trim_matches([',', '.'])).is_some_and(|parts| !parts.iso(false).is_empty())
}

/// `31/12/2025`, `2025-12-31`, `31.12.25`, `3-Dec-2025`.
fn numeric(word: &str) -> Option<Parts> {
    let mark = word.chars().find(|c| matches!(c, '/' | '-' | '.'))?;
    let parts: Vec<&str> = word.split(mark).collect();
    let [a, b, c] = parts.as_slice() else {
        return None;
    };
    if let Some(month) = month::number(b) {
        return Some(Parts::Certain(year(c)?, month, day(a)?));
    }
    let digits = |text: &str| (1..=4).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    if ![a, b, c].iter().all(|part| digits(part)) {
        return None;
    }
    if a.len() == 4 {
        return Some(Parts::Certain(year(a)?, b.parse().ok()?, c.parse().ok()?));
    }
    let (first, second): (u32, u32) = (a.parse().ok()?, b.parse().ok()?);
    let possible = (1..=31).contains(&first) && (1..=31).contains(&second) && (first <= 12 || second <= 12);
    possible.then(|| Some(Parts::Unordered(first, second, year(c)?, mark)))?
}

fn day(word: &str) -> Option<u32> {
    let word = word.trim_end_matches([',', '.']);
    let digits = ["st", "nd", "rd", "th", "er", "º"]
        .iter()
        .find_map(|ending| word.strip_suffix(ending))
        .unwrap_or(word);
    digits.parse().ok().filter(|day| (1..=31).contains(day))
}

fn year(word: &str) -> Option<u32> {
    let word = word.trim_end_matches([',', '.']).trim_start_matches('\'');
    let year: u32 = word.parse().ok()?;
    match word.len() {
        4 => (1900..=2999).contains(&year).then_some(year),
        2 => Some(2000 + year),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str) -> Vec<String> {
        readings(text).into_iter().map(|reading| reading.value).collect()
    }

    #[test]
    fn dates_are_read_in_many_forms() {
        for text in [
            "Dec 3, 2025",
            "December 3rd 2025",
            "3 December 2025",
            "3. Dezember 2025",
            "3 décembre 2025",
            "3 de diciembre de 2025",
            "3-Dec-2025",
            "3rd of December 2025",
            "3.Dezember 2025",
            "2025/12/03",
            "3 Dec '25",
        ] {
            assert_eq!(values(&format!("Date: {text}"))[1], "2025-12-03", "{text}");
        }
        assert_eq!(values("Rechnungsdatum: 3. März 2025")[1], "2025-03-03");
        assert_eq!(values("Datum 31.12.25")[1], "2025-12-31");
        assert_eq!(values("Date: 2025-12-03"), ["2025-12-03"]);
    }

    #[test]
    fn another_date_in_the_text_tells_the_order() {
        assert_eq!(
            values("Date: 03/04/2025\nDue date: 04/30/2025"),
            ["03/04/2025", "2025-03-04", "2025-04-03"]
        );
        assert_eq!(
            values("Due date: 30/04/2025 Invoice date: 03/04/2025"),
            ["03/04/2025", "2025-04-03", "2025-03-04"]
        );
        assert_eq!(values("Date: 03/04/2025 Total $5")[1], "2025-03-04");
    }

    #[test]
    fn days_that_do_not_exist_are_no_readings() {
        assert_eq!(values("Date: 30.02.2025"), ["30.02.2025"]);
        assert_eq!(values("Version 1.2.3, May be 2025"), Vec::<String>::new());
    }
}
