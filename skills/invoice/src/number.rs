//! Decimal numbers as invoices print them. Knows no rows and no currencies.

use std::fmt;

/// The parts of one that a number is held in: ten-thousandths.
const PARTS: i128 = 10_000;

/// A decimal number with at most four decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Number(i128);

/// Which mark stands before the decimals.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mark {
    Point,
    Comma,
}

impl Number {
    pub(crate) const ONE: Self = Self(PARTS);

    /// Reads digits with marks. Thousands are parted correctly or not at all: `1.23` is no number with a decimal
    /// comma.
    pub(crate) fn read(word: &str, mark: Mark) -> Option<Self> {
        let (negative, digits) = match word.strip_prefix(['-', '−', '–']) {
            Some(rest) => (true, rest),
            None => (false, word.strip_prefix('+').unwrap_or(word)),
        };
        let (decimal, thousands) = match mark {
            Mark::Point => ('.', ','),
            Mark::Comma => (',', '.'),
        };
        let (whole, part) = digits.split_once(decimal).unwrap_or((digits, ""));
        let whole = whole.replace('’', "'");
        let parter = if whole.contains('\'') { '\'' } else { thousands };
        let groups: Vec<&str> = whole.split(parter).collect();
        let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let well_parted = match groups.as_slice() {
            [] => false,
            [whole] => (1..=12).contains(&whole.len()) && all_digits(whole),
            [first, rest @ ..] => {
                (1..=3).contains(&first.len())
                    && all_digits(first)
                    && rest.len() < 4
                    && rest.iter().all(|group| group.len() == 3 && all_digits(group))
            }
        };
        if !well_parted
            || part.len() > 4
            || !all_digits(part)
            || (part.is_empty() && digits.contains(decimal))
        {
            return None;
        }
        let whole: i128 = groups.concat().parse().ok()?;
        let part: i128 = format!("{part:0<4}").parse().ok()?;
        let value = whole * PARTS + part;
        Some(Self(if negative { -value } else { value }))
    }

    /// In minor units, if nothing is left over.
    pub(crate) fn minor(self, decimals: u32) -> Option<i64> {
        let unit = PARTS / 10_i128.pow(decimals);
        (self.0 % unit == 0).then(|| i64::try_from(self.0 / unit).ok())?
    }

    pub(crate) fn from_minor(minor: i64, decimals: u32) -> Self {
        Self(i128::from(minor) * (PARTS / 10_i128.pow(decimals)))
    }

    /// The product in minor units, half a unit rounded away from zero.
    pub(crate) fn times(self, other: Self, decimals: u32) -> Option<i64> {
        let unit = PARTS * PARTS / 10_i128.pow(decimals);
        let product = self.0.checked_mul(other.0)?;
        i64::try_from((product + product.signum() * unit / 2) / unit).ok()
    }

    /// The quotient, if four decimals hold it exactly.
    pub(crate) fn over(self, other: Self) -> Option<Self> {
        let dividend = self.0.checked_mul(PARTS)?;
        (other.0 != 0 && dividend % other.0 == 0).then(|| Self(dividend / other.0))
    }

    pub(crate) fn is_positive(self) -> bool {
        self.0 > 0
    }
}

impl fmt::Display for Number {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let value = self.0.unsigned_abs();
        let (whole, part) = (value / PARTS.unsigned_abs(), value % PARTS.unsigned_abs());
        match part {
            0 => write!(formatter, "{sign}{whole}"),
            _ => write!(formatter, "{sign}{whole}.{}", format!("{part:04}").trim_end_matches('0')),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_mark_reads_its_own_numbers_only() {
        let cents = |word, mark| Number::read(word, mark).and_then(|number| number.minor(2));
        assert_eq!(cents("1,234.56", Mark::Point), Some(123_456));
        assert_eq!(cents("1.234,56", Mark::Comma), Some(123_456));
        assert_eq!(cents("1'234.50", Mark::Point), Some(123_450));
        assert_eq!(cents("-12.5", Mark::Point), Some(-1250));
        for word in ["1.234,56", "100,00", "1,23", "", ".", "12.", "1,2345.00"] {
            assert_eq!(Number::read(word, Mark::Point), None, "{word}");
        }
        assert_eq!(cents("1.2345", Mark::Point), None);
    }

    #[test]
    fn products_round_half_a_unit_away_from_zero() {
        let read = |word| Number::read(word, Mark::Point).unwrap();
        assert_eq!(read("1.5").times(read("0.03"), 2), Some(5));
        assert_eq!(read("-1.5").times(read("0.03"), 2), Some(-5));
        assert_eq!(read("10").over(read("4")).unwrap().to_string(), "2.5");
        assert_eq!(read("10").over(read("3")), None);
    }
}
