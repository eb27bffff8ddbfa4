//! Facts as JSON, byte for byte as `serde_json` writes them and in less than half of its time: an event is written for
//! each call of a skill, and most of its bytes are names and hashes without anything to escape.

use serde::Serialize;
use serde::ser::{self, SerializeMap};
use serde_json::Error;

/// How many bytes the payload of a call has at the most, but for a few.
const USUAL: usize = 448;

/// Writes a value as JSON.
///
/// # Errors
/// For a map whose keys are not text.
pub(crate) fn write<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut writer = Writer { out: Vec::with_capacity(USUAL), raw: false };
    value.serialize(&mut writer)?;
    Ok(writer.out)
}

struct Writer {
    out: Vec<u8>,
    /// The next text is JSON already.
    raw: bool,
}

/// The name under which `serde_json` hands over JSON that is written already.
const RAW: &str = "$serde_json::private::RawValue";

impl Writer {
    fn integer<I: itoa::Integer>(&mut self, integer: I) {
        self.out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
    }

    fn text(&mut self, text: &str) -> Result<(), Error> {
        if !is_plain(text.as_bytes()) {
            return serde_json::to_writer(&mut self.out, text);
        }
        self.plain(text);
        Ok(())
    }

    /// A text in which nothing is escaped.
    fn plain(&mut self, text: &str) {
        self.out.reserve(text.len() + 2);
        self.out.push(b'"');
        self.out.extend_from_slice(text.as_bytes());
        self.out.push(b'"');
    }

    /// `{"variant":`, before what a variant holds.
    fn open_variant(&mut self, variant: &str) {
        self.out.push(b'{');
        self.plain(variant);
        self.out.push(b':');
    }
}

/// Whether a text holds nothing that JSON escapes: no control character, quote or backslash. Eight bytes at a time.
fn is_plain(text: &[u8]) -> bool {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word & HIGH;
    let (words, rest) = text.as_chunks::<8>();
    let escaped = |word: u64| {
        below(word, 0x20)
            | below(word ^ (ONES * u64::from(b'"')), 1)
            | below(word ^ (ONES * u64::from(b'\\')), 1)
    };
    words.iter().all(|word| escaped(u64::from_le_bytes(*word)) == 0)
        && rest.iter().all(|byte| *byte >= 0x20 && *byte != b'"' && *byte != b'\\')
}

macro_rules! integers {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), Error> {
            self.integer(value);
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Open<'a>;
    type SerializeTuple = Open<'a>;
    type SerializeTupleStruct = Open<'a>;
    type SerializeTupleVariant = ser::Impossible<(), Error>;
    type SerializeMap = Open<'a>;
    type SerializeStruct = Open<'a>;
    type SerializeStructVariant = Open<'a>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
              serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, value: bool) -> Result<(), Error> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, &value)
    }

    fn serialize_f64(self, value: f64) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, &value)
    }

    fn serialize_char(self, value: char) -> Result<(), Error> {
        self.text(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), Error> {
        if std::mem::take(&mut self.raw) {
            self.out.extend_from_slice(value.as_bytes());
            return Ok(());
        }
        self.text(value)
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), Error> {
        serde_json::to_writer(&mut self.out, value)
    }

    fn serialize_none(self) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Error> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), Error> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Result<(), Error> {
        self.plain(variant);
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Error> {
        self.open_variant(variant);
        value.serialize(&mut *self)?;
        self.out.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(Open::new(self, b'[', b"]"))
    }

    fn serialize_tuple(self, length: usize) -> Result<Open<'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_struct(self, _: &'static str, length: usize) -> Result<Open<'a>, Error> {
        self.serialize_seq(Some(length))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, Error> {
        Err(ser::Error::custom(format_args!("no fact has a variant like `{variant}`")))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Open<'a>, Error> {
        Ok(Open::new(self, b'{', b"}"))
    }

    fn serialize_struct(self, name: &'static str, _: usize) -> Result<Open<'a>, Error> {
        if name == RAW {
            self.raw = true;
            return Ok(Open { writer: self, first: true, close: b"" });
        }
        Ok(Open::new(self, b'{', b"}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Open<'a>, Error> {
        self.open_variant(variant);
        Ok(Open::new(self, b'{', b"}}"))
    }
}

/// An object or a list that is not closed yet.
struct Open<'a> {
    writer: &'a mut Writer,
    first: bool,
    close: &'static [u8],
}

impl<'a> Open<'a> {
    fn new(writer: &'a mut Writer, open: u8, close: &'static [u8]) -> Self {
        writer.out.push(open);
        Self { writer, first: true, close }
    }

    fn comma(&mut self) {
        if !std::mem::take(&mut self.first) {
            self.writer.out.push(b',');
        }
    }

    fn field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), Error> {
        if !self.writer.raw {
            self.comma();
            // The name of a field in Rust, or what it was renamed to: nothing in it is escaped.
            self.writer.plain(key);
            self.writer.out.push(b':');
        }
        value.serialize(&mut *self.writer)
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.comma();
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.out.extend_from_slice(self.close);
    }
}

macro_rules! opened {
    ($($trait:ident: $method:ident($($key:ident)?) by $by:ident;)*) => {
        $(impl ser::$trait for Open<'_> {
            type Ok = ();
            type Error = Error;

            fn $method<T: Serialize + ?Sized>(&mut self, $($key: &'static str,)? value: &T) -> Result<(), Error> {
                self.$by($($key,)? value)
            }

            fn end(self) -> Result<(), Error> {
                self.close();
                Ok(())
            }
        })*
    };
}

opened! {
    SerializeSeq: serialize_element() by item;
    SerializeTuple: serialize_element() by item;
    SerializeTupleStruct: serialize_field() by item;
    SerializeStruct: serialize_field(key) by field;
    SerializeStructVariant: serialize_field(key) by field;
}

impl SerializeMap for Open<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Error> {
        self.comma();
        let start = self.writer.out.len();
        key.serialize(&mut *self.writer)?;
        if self.writer.out.get(start) != Some(&b'"') {
            return Err(ser::Error::custom("a key is not text"));
        }
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Error> {
        self.writer.out.push(b':');
        value.serialize(&mut *self.writer)
    }

    fn end(self) -> Result<(), Error> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;

    #[derive(Serialize)]
    #[serde(rename_all = "kebab-case")]
    enum Kind {
        Unit,
        Newtype(Value),
        Fields { a_number: i64, text: String },
    }

    #[derive(Serialize)]
    struct Inner {
        number: u64,
        #[serde(skip_serializing_if = "Option::is_none")]
        none: Option<u8>,
    }

    #[derive(Serialize)]
    #[serde(tag = "kind")]
    enum Tagged {
        #[serde(rename = "x.y")]
        Flat {
            #[serde(flatten)]
            inner: Inner,
            #[serde(flatten)]
            answer: Kind,
            raw: Box<RawValue>,
            list: (u8, f64, char, Option<()>),
        },
    }

    fn same<T: Serialize>(value: &T) {
        let (ours, theirs) =
            (write(value).expect("it serialises"), serde_json::to_vec(value).expect("it does too"));
        assert_eq!(String::from_utf8(ours), String::from_utf8(theirs));
    }

    #[test]
    fn it_writes_what_serde_json_writes() {
        for kind in [
            Kind::Unit,
            Kind::Newtype(json!({"a": [1, -2, 3.5, null, true, "\u{1f}\"\\é\u{7f}"], "é\n": {}, "": []})),
            Kind::Fields { a_number: i64::MIN, text: "line\nbreak".into() },
        ] {
            same(&kind);
        }
        let raw = RawValue::from_string(r#"{"as": "it is"}"#.into()).expect("it is JSON");
        let inner = Inner { number: u64::MAX, none: None };
        let answer = Kind::Newtype(Value::Null);
        same(&Tagged::Flat { inner, answer, raw, list: (1, 0.1, '"', Some(())) });
        same(&vec![Inner { number: 0, none: Some(1) }]);
    }

    #[test]
    fn every_byte_at_every_place_is_escaped_as_it_must_be() {
        for place in 0..20 {
            for character in (0..=0xff_u32).filter_map(char::from_u32) {
                let mut text = "x".repeat(20);
                text.replace_range(place..=place, character.encode_utf8(&mut [0; 4]));
                same(&text);
            }
        }
    }

    #[test]
    fn a_key_that_is_no_text_is_an_error() {
        assert!(write(&BTreeMap::from([(1, 2)])).is_err());
    }
}
