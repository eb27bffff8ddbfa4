//! Line items: which of a row's numbers is the quantity, the price of one and the amount. Knows nothing of totals.

use crate::Line;
use crate::number::{Mark, Number};
use crate::row::{Figure, Row};

/// What the second of two numbers in a row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Second {
    /// `3 × Pen   6.00`: the amount.
    Amount,
    /// `3 × Pen   2.00`: the price of one.
    UnitPrice,
}

/// The line of a row that has a quantity, a price and an amount which is their product.
pub(crate) fn product(row: &Row, mark: Mark, decimals: u32) -> Option<Line> {
    let (amount, factors) = row.figures.split_last()?;
    let amount = Number::read(&amount.digits, mark)?.minor(decimals)?;
    let factors: Vec<Number> =
        factors.iter().filter_map(|figure| Number::read(&figure.digits, mark)).collect();
    for (at, price) in factors.iter().enumerate().rev() {
        for quantity in factors[..at].iter().rev() {
            if quantity.times(*price, decimals) == Some(amount) {
                return Some(line(row, *quantity, *price, amount));
            }
        }
    }
    None
}

/// The line of a row. None if the row is no line item at all.
///
/// # Errors
/// Why the row cannot be read this way.
pub(crate) fn read(row: &Row, mark: Mark, decimals: u32, second: Second) -> Result<Option<Line>, String> {
    if !row.description.contains(char::is_alphabetic) {
        return Ok(None);
    }
    if let Some(line) = product(row, mark, decimals) {
        return Ok(Some(line));
    }
    let Some((last, before)) = row.figures.split_last().filter(|(last, _)| last.is_money) else {
        return Ok(None);
    };
    let money: Vec<&Figure> = before.iter().filter(|figure| figure.is_money).collect();
    if money.len() > 1 || (!money.is_empty() && before.len() > 1) {
        return Err(format!(
            "`{}` has an amount that is no product of its quantity and price",
            row.description
        ));
    }
    let amount = minor(last, mark, decimals)?;
    let Some(quantity) = quantity(before, last) else {
        return Ok(Some(line(row, Number::ONE, Number::from_minor(amount, decimals), amount)));
    };
    let read = Number::read(&quantity.digits, mark).filter(|number| number.is_positive());
    let read = read.ok_or_else(|| format!("`{}` is no quantity", quantity.digits))?;
    let price = Number::from_minor(amount, decimals);
    match second {
        Second::Amount if quantity.is_money && read == price => {
            Ok(Some(line(row, Number::ONE, price, amount)))
        }
        Second::Amount => {
            let one =
                price.over(read).ok_or_else(|| format!("`{}` does not divide evenly", row.description))?;
            Ok(Some(line(row, read, one, amount)))
        }
        Second::UnitPrice => {
            let amount =
                read.times(price, decimals).ok_or_else(|| format!("`{}` is too large", row.description))?;
            Ok(Some(line(row, read, price, amount)))
        }
    }
}

/// The number that can be a quantity: the first word of the row, or the one beside the amount. Others belong to the
/// description.
fn quantity<'a>(before: &'a [Figure], last: &Figure) -> Option<&'a Figure> {
    let near = |figure: &&Figure| last.position - figure.position <= 3;
    before.iter().rfind(near).or_else(|| before.first().filter(|figure| figure.position == 0))
}

/// An amount in minor units.
///
/// # Errors
/// It is no such amount with this mark.
pub(crate) fn minor(figure: &Figure, mark: Mark, decimals: u32) -> Result<i64, String> {
    let number = Number::read(&figure.digits, mark).and_then(|number| number.minor(decimals));
    number.ok_or_else(|| format!("`{}` is no amount with {}", figure.digits, name(mark)))
}

fn name(mark: Mark) -> &'static str {
    match mark {
        Mark::Point => "a decimal point",
        Mark::Comma => "a decimal comma",
    }
}

fn line(row: &Row, quantity: Number, price: Number, amount: i64) -> Line {
    Line {
        description: row.description.clone(),
        quantity: quantity.to_string(),
        unit_price: price.to_string(),
        amount,
    }
}
