//! JSON as a contract reads it: one value, each key once, no deeper than [`MAX_DEPTH`], no more than [`MAX_VALUES`].

use std::cell::Cell;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

/// How deep objects and arrays may nest.
pub const MAX_DEPTH: usize = 100;

/// How many values (objects, arrays, texts, numbers, …) one document may have: each takes many times its bytes.
pub const MAX_VALUES: usize = 100_000;

/// Parses one JSON value. Unlike plain `serde_json`, an object with the same key twice is an error: which of
/// both counts would differ from reader to reader.
///
/// # Errors
/// What is wrong and where (line and column).
pub fn parse(text: &str) -> Result<Value, String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let values = Cell::new(0);
    let value =
        Strict { depth: 0, values: &values }.deserialize(&mut deserializer).map_err(|why| why.to_string())?;
    deserializer.end().map_err(|why| why.to_string())?;
    Ok(value)
}

/// A value inside of something that is deserialised, read as strictly as by [`parse`]. Plain `serde_json` takes an object
/// with a certain key for text that is JSON itself, so that not everything that was written would be read as it was.
pub(crate) fn strict<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Value, D::Error> {
    Strict { depth: 0, values: &Cell::new(0) }.deserialize(deserializer)
}

/// The same where there may be none.
pub(crate) fn strict_option<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Value>, D::Error> {
    strict(deserializer).map(|value| Some(value).filter(|value| !value.is_null()))
}

/// What keys begin with that mean something of their own to programs that parse with `serde_json`.
const PRIVATE: &str = "$serde_json::private::";

#[derive(Clone, Copy)]
struct Strict<'a> {
    depth: usize,
    values: &'a Cell<usize>,
}

impl Strict<'_> {
    fn deeper<E: serde::de::Error>(self) -> Result<Self, E> {
        if self.depth >= MAX_DEPTH {
            return Err(E::custom(format_args!("nested more than {MAX_DEPTH} deep")));
        }
        Ok(Self { depth: self.depth + 1, values: self.values })
    }

    fn one_more<E: serde::de::Error>(self) -> Result<(), E> {
        self.values.set(self.values.get() + 1);
        if self.values.get() > MAX_VALUES {
            return Err(E::custom(format_args!("more than {MAX_VALUES} values")));
        }
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Strict<'_> {
    type Value = Value;
    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        self.one_more()?;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E: serde::de::Error>(self, value: f64) -> Result<Value, E> {
        Number::from_f64(value).map(Value::Number).ok_or_else(|| E::custom("a number that is not finite"))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(Value::String(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(inner)? {
            list.push(item);
        }
        Ok(Value::Array(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let inner = self.deeper()?;
        let mut object = Map::new();
        while let Some(Key(key)) = entries.next_key()? {
            if key.starts_with(PRIVATE) {
                return Err(A::Error::custom(format_args!("a key that begins with {PRIVATE}")));
            }
            let value = entries.next_value_seed(inner)?;
            if object.contains_key(&key) {
                let shown: String = key.chars().take(80).collect();
                return Err(A::Error::custom(format_args!("the key {shown:?} stands twice in one object")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[derive(Deserialize)]
struct Key(String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_stands_twice_is_refused() {
        assert!(parse(r#"{"a":1,"a":2}"#).expect_err("twice").contains("twice"));
        assert!(parse(r#"[{"a":{"b":1,"b":1}}]"#).is_err());
    }

    #[test]
    fn a_key_that_some_programs_take_for_something_else_is_refused() {
        let disguised = r#"[{"$serde_json::private::RawValue":"[1]"}]"#;
        assert_eq!(
            serde_json::from_str::<Value>(disguised).ok(),
            Some(serde_json::json!([[1]])),
            "as they read it"
        );
        for text in [disguised, r#"{"a":1,"$serde_json::private::Number":"1"}"#] {
            assert!(parse(text).expect_err(text).contains("a key that begins with $serde_json::private::"));
        }
    }

    #[test]
    fn a_million_nestings_are_refused_without_recursion_that_deep() {
        let text = "[".repeat(1_000_000);
        assert!(parse(&text).expect_err("deep").contains("nested more than 100 deep"));
    }

    #[test]
    fn more_values_than_the_host_wants_to_hold_are_refused() {
        let text = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert!(parse(&text).expect_err("many").contains("more than 100000 values"));
    }

    #[test]
    fn trailing_text_and_bare_words_are_refused() {
        for text in ["1 2", "NaN", "{'a':1}", "", "{\"a\":1,}", "Infinity"] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn ordinary_json_means_what_it_says() {
        let text = r#"{"b":[1,-2,3.5,null,true,"x"],"a":{}}"#;
        let plain: Value = serde_json::from_str(text).expect("plain JSON");
        assert_eq!(parse(text), Ok(plain));
    }
}
