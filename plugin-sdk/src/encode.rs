//! How does an output become JSON that the contract allows?
//!
//! The contract has integers of 64 bits with sign and finite numbers. serde_json would write a larger integer as it is
//! and turn `NaN` into `null` without a word, so this writer refuses both and says where they are.

use std::fmt;

use serde::Serialize;
use serde::ser::{self, Error as _};

/// Writes a value as JSON.
pub(crate) fn to_json<T: Serialize>(value: &T) -> Result<String, EncodeError> {
    let mut writer = Writer {
        text: String::new(),
        path: Vec::new(),
    };
    value.serialize(&mut writer)?;
    Ok(writer.text)
}

/// What the contract does not allow, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct EncodeError {
    path: String,
    problem: String,
}

impl fmt::Display for EncodeError {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path.as_str() {
            "" => formatter.write_str(&self.problem),
            path => write!(formatter, "`{path}`: {}", self.problem),
        }
    }
}

impl std::error::Error for EncodeError {}

impl ser::Error for EncodeError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self {
            path: String::new(),
            problem: message.to_string(),
        }
    }
}

enum Segment {
    Key(String),
    Index(usize),
}

struct Writer {
    text: String,
    path: Vec<Segment>,
}

impl Writer {
    fn refuse(&self, problem: impl Into<String>) -> EncodeError {
        let mut path = String::new();
        for segment in &self.path {
            match segment {
                Segment::Key(key) if path.is_empty() => path.push_str(key),
                Segment::Key(key) => path.extend([".", key]),
                Segment::Index(index) => path.push_str(&format!("[{index}]")),
            }
        }
        EncodeError {
            path,
            problem: problem.into(),
        }
    }

    fn integer(&mut self, value: impl TryInto<i64> + fmt::Display + Copy) -> Result<(), EncodeError> {
        match value.try_into() {
            Ok(value) => {
                self.text.push_str(&value.to_string());
                Ok(())
            }
            Err(_) => Err(self.refuse(format!(
                "{value} is beyond the integers of JSON here (64 bits with sign)"
            ))),
        }
    }

    fn quoted(&mut self, text: &str) {
        // Writing a text cannot fail; serde_json knows how to escape one.
        self.text.push_str(&serde_json::to_string(text).unwrap_or_default());
    }

    fn within<T: Serialize + ?Sized>(&mut self, segment: Segment, value: &T) -> Result<(), EncodeError> {
        self.path.push(segment);
        // A message of a `Serialize` implementation has no place yet: this one is it.
        let written = value.serialize(&mut *self).map_err(|error| match error.path.as_str() {
            "" => self.refuse(error.problem),
            _ => error,
        });
        self.path.pop();
        written
    }

    fn open(&mut self, variant: Option<&str>, open: char, close: char) -> Compound<'_> {
        if let Some(variant) = variant {
            self.text.push('{');
            self.quoted(variant);
            self.text.push(':');
        }
        self.text.push(open);
        Compound {
            writer: self,
            count: 0,
            close,
            in_variant: variant.is_some(),
            key: None,
        }
    }
}

struct Compound<'a> {
    writer: &'a mut Writer,
    count: usize,
    close: char,
    in_variant: bool,
    key: Option<String>,
}

impl Compound<'_> {
    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        self.comma();
        self.writer.within(Segment::Index(self.count - 1), value)
    }

    fn entry<T: Serialize + ?Sized>(&mut self, key: &str, value: &T) -> Result<(), EncodeError> {
        self.comma();
        self.writer.quoted(key);
        self.writer.text.push(':');
        self.writer.within(Segment::Key(key.to_owned()), value)
    }

    fn comma(&mut self) {
        if self.count > 0 {
            self.writer.text.push(',');
        }
        self.count += 1;
    }

    fn finish(self) -> Result<(), EncodeError> {
        self.writer.text.push(self.close);
        if self.in_variant {
            self.writer.text.push('}');
        }
        Ok(())
    }
}

macro_rules! integers {
    ($($method:ident: $type:ty),* $(,)?) => {
        $(fn $method(self, value: $type) -> Result<(), EncodeError> {
            self.integer(value)
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = EncodeError;
    type SerializeSeq = Compound<'a>;
    type SerializeTuple = Compound<'a>;
    type SerializeTupleStruct = Compound<'a>;
    type SerializeTupleVariant = Compound<'a>;
    type SerializeMap = Compound<'a>;
    type SerializeStruct = Compound<'a>;
    type SerializeStructVariant = Compound<'a>;

    integers! {
        serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64, serialize_i128: i128,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64, serialize_u128: u128,
    }

    fn serialize_bool(self, value: bool) -> Result<(), EncodeError> {
        self.text.push_str(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Result<(), EncodeError> {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Result<(), EncodeError> {
        // Adding zero turns -0 into 0, which has one canonical text.
        match serde_json::Number::from_f64(value + 0.0) {
            Some(number) => {
                self.text.push_str(&number.to_string());
                Ok(())
            }
            None => Err(self.refuse(format!("{value} is not a number of JSON"))),
        }
    }

    fn serialize_char(self, value: char) -> Result<(), EncodeError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Result<(), EncodeError> {
        self.quoted(value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_none(self) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), EncodeError> {
        self.text.push_str("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), EncodeError> {
        self.serialize_unit()
    }

    fn serialize_unit_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
    ) -> Result<(), EncodeError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Result<(), EncodeError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), EncodeError> {
        let mut compound = self.open(None, '{', '}');
        compound.entry(variant, value)?;
        compound.finish()
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(None, '[', ']'))
    }

    fn serialize_tuple(self, _length: usize) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(None, '[', ']'))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(None, '[', ']'))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(Some(variant), '[', ']'))
    }

    fn serialize_map(self, _length: Option<usize>) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(None, '{', '}'))
    }

    fn serialize_struct(self, _name: &'static str, _length: usize) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(None, '{', '}'))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<Compound<'a>, EncodeError> {
        Ok(self.open(Some(variant), '{', '}'))
    }
}

macro_rules! elements {
    ($($trait:ident :: $method:ident),* $(,)?) => {
        $(impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
                self.element(value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        })*
    };
}

elements! {
    SerializeSeq::serialize_element,
    SerializeTuple::serialize_element,
    SerializeTupleStruct::serialize_field,
    SerializeTupleVariant::serialize_field,
}

macro_rules! fields {
    ($($trait:ident),* $(,)?) => {
        $(impl ser::$trait for Compound<'_> {
            type Ok = ();
            type Error = EncodeError;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Result<(), EncodeError> {
                self.entry(key, value)
            }

            fn end(self) -> Result<(), EncodeError> {
                self.finish()
            }
        })*
    };
}

fields!(SerializeStruct, SerializeStructVariant);

impl ser::SerializeMap for Compound<'_> {
    type Ok = ();
    type Error = EncodeError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), EncodeError> {
        // Keys are texts; serde_json turns numbers and booleans into such.
        self.key = match serde_json::to_value(key).map_err(EncodeError::custom)? {
            serde_json::Value::String(key) => Some(key),
            serde_json::Value::Number(key) => Some(key.to_string()),
            serde_json::Value::Bool(key) => Some(key.to_string()),
            _ => return Err(self.writer.refuse("a key of a map must be a text")),
        };
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), EncodeError> {
        let key = self.key.take().unwrap_or_default();
        self.entry(&key, value)
    }

    fn end(self) -> Result<(), EncodeError> {
        self.finish()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde::Serialize;
    use serde_json::json;

    use super::to_json;

    #[derive(Serialize)]
    enum Shape {
        Dot,
        Disc(f64),
        Line(i8, i8),
        Box { width: u64 },
    }

    fn refused(value: impl Serialize) -> String {
        to_json(&value).unwrap_err().to_string()
    }

    #[test]
    fn writes_what_serde_json_writes() {
        let value = json!({
            "text": "a \"quoted\"\n\u{1} line", "list": [1, -2, 2.5, null, true, []], "map": { "": {} }, "large": i64::MAX,
        });
        assert_eq!(to_json(&value).unwrap(), value.to_string());
        let shapes = [Shape::Dot, Shape::Disc(0.5), Shape::Line(1, 2), Shape::Box { width: 3 }];
        assert_eq!(to_json(&shapes).unwrap(), serde_json::to_string(&shapes).unwrap());
        let keyed = BTreeMap::from([(1, 'a'), (2, 'b')]);
        assert_eq!(to_json(&keyed).unwrap(), r#"{"1":"a","2":"b"}"#);
    }

    #[test]
    fn a_number_that_is_none_is_refused_with_its_path() {
        let rows = BTreeMap::from([("rows", vec![vec![0.5], vec![1.0, f64::NAN]])]);
        assert_eq!(refused(rows), "`rows[1][1]`: NaN is not a number of JSON");
        assert_eq!(refused(f64::INFINITY), "inf is not a number of JSON");
    }

    #[test]
    fn an_integer_beyond_64_bits_with_sign_is_refused_with_its_path() {
        let value = vec![Shape::Box { width: u64::MAX }];
        assert_eq!(
            refused(value),
            "`[0].width`: 18446744073709551615 is beyond the integers of JSON here (64 bits with sign)"
        );
    }

    #[test]
    fn minus_zero_has_one_text() {
        assert_eq!(to_json(&-0.0_f64).unwrap(), "0.0");
    }
}
