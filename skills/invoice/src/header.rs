//! What stands at the head of an invoice: its number and its seller.

use crate::choice::Reading;
use crate::date;
use crate::kind::says;

const NUMBER_LABELS: [&str; 26] = [
    "invoice number",
    "invoice no.",
    "invoice no",
    "invoice nr",
    "invoice #",
    "invoice id",
    "inv no",
    "inv #",
    "rechnungsnummer",
    "rechnungs-nr.",
    "rechnungs-nr",
    "rechnungsnr.",
    "rechnungsnr",
    "rechnung nr.",
    "rechnung nr",
    "belegnummer",
    "facture n°",
    "facture no",
    "facture nº",
    "numéro de facture",
    "factura n.º",
    "factura nº",
    "número de factura",
    "fattura n.",
    "factuurnummer",
    "fakturanummer",
];

/// Titles behind which the number may follow at once.
const TITLES: [&str; 8] =
    ["invoice", "rechnung", "facture", "factura", "fattura", "factuur", "faktura", "fatura"];

const SELLER_LABELS: [&str; 12] = [
    "seller",
    "from",
    "vendor",
    "supplier",
    "issued by",
    "lieferant",
    "verkäufer",
    "rechnungssteller",
    "von",
    "vendeur",
    "fournisseur",
    "emisor",
];

/// The readings of the number: what stands behind its label, and words that look like one.
pub(crate) fn numbers(text: &str) -> Vec<Reading<String>> {
    let mut found: Vec<&str> = Vec::new();
    for label in NUMBER_LABELS {
        for line in text.lines() {
            // A word such as `no` may stand between.
            let words = behind(line, label).into_iter().flat_map(|rest| rest.split_whitespace().take(2));
            found.extend(words.filter(|word| is_number(word)).take(1));
        }
    }
    for title in TITLES {
        let rests = text.lines().filter_map(|line| behind(line, title));
        let words = rests.filter_map(|rest| rest.split_whitespace().next());
        found.extend(words.filter(|word| is_number(word) && !date::is_numeric(word)));
    }
    let prefixed = |word: &&str| {
        ["INV", "RE-", "RG-", "R-", "FA-", "F-"].iter().any(|prefix| word.starts_with(prefix))
            && is_number(word)
    };
    found.extend(text.split_whitespace().filter(prefixed));
    let mut readings: Vec<Reading<String>> = Vec::new();
    for word in found {
        let bare = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
        for value in [word, bare] {
            if !value.is_empty() && readings.iter().all(|reading| reading.value != value) {
                readings.push(Reading::text(value, fits(value)));
            }
        }
    }
    readings
}

fn is_number(word: &str) -> bool {
    word.contains(|c: char| c.is_ascii_digit())
}

/// What the schema's pattern asks for.
fn fits(value: &str) -> bool {
    let rest = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '_' | '-');
    value.starts_with(|c: char| c.is_ascii_alphanumeric()) && value.chars().all(rest) && value.len() <= 40
}

/// The readings of the seller: the labelled one, or none; and the first row that looks like a name.
pub(crate) fn sellers(text: &str) -> Vec<Reading<Option<String>>> {
    let labelled = SELLER_LABELS.iter().find_map(|label| {
        let mut lines = text.lines();
        lines.find_map(|line| {
            line.trim_start().to_lowercase().starts_with(label).then(|| behind(line, label))?
        })
    });
    let labelled =
        labelled.and_then(|rest| rest.split("   ").next()).map(str::trim).filter(|name| !name.is_empty());
    let first = text.lines().map(str::trim).find(|line| {
        let lower = line.to_lowercase();
        let is_title =
            ["invoice", "rechnung", "facture", "factura", "fattura", "factuur", "bill to", "date", "datum"];
        line.contains(char::is_alphabetic) && !is_title.iter().any(|title| says(&lower, title))
    });
    let mut names = vec![labelled.map(str::to_owned)];
    names.extend(first.filter(|first| labelled != Some(first)).map(|first| Some(first.to_owned())));
    let reading =
        |value: Option<String>| Reading { quoted: value.clone().unwrap_or_default(), fits: true, value };
    names.into_iter().map(reading).collect()
}

/// The rest of the line behind a label that stands there as a word, without colons.
fn behind<'a>(line: &'a str, label: &str) -> Option<&'a str> {
    let lower = line.to_lowercase();
    // Lower case may have another length; then places in one are none in the other.
    if lower.len() != line.len() || !says(&lower, label) {
        return None;
    }
    let rest = line.get(lower.find(label)? + label.len()..)?;
    Some(rest.trim_start_matches([':', '#', '.', ' ', '\t', '°', '|']))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_stands_behind_its_label() {
        let first = |text| numbers(text).first().map(|reading| reading.value.clone());
        assert_eq!(first("Invoice No: INV-2025/07  Date: 1 May"), Some("INV-2025/07".into()));
        assert_eq!(first("RECHNUNG\nRechnungs-Nr.: 2025-0815"), Some("2025-0815".into()));
        assert_eq!(first("INVOICE #4711"), Some("4711".into()));
        assert_eq!(first("Rechnung 2025-1234"), Some("2025-1234".into()));
        assert_eq!(first("Invoice date: 3 May 2025\nInvoice 03/04/2025"), None);
        assert_eq!(first("no number here"), None);
    }

    #[test]
    fn brackets_around_a_number_are_another_reading() {
        let values: Vec<_> =
            numbers("Invoice no (A-17)").into_iter().map(|reading| (reading.value, reading.fits)).collect();
        assert_eq!(values, [("(A-17)".into(), false), ("A-17".into(), true)]);
    }

    #[test]
    fn a_seller_without_a_label_is_only_another_reading() {
        let values = |text| sellers(text).into_iter().map(|reading| reading.value).collect::<Vec<_>>();
        assert_eq!(values("INVOICE\nAcme Ltd\nTotal 5"), [None, Some("Acme Ltd".into())]);
        assert_eq!(values("From: Acme Ltd"), [Some("Acme Ltd".into()), Some("From: Acme Ltd".into())]);
    }
}
