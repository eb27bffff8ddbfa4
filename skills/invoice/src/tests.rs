//! The skill under a host that holds its output against the schema and hands the violations back.

use super::*;

/// What the schema complains of in an output.
fn held_against_schema(invoice: &Invoice) -> Violations {
    let digits = invoice.date.bytes().enumerate().all(|(at, byte)| match at {
        4 | 7 => byte == b'-',
        _ => byte.is_ascii_digit(),
    });
    let wrong = [
        ("/date", "pattern", !digits || invoice.date.len() != 10),
        ("/currency", "enum", !currency::CODES.contains(&invoice.currency.as_str())),
        ("/number", "pattern", invoice.number.is_empty() || invoice.number.contains(['(', ')', ','])),
    ];
    let wrong = wrong.into_iter().filter(|(_, _, wrong)| *wrong);
    wrong.map(|(path, rule, _)| Violation::new(path, rule, "it does not fit")).collect()
}

/// Runs attempts until one is accepted; the answer is the outcome and how many it took.
fn corrected(text: &str, operator: impl Fn(&Invoice) -> Violations) -> (Result<Invoice, Violations>, u32) {
    let mut violations = Violations::none();
    for attempt in 1..=5 {
        violations = match invoice(text.into(), violations) {
            Ok(invoice) => {
                let mut found: Vec<Violation> = held_against_schema(&invoice).into_iter().collect();
                found.extend(operator(&invoice));
                if found.is_empty() {
                    return (Ok(invoice), attempt);
                }
                found.into()
            }
            Err(Failure::Retry(message)) => vec![Violation::new("", "retry", message)].into(),
            Err(Failure::Stop(message)) => panic!("it stopped: {message}"),
        };
    }
    (Err(violations), 5)
}

pub(super) fn plain(text: &str) -> (Result<Invoice, Violations>, u32) {
    corrected(text, |_| Violations::none())
}

const GERMAN: &str = "Muster GmbH, Hauptstraße 5, 10115 Berlin
Rechnung Nr. RE-2025/0815      Rechnungsdatum: 3. März 2025
Fällig: 17. März 2025

Pos  Bezeichnung          Menge   Einzelpreis   Betrag
1    Beratung vor Ort     12,5 h     96,00 €   1.200,00 €
2    Fahrtkosten          2          17,28 €      34,56 €
Zwischensumme                                  1.234,56 €
zzgl. 19 % MwSt.                                 234,57 €
Gesamtbetrag                                   1.469,13 €
IBAN DE12 3456 7890 1234 5678 90";

const AMERICAN: &str = "INVOICE
Acme Tools Inc.
Invoice #: 10-4711
Date: Dec 3, 2025
Due date: 01/02/2026

Description            Qty   Unit Price    Amount
Cordless drill           2     $1,100.00   $2,200.00
Drill bits, set of 20    3        $24.50      $73.50
Subtotal                                   $2,273.50
Discount (10%)                              -$227.35
Shipping                                      $15.00
Sales tax 8%                                 $164.89
TOTAL                                      $2,226.04";

const FRENCH: &str = "Atelier Lumière SARL
Facture n° F2025-118
Date : 31/12/2025
Désignation | Quantité | Prix | Montant
Lampe de bureau | 4 | 312,50 € | 1 250,00 €
Total HT 1 250,00 €
TVA 20 % 250,00 €
Total TTC 1 500,00 €";

#[test]
fn a_plain_invoice_is_right_at_once() {
    let text = "Invoice no: A-1\nDate: 2025-12-03\n2 x Pen 1.50 3.00 EUR\nTotal: 3.00 EUR";
    let (invoice, attempts) = plain(text);
    let invoice = invoice.unwrap();
    assert_eq!(attempts, 1);
    assert_eq!((invoice.net, invoice.tax, invoice.total), (300, 0, 300));
    assert_eq!(invoice.lines[0].quantity, "2");
    assert_eq!(invoice.lines[0].description, "Pen");
}

#[test]
fn without_violations_it_answers_the_same_again() {
    let first = invoice(GERMAN.into(), Violations::none());
    assert!(matches!(&first, Err(Failure::Retry(_))));
    assert_eq!(invoice(GERMAN.into(), Violations::none()), first);
}

#[test]
fn a_german_invoice_is_repaired() {
    let (invoice, attempts) = plain(GERMAN);
    let invoice = invoice.unwrap();
    assert_eq!(attempts, 3);
    assert_eq!(
        (invoice.number.as_str(), invoice.date.as_str(), invoice.currency.as_str()),
        ("RE-2025/0815", "2025-03-03", "EUR")
    );
    assert_eq!((invoice.net, invoice.tax, invoice.total), (123_456, 23_457, 146_913));
    assert_eq!(invoice.lines[0].quantity, "12.5");
    assert_eq!(invoice.lines[0].unit_price, "96");
}

#[test]
fn an_american_invoice_with_discount_and_shipping_is_repaired() {
    let (invoice, attempts) = plain(AMERICAN);
    let invoice = invoice.unwrap();
    assert_eq!(attempts, 3);
    assert_eq!(
        (invoice.number.as_str(), invoice.date.as_str(), invoice.currency.as_str()),
        ("10-4711", "2025-12-03", "USD")
    );
    assert_eq!((invoice.net, invoice.tax, invoice.total), (206_115, 16_489, 222_604));
    assert_eq!(
        invoice.lines.iter().map(|line| line.amount).collect::<Vec<_>>(),
        [220_000, 7350, -22_735, 1500]
    );
}

#[test]
fn a_french_invoice_with_spaces_in_its_numbers_is_repaired() {
    let invoice = plain(FRENCH).0.unwrap();
    assert_eq!((invoice.date.as_str(), invoice.number.as_str()), ("2025-12-31", "F2025-118"));
    assert_eq!((invoice.net, invoice.tax, invoice.total), (125_000, 25_000, 150_000));
    assert_eq!(invoice.lines[0].unit_price, "312.5");
}

#[test]
fn prices_that_include_tax_are_told_from_those_that_do_not() {
    let text = "Invoice 7\nDate 5 May 2025\nTea 2 £3.00 £6.00\nTotal incl. VAT £6.00\nVAT included 20% £1.00";
    let invoice = plain(text).0.unwrap();
    assert_eq!((invoice.net, invoice.tax, invoice.total, invoice.currency.as_str()), (500, 100, 600, "GBP"));
}

#[test]
fn yen_have_no_decimals() {
    let text = "Invoice 7\nDate 5 May 2025\nTea set 2 ¥1,500 ¥3,000\nConsumption tax 10% ¥300\nTotal ¥3,300";
    let invoice = plain(text).0.unwrap();
    assert_eq!((invoice.net, invoice.total, invoice.currency.as_str()), (3000, 3300, "JPY"));
}

#[test]
fn an_operators_rule_chooses_the_other_order_of_day_and_month() {
    let text = "Invoice 7\nDate: 03/04/2025\nPen 1.00 EUR\nTotal 1.00 EUR";
    let too_late = |invoice: &Invoice| {
        let late = (invoice.date.as_str() > "2025-03-31")
            .then(|| Violation::new("/date", "rule:bounds", "it is too late"));
        late.into_iter().collect()
    };
    assert_eq!(corrected(text, too_late).0.unwrap().date, "2025-03-04");
    assert_eq!(plain(text).0.unwrap().date, "2025-04-03");
}

#[test]
fn an_operator_who_requires_a_seller_gets_the_first_row() {
    let required = |invoice: &Invoice| {
        let missing =
            invoice.seller.is_none().then(|| Violation::new("/seller", "rule:required", "there is none"));
        missing.into_iter().collect()
    };
    assert_eq!(corrected(AMERICAN, required).0.unwrap().seller.as_deref(), Some("Acme Tools Inc."));
}

#[test]
fn totals_that_do_not_add_up_stay_violated() {
    let violations = plain(&AMERICAN.replace("$2,226.04", "$2,326.04")).0.unwrap_err();
    assert_eq!(violations[0].rule, "retry");
    assert!(plain("Dear all,\nthe meeting is on Monday.").0.is_err());
}

#[test]
fn a_date_that_does_not_exist_stays_violated() {
    let violations = plain(&GERMAN.replace("3. März 2025", "31.02.2025")).0.unwrap_err();
    assert_eq!(violations[0].path, "/date");
}

#[test]
fn the_whole_skill_takes_text_and_gives_strict_json() {
    let mut host = Host::fake();
    host.violations = vec![Violation::new("", "retry", "the amounts do not add up")].into();
    let input = format!("{{\"text\":{:?}}}", FRENCH);
    let output = <invoice as Skill>::run(&input, &host).unwrap();
    assert!(output.contains(r#""currency":"€""#) && output.contains(r#""total":150000"#), "{output}");
    let schema = <invoice as Skill>::contract().output_schema;
    assert!(schema.contains(r#""enum":["AED""#) && schema.contains("^[0-9]{4}-"), "{schema}");
}

#[test]
fn a_size_is_part_of_the_description_and_a_quantity_times_a_price_is_not() {
    let described = |line: &str| {
        let row = row::Row::read(line, false);
        (row.description, row.figures.into_iter().map(|figure| figure.digits).collect::<Vec<_>>())
    };
    assert_eq!(described("Desk 120x60  2  199.00  398.00").0, "Desk 120x60");
    assert_eq!(described("Desk, oak 120x60  2  199.00  398.00").0, "Desk, oak 120x60");
    assert_eq!(described("Desk 120x60x75 cm  2  199.00  398.00").0, "Desk 120x60x75 cm");
    assert_eq!(
        described("Screws 12x25  300.00"),
        ("Screws".into(), ["12", "25", "300.00"].map(String::from).into())
    );
    assert_eq!(described("Chairs 4x79.50  318.00").1, ["4", "79.50", "318.00"]);
    assert_eq!(described("Cups 10x3  30.00").1, ["10", "3", "30.00"]);
    assert_eq!(described("Panels 20x35").1, ["20", "35"], "without money beside it, it may be the price");
}
