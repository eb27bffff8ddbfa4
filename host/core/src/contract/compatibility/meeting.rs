//! Whether two schemas can both hold for one value, and whether two say the same.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use serde_json::{Map, Number, Value};

use super::known::{Known, OBJECT, target};

/// How deep tags are looked for.
const DEEPEST: usize = 2;

/// How many properties are looked at for a tag.
const TAGS: usize = 16;

/// Whether no value keeps both. False where that is not plain.
pub(super) fn never_meet<'a>(
    roots: (&'a Value, &'a Value),
    one: &Known<'a>,
    other: &Known<'a>,
    depth: usize,
    work: &mut u32,
) -> bool {
    *work = work.saturating_sub(u32::try_from(1 + one.size() + other.size()).unwrap_or(u32::MAX));
    if *work == 0 {
        return false;
    }
    if one.never || other.never || one.types() & other.types() == 0 {
        return true;
    }
    if let (Some(these), Some(those)) = (one.values(), other.values()) {
        if these.len().saturating_mul(those.len()) > 20_000 {
            return false;
        }
        return these.iter().all(|this| those.iter().all(|that| surely_differ(this, that)));
    }
    if depth == DEEPEST || (one.types() | other.types()) != OBJECT {
        return false;
    }
    let tags: BTreeSet<&str> = one.required().chain(other.required()).collect();
    tags.into_iter().take(TAGS).any(|tag| {
        let (this, that) = (one.property(tag).0, other.property(tag).0);
        let (this, that) = (Known::of(roots.0, &this), Known::of(roots.1, &that));
        never_meet(roots, &this, &that, depth + 1, work)
    })
}

fn surely_differ(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Number(one), Value::Number(other)) => one.as_f64() != other.as_f64(),
        (Value::Array(_), Value::Array(_)) | (Value::Object(_), Value::Object(_)) => false,
        _ => one != other,
    }
}

/// How two bounds compare; none where rounding could hide it.
pub(super) fn compare(one: &Number, other: &Number) -> Option<Ordering> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let whole = |n: &Number| n.as_i64().map(i128::from).or(n.as_u64().map(i128::from));
    if let (Some(one), Some(other)) = (whole(one), whole(other)) {
        return Some(one.cmp(&other));
    }
    let (one, other) = (one.as_f64()?, other.as_f64()?);
    if one.abs() < EXACT && other.abs() < EXACT { one.partial_cmp(&other) } else { None }
}

/// Whether two parts of two documents are equal, and all that they refer to.
pub(super) fn same<'a>(
    roots: (&'a Value, &'a Value),
    one: &'a Map<String, Value>,
    other: &'a Map<String, Value>,
    work: &mut u32,
) -> bool {
    if one != other {
        return false;
    }
    let (mut rest, mut seen) = (one.values().collect::<Vec<_>>(), BTreeSet::new());
    rest.extend(one.get("$ref"));
    while let Some(value) = rest.pop() {
        *work = work.saturating_sub(1);
        if *work == 0 {
            return false;
        }
        match value {
            Value::Array(items) => rest.extend(items),
            Value::Object(entries) => {
                rest.extend(entries.values());
                if let Some(reference) = entries.get("$ref")
                    && seen.insert(reference.as_str())
                {
                    match (target(roots.0, reference), target(roots.1, reference)) {
                        (Some(this), Some(that)) if this == that => rest.push(this),
                        _ => return false,
                    }
                }
            }
            _ => {}
        }
    }
    true
}
