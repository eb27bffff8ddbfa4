//! All ways to read the amounts, the one at face value first. Decides nothing between those that add up.

use crate::adding::{self, Amounts, Extras, Tax, Way};
use crate::choice::Reading;
use crate::kind::Kind;
use crate::line::Second;
use crate::number::Mark;
use crate::row::Row;

/// Totals that are tried at most, from the last one upwards.
const TOTALS: usize = 4;

/// The readings of the amounts: the one at face value, whether it adds up or not, and every other that adds up to
/// something else.
///
/// At face value a decimal mark is a point, the first total is the total, discounts and shipping are remarks, and tax
/// comes on top.
pub(crate) fn readings(text: &str, decimals: u32) -> Vec<Reading<Result<Amounts, String>>> {
    let rows = |spaced| text.lines().map(|line| Row::read(line, spaced)).collect::<Vec<_>>();
    let (tight, spaced) = (rows(false), rows(true));
    let first =
        tight.iter().position(|row| matches!(row.kind, Kind::Net | Kind::Total) && !row.figures.is_empty());
    let face = Way {
        mark: Mark::Point,
        second: Second::Amount,
        extras: Extras::Ignored,
        tax: Tax::OnTop,
        total: first.unwrap_or(usize::MAX),
    };
    let mut readings = vec![reading(adding::read(&tight, face, decimals))];
    for rows in [&tight, &spaced] {
        for way in ways(rows) {
            let amounts = adding::read(rows, way, decimals);
            if amounts.is_ok() && readings.iter().all(|reading| reading.value != amounts) {
                readings.push(reading(amounts));
            }
        }
    }
    readings
}

fn reading(value: Result<Amounts, String>) -> Reading<Result<Amounts, String>> {
    let quoted = value.as_ref().map(|amounts| amounts.total.to_string()).unwrap_or_default();
    Reading { fits: value.is_ok(), value, quoted }
}

/// Every way, the likelier before the others.
fn ways(rows: &[Row]) -> Vec<Way> {
    let totals: Vec<usize> = rows
        .iter()
        .enumerate()
        .filter(|(_, row)| row.kind == Kind::Total && !row.figures.is_empty())
        .map(|(at, _)| at)
        .rev()
        .take(TOTALS)
        .collect();
    let mut ways = Vec::new();
    for mark in [Mark::Point, Mark::Comma] {
        for second in [Second::Amount, Second::UnitPrice] {
            for tax in [Tax::OnTop, Tax::LastOnTop, Tax::Included] {
                for extras in [Extras::Counted, Extras::Ignored] {
                    ways.extend(totals.iter().map(|total| Way { mark, second, extras, tax, total: *total }));
                }
            }
        }
    }
    ways
}
