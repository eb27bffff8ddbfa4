//! One reading of all amounts, and whether they add up. Knows nothing of violations.

use crate::Line;
use crate::kind::Kind;
use crate::line::{self, Second};
use crate::number::Mark;
use crate::row::Row;

/// What the amounts of an invoice come to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Amounts {
    pub(crate) lines: Vec<Line>,
    pub(crate) net: i64,
    pub(crate) tax: i64,
    pub(crate) total: i64,
}

/// Whether discounts and shipping count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Extras {
    Counted,
    Ignored,
}

/// How the tax rows are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tax {
    /// Each adds to the net.
    OnTop,
    /// The last is the sum of those before it.
    LastOnTop,
    /// The prices include it.
    Included,
}

/// One way to read the amounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Way {
    pub(crate) mark: Mark,
    pub(crate) second: Second,
    pub(crate) extras: Extras,
    pub(crate) tax: Tax,
    /// Which row holds the total.
    pub(crate) total: usize,
}

/// Reads the amounts in one way.
///
/// # Errors
/// Why they cannot be read in this way, or do not add up.
pub(crate) fn read(rows: &[Row], way: Way, decimals: u32) -> Result<Amounts, String> {
    let (items, extras) = lines(rows, way, decimals)?;
    if items.is_empty() {
        return Err("no line items were found".to_owned());
    }
    let before_extras = sum(&items)?;
    let mut lines = items;
    if way.extras == Extras::Counted {
        lines.extend(extras);
    }
    let charged = sum(&lines)?;
    let taxes: Vec<i64> = amounts(rows, Kind::Tax, way, decimals)?;
    let tax = match way.tax {
        Tax::LastOnTop => *taxes.last().unwrap_or(&0),
        Tax::OnTop | Tax::Included => total_of(taxes.iter().copied())?,
    };
    let (net, total) = match way.tax {
        Tax::Included => (charged - tax, charged),
        Tax::OnTop | Tax::LastOnTop => (charged, charged.checked_add(tax).ok_or("they are too large")?),
    };
    let printed = rows.get(way.total).and_then(|row| row.figures.last()).ok_or("no total was found")?;
    let printed = line::minor(printed, way.mark, decimals)?;
    if printed != total {
        let (net, tax) = (shown(net, decimals), shown(tax, decimals));
        let printed = shown(printed, decimals);
        return Err(format!("the lines come to {net} and the tax to {tax}, but the total says {printed}"));
    }
    for printed in amounts(rows, Kind::Net, way, decimals)? {
        if ![before_extras, charged, net].contains(&printed) {
            let (charged, printed) = (shown(charged, decimals), shown(printed, decimals));
            return Err(format!("the lines come to {charged}, but the net says {printed}"));
        }
    }
    Ok(Amounts { lines, net, tax, total })
}

/// The line items, and the discounts and shipping as lines.
fn lines(rows: &[Row], way: Way, decimals: u32) -> Result<(Vec<Line>, Vec<Line>), String> {
    let titles = rows.iter().position(|row| row.kind == Kind::Titles).map_or(0, |at| at + 1);
    let end = rows
        .iter()
        .skip(titles)
        .position(|row| matches!(row.kind, Kind::Net | Kind::Total) && !row.figures.is_empty());
    let end = end.map_or(rows.len(), |end| titles + end);
    let (mut items, mut extras) = (Vec::new(), Vec::new());
    for (at, row) in rows.iter().enumerate() {
        let among_items = (titles..end).contains(&at);
        match row.kind {
            Kind::Item if among_items => items.extend(line::read(row, way.mark, decimals, way.second)?),
            Kind::Titles | Kind::Net | Kind::Total | Kind::Item => {}
            _ if among_items && line::product(row, way.mark, decimals).is_some() => {
                items.extend(line::product(row, way.mark, decimals));
            }
            Kind::Discount | Kind::Shipping => extras.extend(extra(row, way, decimals)?),
            Kind::Tax | Kind::Other => {}
        }
    }
    Ok((items, extras))
}

fn extra(row: &Row, way: Way, decimals: u32) -> Result<Option<Line>, String> {
    let Some(figure) = row.figures.last().filter(|figure| figure.is_money || row.figures.len() == 1) else {
        return Ok(None);
    };
    let amount = line::minor(figure, way.mark, decimals)?;
    let amount = if row.kind == Kind::Discount { -amount.abs() } else { amount };
    let price = crate::number::Number::from_minor(amount, decimals).to_string();
    Ok(Some(Line { description: row.description.clone(), quantity: "1".into(), unit_price: price, amount }))
}

/// The last amounts of the rows of a kind.
fn amounts(rows: &[Row], kind: Kind, way: Way, decimals: u32) -> Result<Vec<i64>, String> {
    let is_item = |row: &Row| kind == Kind::Tax && line::product(row, way.mark, decimals).is_some();
    let rows = rows.iter().filter(|row| row.kind == kind && !is_item(row));
    rows.filter_map(|row| row.figures.last()).map(|figure| line::minor(figure, way.mark, decimals)).collect()
}

fn sum(lines: &[Line]) -> Result<i64, String> {
    total_of(lines.iter().map(|line| line.amount))
}

fn total_of(mut amounts: impl Iterator<Item = i64>) -> Result<i64, String> {
    amounts.try_fold(0_i64, i64::checked_add).ok_or_else(|| "they are too large".to_owned())
}

fn shown(minor: i64, decimals: u32) -> String {
    crate::number::Number::from_minor(minor, decimals).to_string()
}
