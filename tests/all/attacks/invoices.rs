//! Invoices that nobody wrote the skill for: what it gives adds up, or a person has to look.

use ringfence_core::audit::Status;
use ringfence_core::error::Code;
use ringfence_core::pipeline::{Emitted, Order};
use serde_json::{Value, json};

use crate::harness::World;

const GERMAN: &str = "Schreinerei Holzwurm e.K.\nRechnung Nr. HW-88/24\nDatum: 07.11.2024\n\
    Pos  Bezeichnung          Menge  Einzelpreis   Betrag\n\
    1    Eichenplatte 120x60  3      149,50        448,50\n\
    2    Montage (Std.)       5,5     62,00        341,00\n\
    Zwischensumme  789,50\nMwSt 19 %  150,01\nGesamtbetrag  939,51 EUR\n";

const AMERICAN: &str = "INVOICE\nBlue Heron Consulting LLC\nInvoice #: 10-4471\nInvoice date: March 9, 2025\n\
    Due: 04/08/2025\n\nStrategy workshop   2 days @ $1,200.00   $2,400.00\n\
    Travel expenses                          $318.45\n\n\
    Subtotal $2,718.45\nSales tax (8.25%) $224.27\nAmount due: $2,942.72\n";

/// Its second line is wrong: four times 22.50 are 90.00, and the total follows neither.
const CONTRADICTORY: &str = "Atelier Lumi\u{e8}re\nFacture n\u{b0} F2025-031\nDate : 2 juin 2025\n\
    Lampe en verre  4 x 45,00  180,00\nPied laiton  4 x 22,50  95,00\n\
    Total HT 270,00\nTVA 20% 54,00\nTotal TTC 331,00 EUR\n";

fn read(world: &World, text: &str) -> Emitted {
    let order = world.order("invoice", &json!({ "text": text }).to_string());
    world.run(Order { max_corrections: 2, ..order })
}

/// Every amount in it is a whole number of cents, and they add up.
fn assert_adds_up(invoice: &Value) {
    let cents = |value: &Value| value.as_i64().unwrap_or_else(|| panic!("{value} in {invoice}"));
    let lines: i64 = invoice["lines"].as_array().unwrap().iter().map(|line| cents(&line["amount"])).sum();
    assert_eq!(lines, cents(&invoice["net"]), "the lines make the net sum: {invoice}");
    assert_eq!(cents(&invoice["net"]) + cents(&invoice["tax"]), cents(&invoice["total"]), "{invoice}");
}

#[test]
fn an_invoice_of_a_stranger_is_read_right_or_left_to_a_person() {
    let world = World::new();
    world.load("invoice");
    let mut repaired = 0;
    for (text, date, currency, total) in
        [(GERMAN, "2024-11-07", "EUR", 93_951), (AMERICAN, "2025-03-09", "USD", 294_272)]
    {
        let Emitted { outcome, .. } = read(&world, text);
        assert!((1..=3).contains(&outcome.attempts), "{outcome:?}");
        repaired += u32::from(outcome.status == Status::Completed && outcome.attempts > 1);
        let Some(invoice) = &outcome.output else {
            assert_eq!(outcome.status, Status::Failed, "{outcome:?}");
            assert!(!outcome.violations.is_empty(), "it says what is wrong: {outcome:?}");
            continue;
        };
        assert_adds_up(invoice);
        assert_eq!((&invoice["date"], &invoice["currency"]), (&json!(date), &json!(currency)), "{invoice}");
        assert_eq!(invoice["total"], total, "{invoice}");
    }
    assert_eq!(repaired, 2, "the host's violations repair a wrong first reading");
    world.assert_unharmed();
}

/// Nothing labels the seller, and the schema asks for none; the operator does.
#[test]
fn what_an_operator_requires_is_read_from_the_violation_of_it() {
    let world = World::with_policy(
        "[[rule]]\nskill = \"invoice\"\npath = \"/seller\"\nrequired = true\nschema = { type = \"string\" }\n",
    );
    world.load("invoice");
    for (text, seller) in [(GERMAN, "Schreinerei Holzwurm e.K."), (AMERICAN, "Blue Heron Consulting LLC")] {
        let Emitted { outcome, .. } = read(&world, text);
        assert!(outcome.status == Status::Completed && outcome.attempts > 1, "{outcome:?}");
        assert_eq!(outcome.output.unwrap()["seller"], seller);
    }
}

#[test]
fn an_invoice_that_contradicts_itself_is_left_to_a_person_after_the_bound() {
    let world = World::new();
    world.load("invoice");
    let Emitted { outcome, .. } = read(&world, CONTRADICTORY);
    assert_eq!(outcome.status, Status::Failed, "{outcome:?}");
    assert_eq!((outcome.error.unwrap().code, outcome.attempts), (Code::R0302, 3));
    assert!(!outcome.violations.is_empty());
}
