//! Lesson ten: a validator. It judges what `invoice` gives, with the text that it was given, and asks for no power: what no schema
//! can say, a function can.

use ringfence_sdk::Value;
use ringfence_sdk::prelude::*;

/// What is to be judged.
#[data]
pub struct Case {
    /// What the skill gave. It keeps to the skill's schema.
    pub output: Invoice,
    /// What the skill was given.
    pub input: Value,
}

/// Of an invoice, what has to add up.
#[data]
pub struct Invoice {
    /// The number that the seller gave it.
    pub number: String,
    /// What is charged for.
    pub lines: Vec<Line>,
    /// Without tax.
    pub net: i64,
    /// The tax.
    pub tax: i64,
    /// Both.
    pub total: i64,
    /// All else that it says.
    #[serde(flatten)]
    pub rest: std::collections::BTreeMap<String, Value>,
}

/// One line.
#[data]
pub struct Line {
    /// What it costs.
    pub amount: i64,
    /// All else that it says.
    #[serde(flatten)]
    pub rest: std::collections::BTreeMap<String, Value>,
}

/// Judges what `invoice` gives: the lines and totals add up, and the number stands in the text.
#[skill]
fn check_invoice(case: Case) -> Result<Vec<Fault>> {
    let Case { output: Invoice { number, lines, net, tax, total, .. }, input } = case;
    // Whatever the amounts are, their sum has room.
    let sum: i128 = lines.iter().map(|line| i128::from(line.amount)).sum();
    let (net, tax, total) = (i128::from(net), i128::from(tax), i128::from(total));
    let mut faults = Vec::new();
    if sum != net && sum != total {
        faults.push(Fault::at("/lines", format!("they add up to {sum}, neither to net nor to total")));
    }
    if net + tax != total {
        faults.push(Fault::at("/total", format!("net and tax add up to {}", net + tax)));
    }
    if !input["text"].as_str().is_some_and(|text| text.contains(&number)) {
        faults.push(Fault::at("/number", "it does not stand in the text"));
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn judged(amounts: &[i64], net: i64, tax: i64, total: i64) -> Vec<String> {
        let lines: Vec<_> =
            amounts.iter().map(|amount| json!({ "amount": amount, "description": "x" })).collect();
        let output = json!({ "number": "7", "lines": lines, "net": net, "tax": tax, "total": total, "date": "2025-01-01" });
        let input = json!({ "output": output, "input": { "text": "Invoice 7" } }).to_string();
        let faults = <check_invoice as Skill>::run(&input, &Host::fake()).unwrap();
        let faults: Value = faults.parse().unwrap();
        let paths = faults.as_array().unwrap().iter().map(|fault| fault["path"].as_str().unwrap().to_owned());
        paths.collect()
    }

    #[test]
    fn what_adds_up_is_accepted() {
        assert_eq!(judged(&[60, 40], 100, 19, 119), [""; 0]);
        assert_eq!(judged(&[119], 100, 19, 119), [""; 0], "prices may include tax");
    }

    #[test]
    fn what_does_not_add_up_is_named_by_its_place() {
        assert_eq!(judged(&[60, 41], 100, 19, 119), ["/lines"]);
        assert_eq!(judged(&[100], 100, 19, 120), ["/total"]);
        assert_eq!(judged(&[], i64::MAX, i64::MAX, i64::MAX), ["/lines", "/total"], "no sum overflows");
    }

    #[test]
    fn a_number_that_the_text_does_not_hold_is_invented() {
        let output = json!({ "number": "8", "lines": [], "net": 0, "tax": 0, "total": 0 });
        let case = json!({ "output": output, "input": { "text": "Invoice 7" } }).to_string();
        let faults = <check_invoice as Skill>::run(&case, &Host::fake()).unwrap();
        assert_eq!(faults, r#"[{"path":"/number","message":"it does not stand in the text"}]"#);
    }
}
