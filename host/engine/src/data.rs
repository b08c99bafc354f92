//! What a value of a workflow is: JSON with integers, cheap to clone and with one canonical text.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, SerializeSeq, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// The deepest nesting of lists and maps that a value from outside may have.
///
/// The recursion of printing, comparing and dropping a value is bounded by it.
pub const MAX_DEPTH: usize = 64;

/// A JSON value. Clones share their text, lists and maps; maps iterate in key order.
#[derive(Clone, Debug, Default)]
pub enum Data {
    /// Nothing.
    #[default]
    Null,
    /// True or false.
    Bool(bool),
    /// A number without fraction that fits 64 bits with sign.
    Int(i64),
    /// Any other finite number.
    Double(f64),
    /// Text in UTF-8.
    Text(Arc<str>),
    /// Values in order.
    List(Arc<Vec<Data>>),
    /// Values by name, in the order of the names.
    Map(Arc<BTreeMap<Arc<str>, Data>>),
}

/// Why a text is not a value.
#[derive(Debug, thiserror::Error)]
pub enum InvalidData {
    /// The text is not JSON.
    #[error("not JSON: {0}")]
    Syntax(String),
    /// Lists and maps are nested deeper than [`MAX_DEPTH`].
    #[error("nested deeper than {MAX_DEPTH} levels")]
    TooDeep,
    /// The text is longer than the caller allows.
    #[error("{size} bytes, of at most {limit}")]
    TooLarge {
        /// Length of the text in bytes.
        size: usize,
        /// What the caller allows, in bytes.
        limit: usize,
    },
}

/// Reads a value that may be left out: one that is there and says null is there.
pub(crate) fn present<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Data>, D::Error> {
    Data::deserialize(deserializer).map(Some)
}

impl Data {
    /// Returns the value that JSON `text` of at most `limit` bytes stands for.
    ///
    /// # Errors
    /// If the text is longer, nested too deeply, not JSON or holds a number that is not finite.
    pub fn from_json(text: &str, limit: usize) -> Result<Self, InvalidData> {
        if text.len() > limit {
            return Err(InvalidData::TooLarge {
                size: text.len(),
                limit,
            });
        }
        // serde_json itself stops at 128 levels, so that the depth can be measured without risk.
        let data: Self = serde_json::from_str(text).map_err(|error| InvalidData::Syntax(error.to_string()))?;
        if data.depth() > MAX_DEPTH {
            Err(InvalidData::TooDeep)
        } else {
            Ok(data)
        }
    }

    /// Returns the canonical text: no white space, keys sorted, shortest numbers that read back the same.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_else(|_| "null".to_owned())
    }

    /// Returns a text value.
    pub fn text(text: impl AsRef<str>) -> Self {
        Self::Text(Arc::from(text.as_ref()))
    }

    /// Returns a list of `items`.
    pub fn list(items: impl IntoIterator<Item = Self>) -> Self {
        Self::List(Arc::new(items.into_iter().collect()))
    }

    /// Returns a map of `entries`; of equal names the last one counts.
    pub fn map<K: Into<Arc<str>>>(entries: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(Arc::new(
            entries.into_iter().map(|(key, value)| (key.into(), value)).collect(),
        ))
    }

    /// Returns the number if it is finite, as an integer where it was one.
    pub fn double(number: f64) -> Option<Self> {
        number.is_finite().then_some(Self::Double(number))
    }

    /// Returns the entry called `name` of a map.
    pub fn get(&self, name: &str) -> Option<&Self> {
        match self {
            Self::Map(map) => map.get(name),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Text(_) | Self::List(_) => None,
        }
    }

    /// Returns the text of a text value.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::List(_) | Self::Map(_) => None,
        }
    }

    /// Returns whether this is null.
    pub fn is_null(&self) -> bool {
        matches!(self, Self::Null)
    }

    /// Returns the word for the kind of this value: `null boolean int double text list map`.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "boolean",
            Self::Int(_) => "int",
            Self::Double(_) => "double",
            Self::Text(_) => "text",
            Self::List(_) => "list",
            Self::Map(_) => "map",
        }
    }

    /// Returns the text that a template shows for this value (LANGUAGE rule R34): null is empty, text stands for
    /// itself, everything else is canonical JSON.
    pub fn to_display(&self) -> String {
        match self {
            Self::Null => String::new(),
            Self::Text(text) => text.to_string(),
            Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::List(_) | Self::Map(_) => self.to_json(),
        }
    }

    fn depth(&self) -> usize {
        match self {
            Self::List(items) => 1 + items.iter().map(Self::depth).max().unwrap_or(0),
            Self::Map(entries) => 1 + entries.values().map(Self::depth).max().unwrap_or(0),
            Self::Null | Self::Bool(_) | Self::Int(_) | Self::Double(_) | Self::Text(_) => 0,
        }
    }
}

/// Equality of values: numbers compare by what they say, so `1` equals `1.0`.
impl PartialEq for Data {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Null, Self::Null) => true,
            (Self::Bool(a), Self::Bool(b)) => a == b,
            (Self::Int(a), Self::Int(b)) => a == b,
            (Self::Double(a), Self::Double(b)) => a == b,
            (Self::Int(int), Self::Double(double)) | (Self::Double(double), Self::Int(int)) => {
                int_equals(*int, *double)
            }
            (Self::Text(a), Self::Text(b)) => a == b,
            (Self::List(a), Self::List(b)) => Arc::ptr_eq(a, b) || a == b,
            (Self::Map(a), Self::Map(b)) => Arc::ptr_eq(a, b) || a == b,
            _ => false,
        }
    }
}

fn int_equals(int: i64, double: f64) -> bool {
    // 2^63 as a double; outside of it no conversion is exact.
    const LIMIT: f64 = 9_223_372_036_854_775_808.0;
    double.fract() == 0.0 && (-LIMIT..LIMIT).contains(&double) && double as i64 == int
}

impl From<bool> for Data {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}
impl From<i64> for Data {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}
impl From<&str> for Data {
    fn from(value: &str) -> Self {
        Self::text(value)
    }
}
impl From<String> for Data {
    fn from(value: String) -> Self {
        Self::Text(Arc::from(value))
    }
}

impl fmt::Display for Data {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_json())
    }
}

impl Serialize for Data {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Null => serializer.serialize_unit(),
            Self::Bool(value) => serializer.serialize_bool(*value),
            Self::Int(value) => serializer.serialize_i64(*value),
            Self::Double(value) => serializer.serialize_f64(*value),
            Self::Text(text) => serializer.serialize_str(text),
            Self::List(items) => {
                let mut list = serializer.serialize_seq(Some(items.len()))?;
                for item in items.iter() {
                    list.serialize_element(item)?;
                }
                list.end()
            }
            Self::Map(entries) => {
                let mut map = serializer.serialize_map(Some(entries.len()))?;
                for (key, value) in entries.iter() {
                    map.serialize_entry(&**key, value)?;
                }
                map.end()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Data {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(DataVisitor)
    }
}

struct DataVisitor;

impl<'de> Visitor<'de> for DataVisitor {
    type Value = Data;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }
    fn visit_unit<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }
    fn visit_none<E>(self) -> Result<Data, E> {
        Ok(Data::Null)
    }
    fn visit_bool<E>(self, value: bool) -> Result<Data, E> {
        Ok(Data::Bool(value))
    }
    fn visit_i64<E>(self, value: i64) -> Result<Data, E> {
        Ok(Data::Int(value))
    }
    fn visit_u64<E>(self, value: u64) -> Result<Data, E> {
        Ok(i64::try_from(value).map_or(Data::Double(value as f64), Data::Int))
    }
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Data, E> {
        Data::double(value).ok_or_else(|| E::custom("a number that is not finite"))
    }
    fn visit_str<E>(self, value: &str) -> Result<Data, E> {
        Ok(Data::text(value))
    }
    fn visit_string<E>(self, value: String) -> Result<Data, E> {
        Ok(Data::from(value))
    }
    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Data, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Data::List(Arc::new(list)))
    }
    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Data, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<String, Data>()? {
            map.insert(Arc::from(key), value);
        }
        Ok(Data::Map(Arc::new(map)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_canonical_text_sorts_keys_and_keeps_numbers() {
        let data = Data::from_json(
            r#"{"b": 1.0, "a": [1, 2.5, 18446744073709551615, null], "c": {"z": "x", "y": true}}"#,
            1_000,
        )
        .unwrap();
        assert_eq!(
            data.to_json(),
            r#"{"a":[1,2.5,1.8446744073709552e+19,null],"b":1.0,"c":{"y":true,"z":"x"}}"#
        );
    }

    #[test]
    fn depth_and_length_are_bounded() {
        let deep = format!("{}{}", "[".repeat(65), "]".repeat(65));
        assert!(matches!(Data::from_json(&deep, 1_000), Err(InvalidData::TooDeep)));
        assert!(matches!(
            Data::from_json(&"[".repeat(10_000), 100_000),
            Err(InvalidData::Syntax(_))
        ));
        assert!(matches!(
            Data::from_json("12345", 4),
            Err(InvalidData::TooLarge { size: 5, limit: 4 })
        ));
    }

    #[test]
    fn whole_doubles_equal_integers() {
        assert_eq!(Data::Int(3), Data::Double(3.0));
        assert_ne!(Data::Int(i64::MAX), Data::Double(9_223_372_036_854_775_808.0));
        assert_ne!(Data::Int(1), Data::Bool(true));
    }
}
