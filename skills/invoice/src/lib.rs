//! Lesson five: correction. The first reading of an invoice takes everything as printed; the violations that the
//! host hands back say which field to read otherwise. Without violations it would answer the same again.
//!
//! Here lives what the skill takes and gives; `choice` picks among the readings that the other modules find.

mod adding;
mod amounts;
mod choice;
mod currency;
mod date;
mod header;
mod kind;
mod line;
mod month;
mod number;
mod row;

use choice::{Choice, Reading};
use ringfence_sdk::prelude::*;

/// An invoice as strict data.
#[data]
#[derive(PartialEq, Eq)]
pub struct Invoice {
    /// The number that the seller gave it.
    #[schemars(extend("pattern" = "^[A-Za-z0-9][A-Za-z0-9./_-]{0,39}$"))]
    pub number: String,
    /// Who wrote it, if the text says so.
    pub seller: Option<String>,
    /// The day on which it was written, in ISO 8601: `2025-12-31`.
    #[schemars(extend("pattern" = "^[0-9]{4}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])$"))]
    pub date: String,
    /// The currency in ISO 4217: `EUR`.
    #[schemars(extend("enum" = currency::CODES))]
    pub currency: String,
    /// What is charged for; discounts are lines with a negative amount, shipping is a line too.
    pub lines: Vec<Line>,
    /// Without tax, in the currency's minor unit. The lines add up to it, or to `total` where prices include tax.
    pub net: i64,
    /// The tax, in the currency's minor unit.
    pub tax: i64,
    /// `net` and `tax`, in the currency's minor unit.
    pub total: i64,
}

/// One line of an invoice.
#[data]
#[derive(PartialEq, Eq)]
pub struct Line {
    /// What is charged for.
    pub description: String,
    /// How much of it: a decimal number with at most four decimals.
    #[schemars(extend("pattern" = "^-?[0-9]+(\\.[0-9]{1,4})?$"))]
    pub quantity: String,
    /// The price of one, in the currency's major unit: a decimal number with at most four decimals.
    #[schemars(extend("pattern" = "^-?[0-9]+(\\.[0-9]{1,4})?$"))]
    pub unit_price: String,
    /// Quantity times unit price, in the currency's minor unit.
    pub amount: i64,
}

/// Reads the text of an invoice into strict JSON, with its number, date, currency, line items and totals that add up.
#[skill]
fn invoice(text: String, violations: Violations) -> Result<Invoice> {
    let choice = Choice::new(&violations);
    let currencies = currency::readings(&text);
    // Amounts need the number of decimals, however the currency is to be written in this attempt.
    let decimals = currencies
        .iter()
        .find(|reading| reading.fits)
        .map_or(2, |reading| currency::decimals(&reading.value));
    let amounts = amounts::readings(&text, decimals);
    let amounts = choice.pick(&amounts, &["/lines", "/net", "/tax", "/total"]);
    let amounts = amounts.map_or_else(|| Err("there are none".to_owned()), |reading| reading.value.clone());
    let amounts = amounts.map_err(|reason| Failure::retry(format!("the amounts do not add up: {reason}")))?;
    Ok(Invoice {
        number: text_of(choice.pick(&header::numbers(&text), &["/number"])),
        seller: choice.pick(&header::sellers(&text), &["/seller"]).and_then(|reading| reading.value.clone()),
        date: text_of(choice.pick(&date::readings(&text), &["/date"])),
        currency: text_of(choice.pick(&currencies, &["/currency"])),
        lines: amounts.lines,
        net: amounts.net,
        tax: amounts.tax,
        total: amounts.total,
    })
}

/// A field that the text does not hold is empty, which the schema refuses: a person should see it.
fn text_of(reading: Option<&Reading<String>>) -> String {
    reading.map(|reading| reading.value.clone()).unwrap_or_default()
}

#[cfg(test)]
mod tests;
#[cfg(test)]
mod variety;
